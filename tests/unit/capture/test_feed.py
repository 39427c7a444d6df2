"""A feed over cameras whose faults and hangs are written down. Every wait is for a condition, and bounded."""

from __future__ import annotations

import threading
import time
from threading import Condition

import numpy as np
import pytest

from lineside.capture.camera import CameraSettings, TriggerMode
from lineside.capture.feed import MOST_REQUESTS, Feed
from lineside.capture.mailbox import Mailbox
from lineside.capture.watch import Limits, State
from lineside.core.backoff import Backoff
from lineside.core.delivery import Delivery
from lineside.core.errors import (
    CameraUnsetError,
    ImageFileError,
    SettingsError,
    SourceEndedError,
    SourceError,
)
from lineside.testing.cameras import Hang, Picture, Silence, StubCamera, StubCameras

PATIENCE_S = 20.0
QUICK = Limits(first_s=0.3, open_s=0.3, close_s=0.3)


class Heard:
    """What a feed said, and waits for it."""

    def __init__(self):
        self.frames, self.events, self.missed = [], [], []
        self._changed = Condition()

    def _add(self, list_, item):
        with self._changed:
            list_.append(item)
            self._changed.notify_all()

    def frame(self, frame):
        self._add(self.frames, frame)

    def event(self, event):
        self._add(self.events, event.code)

    def miss(self, part, error):
        self._add(self.missed, (part, error))

    def until(self, condition):
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_S), (
                f"{len(self.frames)} frames, {self.events}, {self.missed}"
            )


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def fed(heard):
    """Makes feeds that are started, and stops them."""
    feeds, hangs = [], []

    def make(openings=(), *, open_camera=None, on_frame=None, timeout_s=0.3, limits=QUICK, **settings):
        for opening in openings:
            hangs.extend(step for step in [opening, *(opening if isinstance(opening, list) else [])])
        feed = Feed(
            CameraSettings("top", "stub:", timeout_s=timeout_s, **settings),
            open_camera or StubCameras(openings),
            on_frame=on_frame or heard.frame,
            on_event=heard.event,
            on_missed=heard.miss,
            backoff=Backoff(0.01, 0.02),
            limits=limits,
        )
        feed.start()
        feeds.append(feed)
        return feed

    yield make
    for hang in hangs:
        if isinstance(hang, Hang):
            hang.ended.set()
    for feed in feeds:
        feed.stop()
    for feed in feeds:
        assert feed.join(PATIENCE_S)


def test_pictures_come_in_order_and_are_not_copied(fed, heard):
    images = []

    class Kept(StubCamera):
        def read(self, timeout_s):
            frame = super().read(timeout_s)
            if frame is not None:
                images.append(frame.image)
            return frame

    fed(open_camera=lambda settings: Kept(settings, [Picture(level) for level in range(5)]))
    heard.until(lambda: len(heard.frames) == 5)
    assert [frame.sequence for frame in heard.frames] == list(range(5))
    assert [frame.image.flat[0] for frame in heard.frames] == list(range(5))
    assert all(frame.image is image for frame, image in zip(heard.frames, images, strict=True))
    assert all(frame.part is None for frame in heard.frames)


def test_a_camera_that_is_lost_comes_back_and_numbers_go_on(fed, heard):
    feed = fed([[Picture(), SourceError("unplugged")], SourceError("no route"), [Picture(), Picture()]])
    heard.until(lambda: len(heard.frames) == 3 and "camera.back" in heard.events)
    assert heard.events[:2] == ["camera.lost", "camera.back"]
    assert [frame.sequence for frame in heard.frames[:3]] == [0, 1, 2]
    done = feed.statistics()
    assert (done.losses >= 1, done.refused, done.opened >= 2) == (True, 1, True)
    assert done.camera.frames >= 3


def test_a_silent_camera_is_frozen_and_opened_again(fed, heard):
    fed([[Picture()], [Picture(7)]])
    heard.until(lambda: "camera.back" in heard.events)
    assert heard.events[:2] == ["camera.frozen", "camera.back"]


