"""Cameras and worker as the line uses them: threads of their own, asked and waited for."""

from __future__ import annotations

import queue

import numpy as np
import pytest

from line_standins import FakeCamera, FakeModel, make_detections, make_frame
from lineside.core.backoff import Backoff
from lineside.core.errors import DeviceError, ImageFormatError, ModelOutputError, SourceError
from lineside.core.frame import Frame
from lineside.core.verdict import Reason
from lineside.line.cameras import CameraStation
from lineside.line.events import (
    Capture,
    Detect,
    Detected,
    DetectFailed,
    DeviceDown,
    DeviceUp,
    FrameArrived,
    FrameLost,
)
from lineside.line.link import Link
from lineside.line.worker import Worker

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

    def worker(self, model, reopen=None):
        link = Link("the session", reopen or (lambda: model), opened=model, backoff=QUICK)
        return self.run(Worker(link, None, post=self.posted.put, note=self.note, clock=self.clock))

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


def request(part, camera="top", deadline_s=1.0, frame=None):
    return Detect(camera, part, frame or make_frame(part, camera), deadline_s)


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


def test_the_worker_answers_with_detections_and_stage_times(at):
    station = at.worker(FakeModel([make_detections(0.9)]))
    station.put(request(3))
    event = at.next()
    assert isinstance(event, Detected)
    assert (event.part, len(event.detections)) == (3, 1)
    assert event.seconds == {"preprocess": 0.001, "run": 0.002, "postprocess": 0.003}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeviceError("off the bus"), Reason.DEVICE_LOST),
        (ModelOutputError("NaN"), Reason.MODEL_UNHEALTHY),
        (KeyError("oh"), Reason.INTERNAL_FAULT),
    ],
)
def test_a_session_that_fails_is_told_and_opened_again(at, error, reason):
    station = at.worker(FakeModel([error]), FakeModel)
    station.put(request(0))
    down = at.next()
    assert (type(down), down.reason) == (DeviceDown, reason)
    assert isinstance(at.next(), DeviceUp)
    station.put(request(1))
    assert isinstance(at.next(), Detected)
    assert [code for code, _ in at.notes] == [f"device.{reason}", "device.back"]


def test_opening_the_session_again_is_tried_until_it_works(at):
    tries = iter([DeviceError("no"), DeviceError("no"), None])

    def reopen():
        fault = next(tries)
        if fault is not None:
            at.now_s += 1.0
            raise fault
        return FakeModel()

    station = at.worker(FakeModel([DeviceError("off the bus")]), reopen)
    station.put(request(0))
    assert isinstance(at.next(), DeviceDown)
    assert isinstance(at.next(), DeviceUp)


def test_a_picture_that_is_none_is_the_pictures_fault_and_the_session_stays(at):
    model = FakeModel([ImageFormatError("float64"), make_detections()])
    station = at.worker(model, lambda: pytest.fail("opened again"))
    for part in (0, 1):
        station.put(request(part))
    assert (event := at.next()).reason is Reason.IMAGE_UNHEALTHY
    assert isinstance(event, DetectFailed)
    assert isinstance(at.next(), Detected)


def test_a_picture_whose_deadline_has_passed_is_not_run(at):
    model = FakeModel()
    station = at.worker(model)
    at.now_s = 2.0
    station.put(request(0, deadline_s=1.5))
    assert at.next().reason is Reason.LATE
    assert model.calls == 0


def test_detections_for_another_size_of_picture_are_no_answer(at):
    station = at.worker(FakeModel())
    station.put(request(0, frame=Frame(np.zeros((4, 4, 3), np.uint8), "top", 0, part=0)))
    assert (event := at.next()).reason is Reason.MODEL_UNHEALTHY
    assert isinstance(event, DeviceDown)


class DemotedModel(FakeModel):
    """A model that runs on another device than was asked for."""

    class truth:  # noqa: N801 # an attribute of a detector
        is_demoted = True
        sentence = "asked for cuda:0, runs on cpu"


def test_a_session_that_comes_back_on_another_device_is_told(at):
    station = at.worker(FakeModel([DeviceError("off the bus")]), DemotedModel)
    station.put(request(0))
    assert isinstance(at.next(), DeviceDown)
    assert isinstance(at.next(), DeviceUp)
    assert at.notes[-1] == ("device.demoted", "asked for cuda:0, runs on cpu")


def test_a_session_that_starts_on_another_device_is_told_once(at):
    station = at.worker(DemotedModel())
    station.note_demotion()
    assert at.notes == [("device.demoted", "asked for cuda:0, runs on cpu")]
