"""Small stand-ins for what a line is made of. Time is always an argument or a `Hand` on a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from lineside import Detections, Size
from lineside.core.errors import SourceError
from lineside.core.frame import Frame
from lineside.core.truth import FrameTruth
from lineside.core.verdict import Verdict
from lineside.dispatch.engine import Engine
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel
from lineside.testing.hand_workers import Script, TimedOpener

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


def scripted_engine(*scripts, **fittings):
    """A real engine over devices `d0`, `d1` … that do what their scripts say; unless told otherwise they see nothing."""
    scripts = scripts or (Script(sees=lambda _: make_detections()),)

    def maker(number):
        opener = TimedOpener(scripts[number])
        return lambda post: ThreadWorker(f"d{number}", opener=opener, post=post, clock=time.monotonic)

    crew = Crew({f"d{number}": maker(number) for number in range(len(scripts))})
    return Engine.of(crew, Offer(WorkerModel("model", "none.onnx")), Fittings(**fittings))


class Log(list):
    """Collects what is posted or noted."""

    def post(self, event):
        self.append(event)

    def note(self, code, sentence):
        self.append((code, sentence))


def no_camera():
    raise SourceError("no such camera")
