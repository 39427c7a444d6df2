"""Results to write."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from lineside.core.detections import Detections
from lineside.core.geometry import Size

# FFmpeg, inside OpenCV, reads it when the first video is opened: broken videos would fill the terminal.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

NAMES = ("scratch", "dent", "crack", "stain", "hole", "burr", "划痕")


@pytest.fixture
def found() -> Callable[..., Detections]:
    """Detections from rows of x1, y1, x2, y2, confidence, class."""

    def detections(*rows: tuple[float, ...], size=(120, 160), truncated=False, names=NAMES) -> Detections:
        table = np.array(rows, np.float32).reshape(-1, 6)
        return Detections(
            np.ascontiguousarray(table[:, :4]),
            np.ascontiguousarray(table[:, 4]),
            table[:, 5].astype(np.int32),
            names,
            Size(*size),
            truncated,
        )

    return detections
