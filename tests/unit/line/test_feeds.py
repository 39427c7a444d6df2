from __future__ import annotations

from types import SimpleNamespace

import pytest

from line_standins import make_frame
from lineside.capture.camera import StreamEvent
from lineside.capture.watch import State
from lineside.core.errors import ImageError, SettingsError, SourceError
from lineside.core.verdict import Reason
from lineside.line.events import Capture, FrameArrived, FrameCame, FrameLost
from lineside.line.feeds import FeedStation


class Feed:
    def __init__(self, ears):
        self.ears = ears
        self.asked = []
        self.refuses = None
        self.state = State.OPENING

    def start(self):
        pass

    def trigger(self, part):
        if self.refuses:
            raise self.refuses
        self.asked.append(part)

    def statistics(self):
        return SimpleNamespace(state=self.state)

    def stop(self):
        self.asked.append("stop")

    def join(self, timeout_s):
        return True


class Rig:
    def __init__(self, **more):
        self.posted, self.notes = [], []
        self.station = FeedStation(
            "top", self.make, post=self.posted.append, note=lambda *what: self.notes.append(what), **more
        )

    def make(self, ears):
        self.feed = Feed(ears)
        return self.feed


def test_each_request_is_answered_by_the_picture_of_its_part():
    rig = Rig()
    for part in (1, 2):
        rig.station.put(Capture("top", part))
    for part in (2, 1):
        rig.feed.ears.on_frame(make_frame(part))
    assert [(type(e), e.part) for e in rig.posted] == [(FrameArrived, 2), (FrameArrived, 1)]
    assert rig.feed.asked == [1, 2]


def test_several_shots_of_a_part_are_its_views_in_their_order():
    rig = Rig()
    for shot in (1, 2):
        rig.station.put(Capture(f"top/{shot}", 5))
    for _ in range(2):
        rig.feed.ears.on_frame(make_frame(5))
    assert [e.camera for e in rig.posted] == ["top/1", "top/2"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(SourceError("away"), Reason.NO_FRAME), (ImageError("cut short"), Reason.IMAGE_UNHEALTHY)],
)
def test_a_picture_that_cannot_be_had_is_answered_with_its_reason(error, reason):
    rig = Rig()
    rig.station.put(Capture("top", 1))
    rig.feed.ears.on_missed(1, error)
    rig.feed.ears.on_missed(None, error)
    (lost,) = rig.posted
    assert (type(lost), lost.part, lost.reason, lost.detail) == (FrameLost, 1, reason, str(error))


def test_a_camera_that_takes_no_trigger_costs_its_part():
    rig = Rig()
    rig.feed.refuses = SettingsError("it runs free")
    rig.station.put(Capture("top", 1))
    (lost,) = rig.posted
    assert lost.detail == "it runs free"


def test_a_picture_that_is_not_well_costs_its_part():
    def refuse(frame):
        raise ImageError("dark: the lamp is out")

    rig = Rig(prepare=refuse)
    rig.station.put(Capture("top", 1))
    rig.feed.ears.on_frame(make_frame(1))
    assert rig.posted[0].reason is Reason.IMAGE_UNHEALTHY
    by_itself = Rig(prepare=refuse, asks=False)
    by_itself.feed.ears.on_frame(make_frame(None))
    assert by_itself.posted[0].ailment == "dark: the lamp is out"


def test_pictures_that_come_by_themselves_are_handed_on():
    rig = Rig(asks=False)
    frame = make_frame(None)
    rig.feed.ears.on_frame(frame)
    assert rig.posted == [FrameCame("top", frame)]


def test_a_picture_that_nobody_asked_for_is_told_and_no_parts():
    rig = Rig()
    rig.feed.ears.on_frame(make_frame(None))
    assert rig.posted == []
    assert [code for code, _ in rig.notes] == ["camera.unasked"]


def test_a_lost_camera_is_away_until_it_is_back():
    rig = Rig()
    assert not rig.station.is_tried
    for code, away in (("camera.lost", "gone"), ("camera.back", ""), ("camera.frozen", "gone")):
        rig.feed.ears.on_event(StreamEvent("top", code, 1.0, "gone"))
        assert rig.station.away == away
    assert rig.station.is_tried
    assert rig.notes[0] == ("camera.lost", "camera top: gone")


def test_a_camera_that_is_open_is_tried_before_it_has_shown_anything():
    rig = Rig()
    rig.feed.state = State.OPEN
    assert rig.station.is_tried
