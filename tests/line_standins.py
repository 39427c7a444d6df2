"""Small stand-ins for what a line is made of. Time is always an argument or a `Hand` on a clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lineside import Detections, Size
from lineside.core.errors import SourceError
from lineside.core.frame import Frame
from lineside.core.truth import FrameTruth
from lineside.core.verdict import Verdict

NAMES = ("scratch", "dent")
SIZE = Size(height=8, width=10)


@dataclass
class Hand:
    """A clock that is moved by hand, in seconds."""

    now_s: float = 0.0

    def __call__(self):
        return self.now_s


def make_frame(part, camera="top", truth=None):
    return Frame(np.zeros((*SIZE, 3), np.uint8), f"test/{camera}", part, part=part, truth=truth)


def make_detections(*confidences, class_id=1):
    count = len(confidences)
    return Detections(
        np.tile(np.array([[1, 1, 5, 5]], np.float32), (count, 1)),
        np.array(confidences, np.float32),
        np.full(count, class_id, np.int32),
        NAMES,
        SIZE,
    )


def make_truth(part, verdict):
    """The truth of a part, with one box where it is bad."""
    count = int(verdict is not Verdict.PASS)
    boxes = np.tile(np.array([[1, 1, 5, 5]], np.float32), (count, 1))
    masks = (np.ones((4, 4), np.bool_),) * count
    return FrameTruth(part, verdict, boxes, np.zeros(count, np.int32), NAMES, masks, 4.0)


@dataclass
class FakeCamera:
    """A camera that gives what it was told to: a frame, or an error to raise."""

    name: str = "top"
    faults: dict[int, Exception] = field(default_factory=dict)
    closed: int = 0
    bad_parts: frozenset[int] = frozenset()

    def trigger(self, part):
        if part in self.faults:
            raise self.faults[part]
        verdict = Verdict.FAIL if part in self.bad_parts else Verdict.PASS
        return make_frame(part, self.name, make_truth(part, verdict))

    def close(self):
        self.closed += 1


@dataclass(frozen=True)
class FakeTimes:
    preprocess_s: float = 0.001
    run_s: float = 0.002
    postprocess_s: float = 0.003


@dataclass
class FakeModel:
    """A model that answers, or raises, call by call; the last answer stands for all further calls."""

    answers: list = field(default_factory=lambda: [make_detections()])
    calls: int = 0
    confidence: float | None = None

    def thresholds(self, *, confidence):
        self.confidence = confidence
        return confidence

    def timed(self, image, settings):
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        if isinstance(answer, Exception):
            raise answer
        return answer, FakeTimes()


class Log(list):
    """Collects what is posted or noted."""

    def post(self, event):
        self.append(event)

    def note(self, code, sentence):
        self.append((code, sentence))


def no_camera():
    raise SourceError("no such camera")
