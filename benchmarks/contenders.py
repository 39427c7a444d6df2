"""What is measured side by side: the floor, lineside, the usual script, and the rivals that are installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Image = NDArray[np.uint8]


@dataclass(slots=True)
class Contender:
    """One way from a picture to boxes.

    Attributes:
        name: For the table.
        call: Takes a picture; returns the number of boxes and the seconds spent outside the model's run, or
            `None` where that cannot be told apart.
        total_s: Seconds of each counted call.
        outside_s: Seconds outside the run of each counted call.
    """

    name: str
    call: Callable[[Image], tuple[int, float | None]]
    total_s: list[float] = field(default_factory=list)
    outside_s: list[float] = field(default_factory=list)

    def once(self, image: Image, *, count: bool = True) -> int:
        """Call it and keep the times."""
        start = perf_counter()
        boxes, outside = self.call(image)
        spent = perf_counter() - start
        if count:
            self.total_s.append(spent)
            if outside is not None:
                self.outside_s.append(outside)
        return boxes


def bare_session(model: Path, threads: int) -> Any:
    """An onnxruntime session as a script makes it, but whose idle threads do not spin.

    In one process with other sessions, spinning threads would slow whatever is measured next.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def floor(model: Path, size: int, threads: int) -> Contender:
    """`session.run` alone on a ready tensor: what nobody can be faster than."""
    session = bare_session(model, threads)
    ready = np.random.default_rng(0).random((1, 3, size, size), np.float32)

    def call(_: Image) -> tuple[int, float | None]:
        session.run(None, {"images": ready})
        return -1, 0.0

    return Contender("floor: session.run", call)


def lineside(model: Path, threads: int) -> Contender:
    """Lineside's Detector."""
    from lineside import Detector

    detector = Detector(model, threads=threads)
    settings = detector.thresholds()

    def call(image: Image) -> tuple[int, float | None]:
        found, times = detector.timed(image, settings)
        return len(found), times.preprocess_s + times.postprocess_s

    return Contender("lineside", call)


def usual_script(model: Path, size: int, threads: int) -> Contender:
    """The short script that most people start from: OpenCV, numpy, `NMSBoxesBatched`."""
    session = bare_session(model, threads)

    def call(image: Image) -> tuple[int, float | None]:
        start = perf_counter()
        height, width = image.shape[:2]
        gain = min(size / height, size / width)
        scaled = cv2.resize(image, (round(width * gain), round(height * gain)))
        bottom, right = size - scaled.shape[0], size - scaled.shape[1]
        top, left = bottom // 2, right // 2
        border = (top, bottom - top, left, right - left)
        padded = cv2.copyMakeBorder(scaled, *border, cv2.BORDER_CONSTANT, value=(114, 114, 114))
        tensor = np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)[None]).astype(np.float32) / 255
        filled = perf_counter()
        output = session.run(None, {"images": tensor})[0][0].T
        ran = perf_counter()
        scores = output[:, 4:].max(axis=1)
        keep = scores > 0.25
        boxes, scores = output[keep, :4], scores[keep]
        classes = output[keep, 4:].argmax(axis=1)
        boxes[:, :2] -= boxes[:, 2:] / 2
        boxes -= (left, top, 0, 0)
        boxes /= gain
        kept = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), classes.tolist(), 0.25, 0.45)
        return len(kept), filled - start + perf_counter() - ran

    return Contender("the usual script", call)


def rivals(model: Path) -> list[Contender]:
    """The rivals that are installed; lineside needs none of them."""
    found = []
    if importlib.util.find_spec("ultralytics"):
        found.append(_ultralytics(model))
    if importlib.util.find_spec("supervision") and importlib.util.find_spec("inference_models"):
        print("inference-models is installed, but wants models of its own registry: not measured")
    return found


def _ultralytics(model: Path) -> Contender:
    from ultralytics import YOLO

    yolo = YOLO(str(model), task="detect")

    def call(image: Image) -> tuple[int, float | None]:
        result = yolo.predict(image, conf=0.25, iou=0.45, verbose=False, device="cpu")[0]
        return len(result.boxes), (result.speed["preprocess"] + result.speed["postprocess"]) / 1e3

    return Contender("ultralytics predict", call)