def test_a_read_that_hangs_is_given_up_and_its_late_picture_dropped(fed, heard):
    hang = Hang()

    class Late(StubCamera):
        def read(self, timeout_s):
            if self._sequence == 1:
                hang.begun.set()
                hang.ended.wait()
                return self._picture(Picture(200))
            return super().read(timeout_s)

        def close(self):
            pass

    feed = fed(open_camera=first(lambda settings: Late(settings, [Picture(1)])))
    heard.until(lambda: "camera.back" in heard.events)
    assert feed.statistics().stuck == 1
    hang.ended.set()
    until = time.monotonic() + PATIENCE_S
    while feed.statistics().stuck and time.monotonic() < until:
        time.sleep(0.005)
    assert feed.statistics().late == 1
    assert 200 not in {frame.image.flat[0] for frame in heard.frames}


def test_an_opening_that_hangs_is_given_up(fed, heard):
    hang = Hang()
    fed([hang])
    heard.until(lambda: len(heard.frames) > 2)
    assert heard.events[:2] == ["camera.lost", "camera.back"]


def test_a_feed_stops_though_its_library_hangs(fed, heard):
    hang = Hang()
    feed = fed([[Picture(), hang]], timeout_s=60)
    hang.begun.wait(PATIENCE_S)
    began_s = time.monotonic()
    feed.stop()
    assert not feed.join(0.2)
    assert time.monotonic() - began_s < 5
    hang.ended.set()
    assert feed.join(PATIENCE_S)


def test_a_consumer_that_is_slow_is_no_fault_of_the_camera(fed, heard):
    def slow(frame):
        time.sleep(0.5)
        heard.frame(frame)

    feed = fed([], on_frame=slow)
    heard.until(lambda: len(heard.frames) == 3)
    assert heard.events == []
    assert feed.statistics().losses == 0


def test_a_driver_that_raises_what_nobody_knows_is_a_lost_camera(fed, heard):
    class Wild(StubCamera):
        def read(self, timeout_s):
            raise OSError("bus error")

    fed(open_camera=first(Wild))
    heard.until(lambda: "camera.back" in heard.events)
    assert heard.events[0] == "camera.lost"


def test_each_trigger_gets_the_picture_with_its_number(fed, heard):
    feed = fed([], trigger=TriggerMode.SOFTWARE)
    wait_for(feed, State.OPEN)
    for part in (7, 3, 99):
        feed.trigger(part)
        heard.until(lambda part=part: heard.frames and heard.frames[-1].part == part)
    assert [frame.part for frame in heard.frames] == [7, 3, 99]
    assert heard.missed == []


def test_a_trigger_of_a_camera_that_is_away_is_missed_at_once(fed, heard):
    feed = fed([SourceError("no route")] * 200, trigger=TriggerMode.PLC)
    heard.until(lambda: "camera.lost" in heard.events)
    feed.trigger(5)
    assert [part for part, _ in heard.missed] == [5]
    assert "no route" in str(heard.missed[0][1])


def test_a_trigger_without_a_picture_is_missed_and_its_camera_opened_again(fed, heard):
    feed = fed([[]], trigger=TriggerMode.SOFTWARE)
    wait_for(feed, State.OPEN)
    feed.trigger(1)
    heard.until(lambda: heard.missed)
    assert heard.missed[0][0] == 1
    heard.until(lambda: "camera.back" in heard.events)
    feed.trigger(2)
    heard.until(lambda: heard.frames)
    assert [frame.part for frame in heard.frames] == [2]


def test_a_picture_that_nobody_asked_for_never_gets_a_number(fed, heard):
    class Chatty(StubCamera):
        """Sends a picture by itself before the first that it is triggered for."""

        def read(self, timeout_s):
            if not self._due and self._sequence == 0:
                return self._picture(Picture(250))
            return super().read(timeout_s)

    feed = fed(open_camera=lambda settings: Chatty(settings, rest=Picture(1)), trigger=TriggerMode.SOFTWARE)
    wait_for(feed, State.OPEN)
    for part in range(3):
        feed.trigger(part)
        heard.until(lambda part=part: len(heard.frames) == part + 1)
    assert [frame.part for frame in heard.frames] == [0, 1, 2]
    assert {int(frame.image.flat[0]) for frame in heard.frames} == {1}
    assert feed.statistics().unasked >= 1


