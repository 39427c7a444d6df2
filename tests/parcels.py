"""Inspections and parcels for the tests of outputs, and sinks that do as they are told."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field

import numpy as np

from lineside.core.detections import Detections
from lineside.core.errors import OutputError
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.parcel import KeptPicture, Parcel

NAMES = ("scratch", "dent")
SIZE = Size(height=48, width=64)


def picture(part, size=SIZE):
    """A picture that no other part has."""
    return np.random.default_rng(part).integers(0, 255, (*size, 3), np.uint8)


def detections(*confidences, size=SIZE):
    count = len(confidences)
    return Detections(
        np.tile(np.array([[4, 4, 30, 30]], np.float32), (count, 1)),
        np.array(confidences, np.float32),
        np.ones(count, np.int32),
        NAMES,
        size,
    )


def inspection(part=0, verdict=Verdict.FAIL, *, reason=None, cameras=("top",), confidences=None, detail=None):
    """An inspection with a picture for each camera; one that failed shows a dent."""
    if confidences is None:
        confidences = (0.8,) if verdict is Verdict.FAIL else ()
    if verdict is Verdict.UNKNOWN:
        reason = reason or Reason.LATE
    views = tuple(
        View(camera, Frame(picture(part), camera, part, part=part), detections(*confidences))
        for camera in cameras
    )
    return Inspection(part, verdict, reason, detail or f"part {part}", views, 10.0, 10.012, 10.2, 0.001)


@dataclass
class Collector:
    """A sink that keeps what it gets. It raises what `faults` still holds, and hangs while `gate` is clear."""

    faults: list = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    records: list = field(default_factory=list)
    pictures: list = field(default_factory=list)
    keys: list = field(default_factory=list)
    closed: int = 0

    def __post_init__(self):
        self.gate.set()

    def emit(self, parcel):
        self.gate.wait()
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        for kept in parcel.pictures:
            assert hashlib.sha256(kept.path.read_bytes()).hexdigest() == kept.sha256
        self.records.append(parcel.record)
        self.pictures.append([kept.name for kept in parcel.pictures])
        self.keys.append(parcel.key)  # last: who waits for it finds the rest

    def close(self):
        self.closed += 1


class Away:
    """A sink whose receiver is never there."""

    def emit(self, parcel):
        raise OutputError("nobody is there")

    def close(self):
        pass


def parcel(
    folder, part=0, verdict=Verdict.FAIL, *, line="caps", run="r1", at="2026-03-04T05:06:07.890+00:00", **more
):
    """A parcel with an encoded picture and its annotated copy on disk."""
    import cv2

    one = inspection(part, verdict, **more)
    key = f"{line}/{run}/{part}"
    record = one.to_dict() | {
        "schema": 1,
        "line": line,
        "run": run,
        "key": key,
        "at": at,
        "serial": f"S{part}",
    }
    kept = []
    for view in one.views:
        for name in (view.camera, f"{view.camera}-annotated"):
            data = cv2.imencode(".jpg", view.frame.image)[1].tobytes()
            path = folder / f"{part}-{len(kept)}.jpg"
            path.write_bytes(data)
            kept.append(KeptPicture(name, path, hashlib.sha256(data).hexdigest()))
    return Parcel(key, record, tuple(kept))
