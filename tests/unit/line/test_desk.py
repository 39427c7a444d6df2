"""What comes of a picture that is handed to an engine: one event, whatever the engine does."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from line_standins import make_detections, make_frame
from lineside.core.errors import (
    DeviceError,
    ImageFormatError,
    ModelOutputError,
    SettingsError,
    UnansweredError,
)
from lineside.core.frame import Frame
from lineside.core.verdict import Reason
from lineside.line.desk import Desk, late_look
from lineside.line.events import Detect, Detected, DetectFailed, Shown


class Engine:
    """Answers with futures that a test settles."""

    def __init__(self, refusal=None):
        self.refusal = refusal
        self.asked = []
        self.futures = []

    def submit(self, image, *, deadline_s=None, **asked):
        if self.refusal is not None:
            raise self.refusal
        self.asked.append((image, deadline_s, asked))
        self.futures.append(Future())
        return self.futures[-1]


def handed(engine, frame=None):
    posted = []
    Desk(posted.append).put(Detect("top", 3, frame or make_frame(3), 1.5), engine, {"confidence": 0.2})
    return posted


def test_a_picture_goes_with_its_deadline_and_thresholds_and_comes_back_with_its_device():
    engine = Engine()
    frame = make_frame(3)
    posted = handed(engine, frame)
    assert posted == []
    ((image, deadline_s, asked),) = engine.asked
    assert image is frame.image
    assert (deadline_s, asked) == (1.5, {"name": Shown("top", 3), "confidence": 0.2})
    future = engine.futures[0]
    future.device, future.seconds = "cuda:1", {"run": 0.01}
    future.set_result(make_detections(0.9))
    (event,) = posted
    assert isinstance(event, Detected)
    assert (event.camera, event.part, event.device, event.seconds) == ("top", 3, "cuda:1", {"run": 0.01})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnansweredError("no time", Reason.LATE), Reason.LATE),
        (UnansweredError("no device", Reason.DEVICE_LOST), Reason.DEVICE_LOST),
        (UnansweredError("NaN", Reason.MODEL_UNHEALTHY), Reason.MODEL_UNHEALTHY),
        (DeviceError("gone"), Reason.DEVICE_LOST),
        (ModelOutputError("NaN"), Reason.MODEL_UNHEALTHY),
        (ZeroDivisionError("oh"), Reason.INTERNAL_FAULT),
    ],
)
def test_a_picture_without_an_answer_has_its_reason(error, reason):
    engine = Engine()
    posted = handed(engine)
    engine.futures[0].set_exception(error)
    (event,) = posted
    assert (type(event), event.reason) == (DetectFailed, reason)
    assert str(error) in event.detail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImageFormatError("float64"), Reason.IMAGE_UNHEALTHY),
        (SettingsError("confidence"), Reason.INTERNAL_FAULT),
    ],
)
def test_a_picture_that_the_engine_does_not_take_is_answered_too(error, reason):
    event, stumble = handed(Engine(error))
    assert (type(event), event.reason) == (DetectFailed, reason)
    assert (stumble.who, stumble.fault.error) == ("the model, of top", error)
    assert stumble.patience > 1


@pytest.mark.parametrize("answer", [None, [], "nothing found"])
def test_what_is_no_detections_is_never_nothing_found(answer):
    engine = Engine()
    posted = handed(engine)
    engine.futures[0].set_result(answer)
    assert posted[0].reason is Reason.MODEL_UNHEALTHY


def test_detections_in_a_picture_of_another_size_are_no_answer():
    engine = Engine()
    posted = handed(engine, Frame(np.zeros((4, 4, 3), np.uint8), "top", 0, part=3))
    engine.futures[0].set_result(make_detections())
    assert posted[0].reason is Reason.MODEL_UNHEALTHY


def test_what_an_engine_sees_too_late_is_told_of_its_part():
    posted = []
    late = late_look(posted.append)
    late(Shown("top", 3), make_detections(0.9), "cuda:1")
    late(None, make_detections(), "cuda:1")
    late(Shown("top", 3), "no detections", "cuda:1")
    ((shown, detections, device),) = [(n.shown, n.detections, n.device) for n in posted]
    assert (shown, len(detections), device) == (Shown("top", 3), 1, "cuda:1")
    assert str(Shown("top", 3, "label")) == "part 3, top, label"