def test_a_picture_that_was_taken_before_its_trigger_is_not_the_triggers(fed, heard):
    class Behind(StubCamera):
        """Its first answer to a trigger was taken long before."""

        def read(self, timeout_s):
            if self._due and self._sequence == 0:
                frame = self._picture(Picture(250))
                return type(frame)(frame.image, frame.stream, 0, captured_s=frame.captured_s - 1)
            return super().read(timeout_s)

    feed = fed(open_camera=lambda settings: Behind(settings, rest=Picture(1)), trigger=TriggerMode.SOFTWARE)
    wait_for(feed, State.OPEN)
    feed.trigger(4)
    heard.until(lambda: heard.frames)
    assert (heard.frames[0].part, heard.frames[0].image.flat[0]) == (4, 1)


def test_a_camera_that_runs_though_it_should_be_triggered_is_refused(fed, heard):
    class Running(StubCamera):
        def read(self, timeout_s):
            return self._picture(Picture(250))

    feed = fed(open_camera=Running, trigger=TriggerMode.SOFTWARE)
    heard.until(lambda: "camera.lost" in heard.events)
    assert "trigger mode" in feed.statistics().fault
    assert heard.frames == []


def test_a_camera_that_sends_a_picture_too_many_for_each_trigger_is_refused(fed, heard):
    class Twice(StubCamera):
        """Answers each trigger with two pictures, the second of which would answer the next trigger."""

        def read(self, timeout_s):
            if self._due:
                self._again = True
            elif getattr(self, "_again", False):
                self._again = False
                return self._picture(Picture(250))
            return super().read(timeout_s)

    feed = fed(open_camera=lambda settings: Twice(settings, rest=Picture(1)), trigger=TriggerMode.SOFTWARE)
    wait_for(feed, State.OPEN)
    for part in range(4):
        feed.trigger(part)
        heard.until(lambda part=part: len(heard.frames) + len(heard.missed) == part + 1)
    heard.until(lambda: "camera.lost" in heard.events)
    assert {int(frame.image.flat[0]) for frame in heard.frames} <= {1}


def test_a_listener_that_fails_ends_neither_the_watch_nor_the_camera(heard, caplog):
    def angry(_):
        raise RuntimeError("no")

    def frame(frame):
        heard.frame(frame)
        if frame.part == 1:
            raise RuntimeError("the engine is full")

    settings = CameraSettings("top", "stub:", trigger=TriggerMode.PLC)
    with Feed(
        settings,
        StubCameras([[SourceError("unplugged")]]),
        on_frame=frame,
        on_event=angry,
        on_missed=heard.miss,
        backoff=Backoff(0.01, 0.02),
    ) as feed:
        until = time.monotonic() + PATIENCE_S
        while feed.statistics().opened < 2 and time.monotonic() < until:
            time.sleep(0.002)
        for part in (1, 2):
            feed.trigger(part)
        heard.until(lambda: len(heard.frames) == 2 and heard.missed)
    assert [part for part, _ in heard.missed] == [1]
    assert "the engine is full" in str(heard.missed[0][1])
    assert feed.statistics().losses == 1


def test_a_spoilt_picture_is_missed_and_the_camera_stays_open(fed, heard):
    feed = fed([[ImageFileError("packets are missing"), Picture(3)]], trigger=TriggerMode.SOFTWARE)
    wait_for(feed, State.OPEN)
    feed.trigger(1)
    feed.trigger(2)
    heard.until(lambda: heard.frames and heard.missed)
    assert [part for part, _ in heard.missed] == [1]
    assert isinstance(heard.missed[0][1], ImageFileError)
    assert [frame.part for frame in heard.frames] == [2]
    assert feed.statistics().losses == 0


def test_spoilt_pictures_of_a_running_camera_are_told_with_their_number(fed, heard):
    fed([[*[ImageFileError("packets are missing")] * 5, Picture(), *[Silence()] * 3]])
    heard.until(lambda: heard.frames and "camera.incomplete" in heard.events)
    assert [part for part, _ in heard.missed] == [None] * 5
    assert heard.events.count("camera.incomplete") == 1


