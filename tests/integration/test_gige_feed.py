"""A GigE Vision camera kept open: unplugged and back, and each trigger answered once, whatever happens meanwhile."""

from __future__ import annotations

import faulthandler
import sys
import time
from threading import Condition

import pytest

from genicam_rigs import fake_gige
from lineside.capture.camera import CameraSettings, TriggerMode
from lineside.capture.feed import Feed
from lineside.capture.watch import State

PATIENCE_S = 60


class Watched:
    """A feed, and waits for what it says."""

    def __init__(self, address, **settings):
        self.frames, self.events, self.missed = [], [], []
        self._changed = Condition()
        small = {"Width": 64, "Height": 48, **settings.pop("features", {})}
        self.feed = Feed(
            CameraSettings("top", f"gige:{address}", features=small, **settings),
            on_frame=lambda frame: self._add(self.frames, frame),
            on_event=lambda event: self._add(self.events, event.code),
            on_missed=lambda part, error: self._add(self.missed, (part, error)),
        )

    def _add(self, kept, item):
        with self._changed:
            kept.append(item)
            self._changed.notify_all()

    def __enter__(self):
        self.feed.start()
        return self

    def __exit__(self, *_):
        self.feed.stop()
        self.feed.join(15)

    def is_open(self):
        """Waits for it: a camera that is triggered says nothing of its opening."""
        until_s = time.monotonic() + PATIENCE_S
        while self.feed.statistics().state not in {State.OPEN, State.WELL}:
            assert time.monotonic() < until_s, self.feed.statistics()
            time.sleep(0.01)

    def until(self, condition):
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_S):
                # Whatever holds it up, one of the threads is in it.
                faulthandler.dump_traceback(file=sys.__stderr__)
                pytest.fail(f"{len(self.frames)} pictures, {self.events}, {self.missed}")


@pytest.mark.parametrize("engine", ["aravis", "viva"])
def test_an_unplugged_camera_is_noticed_within_seconds_and_comes_back_with_its_numbers_in_one_row(engine):
    if engine == "viva":
        pytest.importorskip("viva_genicam", reason="pip install 'lineside[viva]'")
    with fake_gige() as fake, Watched(fake.address, fps=50, features={"engine": engine}) as watched:
        watched.until(lambda: len(watched.frames) > 20)
        fake.kill()
        killed_s = time.monotonic()
        watched.until(lambda: watched.events)
        assert time.monotonic() - killed_s < 5
        assert watched.events[0] in {"camera.lost", "camera.frozen"}
        fake.start()
        watched.until(lambda: "camera.back" in watched.events)
        seen = len(watched.frames)
        watched.until(lambda: len(watched.frames) > seen + 20)
    assert [frame.sequence for frame in watched.frames] == list(range(len(watched.frames)))


def test_each_trigger_has_one_answer_while_the_camera_is_unplugged_and_back():
    with fake_gige() as fake, Watched(fake.address, trigger=TriggerMode.SOFTWARE) as watched:
        watched.is_open()
        for part in range(5):
            watched.feed.trigger(part)
            watched.until(lambda part=part: any(f.part == part for f in watched.frames))
        fake.kill()
        for part in range(5, 8):
            watched.feed.trigger(part)
        watched.until(lambda: len(watched.missed) == 3)
        fake.start()
        watched.is_open()
        watched.feed.trigger(8)
        watched.until(lambda: len(watched.frames) + len(watched.missed) == 9)
    answers = [frame.part for frame in watched.frames] + [part for part, _ in watched.missed]
    assert sorted(answers) == list(range(9))
    assert [part for part, _ in watched.missed] == [5, 6, 7]
