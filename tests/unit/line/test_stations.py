"""Cameras as the line uses them: threads of their own, asked and waited for."""

from __future__ import annotations

import queue

import pytest

from line_standins import FakeCamera
from lineside.core.backoff import Backoff
from lineside.core.errors import ImageFormatError, SourceError
from lineside.core.verdict import Reason
from lineside.line.cameras import CameraStation
from lineside.line.events import Capture, FrameArrived, FrameLost
from lineside.line.link import Link

QUICK = Backoff(0.001, 0.001)


class Station:
    """A station that is running, what it posted and what it noted."""

    def __init__(self):
        self.posted = queue.Queue()
        self.notes = []
        self.now_s = 0.0

    def clock(self):
        return self.now_s

    def note(self, code, sentence):
        self.notes.append((code, sentence))

    def camera(self, opener):
        link = Link("camera top", opener, backoff=QUICK)
        return self.run(CameraStation("top", link, post=self.posted.put, note=self.note, clock=self.clock))

    def run(self, station):
        self.station = station
        station.start()
        assert station.tried.wait(10)
        return station

    def next(self):
        return self.posted.get(timeout=10)


@pytest.fixture
def at():
    station = Station()
    yield station
    station.station.stop()
    assert station.station.join(10)


def test_a_camera_answers_each_trigger_with_its_picture(at):
    station = at.camera(FakeCamera)
    for part in range(3):
        station.put(Capture("top", part))
    arrived = [at.next() for _ in range(3)]
    assert all(isinstance(event, FrameArrived) for event in arrived)
    assert [event.frame.part for event in arrived] == [0, 1, 2]
    assert at.notes == []


def test_a_lost_camera_costs_its_part_is_closed_and_opened_again(at):
    camera = FakeCamera(faults={1: SourceError("the cable is out")})
    station = at.camera(lambda: camera)
    station.put(Capture("top", 1))
    lost = at.next()
    assert (lost.reason, lost.detail) == (Reason.NO_FRAME, "the cable is out")
    at.now_s = 1.0
    station.put(Capture("top", 2))
    assert isinstance(at.next(), FrameArrived)
    assert camera.closed == 1
    assert [code for code, _ in at.notes] == ["camera.lost", "camera.back"]


def test_a_camera_that_cannot_be_opened_answers_all_the_same(at):
    def refuse():
        raise SourceError("no such camera")

    station = at.camera(refuse)
    station.put(Capture("top", 0))
    event = at.next()
    assert isinstance(event, FrameLost)
    assert event.reason is Reason.NO_FRAME
    assert "no such camera" in event.detail


@pytest.mark.parametrize("fault", [ZeroDivisionError("oh"), MemoryError()])
def test_an_unforeseen_fault_of_a_camera_is_visible_and_no_picture(at, fault):
    station = at.camera(lambda: FakeCamera(faults={0: fault}))
    station.put(Capture("top", 0))
    event = at.next()
    assert (type(event), event.reason) == (FrameLost, Reason.INTERNAL_FAULT)
    assert type(fault).__name__ in event.detail


def test_an_unreadable_picture_leaves_the_camera_open(at):
    camera = FakeCamera(faults={0: ImageFormatError("cut short")})
    station = at.camera(lambda: camera)
    for part in (0, 1):
        station.put(Capture("top", part))
    assert at.next().reason is Reason.IMAGE_UNHEALTHY
    assert isinstance(at.next(), FrameArrived)
    assert camera.closed == 0


def test_a_camera_that_gives_something_else_gives_no_picture(at):
    class Odd(FakeCamera):
        def trigger(self, part):
            return None

    station = at.camera(Odd)
    station.put(Capture("top", 0))
    assert at.next().reason is Reason.NO_FRAME