def test_more_triggers_than_a_camera_can_owe_are_missed_at_once(fed, heard):
    hang = Hang()
    feed = fed([[hang]], trigger=TriggerMode.SOFTWARE, timeout_s=60, limits=Limits())
    wait_for(feed, State.OPEN)
    hang.begun.wait(PATIENCE_S)
    for part in range(MOST_REQUESTS + 2):
        feed.trigger(part)
    assert [part for part, _ in heard.missed] == [MOST_REQUESTS, MOST_REQUESTS + 1]
    feed.stop()
    assert sorted(part for part, _ in heard.missed) == list(range(MOST_REQUESTS + 2))


def test_every_trigger_has_one_answer_whatever_the_camera_does(fed, heard):
    rng = np.random.default_rng(3)
    steps = {
        0: Picture,
        1: Silence,
        2: lambda: ImageFileError("damaged"),
        3: lambda: SourceError("unplugged"),
    }
    openings = [[steps[int(k)]() for k in rng.choice(4, 12, p=[0.7, 0.1, 0.1, 0.1])] for _ in range(40)]
    feed = fed(openings, trigger=TriggerMode.PLC, timeout_s=0.05)
    for part in range(300):
        feed.trigger(part)
        time.sleep(0.001)
    heard.until(lambda: len(heard.frames) + sum(p is not None for p, _ in heard.missed) >= 300)
    answered = [frame.part for frame in heard.frames] + [part for part, _ in heard.missed if part is not None]
    assert sorted(answered) == list(range(300))
    assert len({frame.part for frame in heard.frames}) > 20


def test_a_camera_that_runs_by_itself_is_not_triggered(fed):
    with pytest.raises(SettingsError, match="trigger software or plc"):
        fed([]).trigger(1)


def test_another_size_after_coming_back_is_told(fed, heard):
    fed([[Picture(), SourceError("unplugged")], [Picture(shape=(10, 12))]])
    heard.until(lambda: "camera.changed" in heard.events)


def test_what_has_ended_is_not_opened_again(fed, heard):
    feed = fed([[Picture(), SourceEndedError("the last picture was given")]])
    heard.until(lambda: "camera.ended" in heard.events)
    assert feed.join(PATIENCE_S)
    assert feed.statistics().state is State.ENDED
    assert feed.statistics().opened == 1


def test_statistics_tell_the_rate_and_the_age(fed, heard):
    feed = fed([])
    heard.until(lambda: len(heard.frames) > 10)
    done = feed.statistics()
    assert 10 < done.fps < 200
    assert 0 <= done.age_s < 5
    assert (done.state, done.fault, done.stuck) == (State.WELL, "", 0)


def test_no_thread_is_left_behind(heard):
    before = set(threading.enumerate())
    with Feed(
        CameraSettings("top", "stub:"), StubCameras(), on_frame=heard.frame, on_event=heard.event
    ) as feed:
        heard.until(lambda: heard.frames)
    assert feed.join(PATIENCE_S)
    assert set(threading.enumerate()) == before


def test_a_mailbox_keeps_the_newest_or_all():
    newest, every = Mailbox(Delivery.LATEST), Mailbox(Delivery.EVERY_PART, room=2)
    for number in range(4):
        newest.put(number)
        every.put(number)
    assert (newest.take(0), newest.take(0), newest.dropped) == (3, None, 3)
    assert (every.take(0), every.take(0), every.take(0), every.dropped) == (0, 1, None, 2)


def test_a_mailbox_that_is_closed_gives_what_waits_first():
    box = Mailbox(Delivery.EVERY_PART)
    box.put(1)
    box.close(SourceError("over"))
    assert box.take(0) == 1
    with pytest.raises(SourceError, match="over"):
        box.take(0)


def wait_for(feed, state):
    until = time.monotonic() + PATIENCE_S
    while feed.statistics().state is not state:
        assert time.monotonic() < until
        time.sleep(0.002)


def first(opener):
    """Opens one camera in its own way, and then stubs."""
    openers = [opener]
    stubs = StubCameras()

    def open_camera(settings):
        return openers.pop()(settings) if openers else stubs(settings)

    return open_camera


class Settable(StubCamera):
    """A camera that takes features, and says what it had when it took a picture."""

    def __init__(self, settings, hang=None):
        super().__init__(settings, rest=Picture())
        self.features, self._hang = dict(settings.features), hang
        self.had = []

    def configure(self, features):
        if self._hang is not None:
            self._hang.wait()
        if features.get("Gain"):
            self.features["Gain"] = "nobody knows"
            raise SettingsError("camera top: Gain: expected less")
        self.features.update(features)

    def trigger(self):
        super().trigger()
        self.had.append(self.features.get("ExposureTime"))


@pytest.fixture
def settable():
    class Settables:
        def __init__(self):
            self.opened, self.hangs = [], []

        def __call__(self, settings):
            self.opened.append(Settable(settings, self.hangs.pop(0) if self.hangs else None))
            return self.opened[-1]

    return Settables()


def opened_triggered(fed, settable, **settings):
    feed = fed(open_camera=settable, trigger=TriggerMode.SOFTWARE, **settings)
    until_s = time.monotonic() + PATIENCE_S
    while feed.statistics().state is not State.OPEN:
        assert time.monotonic() < until_s
        time.sleep(0.001)
    return feed


def test_features_change_behind_the_triggers_before_them_and_before_those_behind(fed, heard, settable):
    feed = opened_triggered(fed, settable, features={"ExposureTime": 1.0})
    feed.trigger(1)
    feed.trigger(2)
    feed.configure({"ExposureTime": 2.0})
    feed.trigger(3)
    heard.until(lambda: len(heard.frames) == 3)
    assert settable.opened[0].had == [1.0, 1.0, 2.0]
    heard.until(lambda: heard.events == ["camera.configured"])


def test_what_a_camera_took_holds_after_it_was_lost_and_what_it_refused_is_undone(fed, heard, settable):
    feed = opened_triggered(fed, settable, features={"ExposureTime": 1.0, "Gain": 0})
    feed.configure({"ExposureTime": 2.0}, "long")
    heard.until(lambda: heard.events == ["camera.configured"])
    feed.configure({"Gain": 1e9}, "bright")
    heard.until(lambda: "camera.back" in heard.events)
    assert heard.events == ["camera.configured", "camera.refused", "camera.lost", "camera.back"]
    assert settable.opened[1].features == {"ExposureTime": 2.0, "Gain": 0}
    feed.trigger(1)
    heard.until(lambda: heard.frames)
    assert heard.frames[0].setting == "long"


def test_a_camera_whose_kind_takes_no_features_refuses_them_and_goes_on(fed, heard):
    feed = fed(features={"ExposureTime": 1.0})
    feed.configure({"ExposureTime": 2.0})
    heard.until(lambda: heard.events == ["camera.refused"])
    seen = len(heard.frames)
    heard.until(lambda: len(heard.frames) > seen + 3)
    assert feed.statistics().opened == 1


def test_a_change_that_hangs_is_made_again_with_the_next_opening(fed, heard, settable):
    hang = threading.Event()
    settable.hangs = [hang]
    feed = opened_triggered(fed, settable, features={"ExposureTime": 1.0})
    feed.configure({"ExposureTime": 2.0})
    heard.until(lambda: "camera.configured" in heard.events)
    hang.set()
    feed.stop()
    assert feed.join(PATIENCE_S)
    assert "camera.refused" not in heard.events
    assert [camera.features["ExposureTime"] for camera in settable.opened[1:2]] == [2.0]


def test_a_change_that_never_ends_well_is_refused_and_the_camera_is_opened_with_what_it_had(
    fed, heard, settable
):
    hang = threading.Event()
    settable.hangs = [hang] * 3
    feed = opened_triggered(fed, settable, features={"ExposureTime": 1.0})
    feed.configure({"ExposureTime": 2.0}, "long")
    heard.until(lambda: "camera.refused" in heard.events)
    hang.set()
    wait_for(feed, State.OPEN)
    feed.trigger(1)
    heard.until(lambda: heard.frames)
    assert heard.frames[0].setting == ""
    assert settable.opened[3].features == {"ExposureTime": 1.0}
    assert heard.events.count("camera.refused") == 1
    assert "camera.configured" not in heard.events


def test_what_is_not_named_goes_back_to_the_settings_and_each_picture_says_what_its_camera_had(
    fed, heard, settable
):
    feed = opened_triggered(fed, settable, features={"ExposureTime": 1.0, "Black": 3})
    for part, (features, name) in enumerate(
        [({}, ""), ({"ExposureTime": 2.0}, "long"), ({"Black": 5}, "black"), ({}, "")]
    ):
        feed.configure(features, name)
        feed.trigger(part)
        heard.until(lambda part=part: len(heard.frames) == part + 1)
    assert [frame.setting for frame in heard.frames] == ["", "long", "black", ""]
    assert settable.opened[0].had == [1.0, 2.0, 1.0, 1.0]
    assert settable.opened[0].features == {"ExposureTime": 1.0, "Black": 3}
    with pytest.raises(
        SettingsError, match="Gain: expected a feature that the camera's settings have a value for"
    ):
        feed.configure({"Gain": 1}, "bright")


def test_a_camera_that_was_away_when_the_product_changed_is_set_before_its_first_picture(
    fed, heard, settable
):
    refusals = [SourceError("no route")] * 3

    def open_camera(settings):
        if refusals:
            raise refusals.pop()
        return settable(settings)

    feed = fed(open_camera=open_camera, features={"ExposureTime": 1.0}, trigger=TriggerMode.SOFTWARE)
    feed.configure({"ExposureTime": 2.0}, "long")
    wait_for(feed, State.OPEN)
    feed.trigger(1)
    heard.until(lambda: heard.frames)
    assert settable.opened[0].had == [2.0]
    assert heard.frames[0].setting == "long"


def test_pictures_of_a_running_camera_that_may_be_of_before_are_of_no_known_setting(fed, heard):
    class Running(Settable):
        settles_s = 0.05

        def _picture(self, picture):
            time.sleep(0.005)
            return super()._picture(picture)

    feed = fed(open_camera=Running, features={"ExposureTime": 1.0})
    heard.until(lambda: len(heard.frames) > 3)
    feed.configure({"ExposureTime": 2.0}, "long")
    heard.until(lambda: heard.frames[-1].setting == "long")
    told = [frame.setting for frame in heard.frames]
    first_new = told.index("long")
    assert set(told[:first_new]) == {"", None}
    assert told[first_new - 1] is None
    since_s = heard.frames[first_new].captured_s
    assert all(frame.captured_s < since_s for frame in heard.frames[:first_new])


def test_a_trigger_that_waited_too_long_for_features_says_so(fed, heard, settable):
    hang, late_s = threading.Event(), [0.0]
    settable.hangs = [hang]
    feed = opened_triggered(
        fed,
        settable,
        timeout_s=60,
        clock=lambda: time.monotonic() + late_s[0],
        features={"ExposureTime": 1.0},
    )
    feed.configure({"ExposureTime": 2.0}, "long")
    feed.trigger(1)
    late_s[0] = 1.0
    hang.set()
    heard.until(lambda: heard.missed)
    assert isinstance(heard.missed[0][1], CameraUnsetError)
    assert "to take its features" in str(heard.missed[0][1])


def test_features_change_before_the_triggers_behind_them_also_where_one_before_them_is_too_late(
    fed, heard, settable
):
    hang, late_s = threading.Event(), [0.0]
    settable.hangs = [hang]
    feed = opened_triggered(
        fed,
        settable,
        timeout_s=60,
        clock=lambda: time.monotonic() + late_s[0],
        features={"ExposureTime": 1.0, "Offset": 0},
    )
    feed.configure({})
    feed.configure({"Offset": 1})
    feed.trigger(1)
    feed.configure({"ExposureTime": 2.0})
    late_s[0] = 1.0
    feed.trigger(2)
    hang.set()
    heard.until(lambda: heard.frames and heard.missed)
    assert [part for part, _ in heard.missed] == [1]
    assert settable.opened[0].had == [2.0]


def test_a_change_that_still_waits_is_refused_when_the_feed_stops(fed, heard):
    feed = fed([SourceError("no route")] * 1000, features={"ExposureTime": 1.0})
    feed.configure({"ExposureTime": 2.0})
    feed.stop()
    assert feed.join(PATIENCE_S)
    assert heard.events.count("camera.refused") == 1
    with pytest.raises(SourceError, match="ended"):
        feed.configure({"ExposureTime": 3.0})
