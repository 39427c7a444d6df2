from __future__ import annotations

import numpy as np
import pytest

from lineside import Detections, Size
from lineside.core.frame import Frame
from lineside.core.inspection import View

NAMES = ("scratch", "dent", "stain")


@pytest.fixture
def see():
    """Makes a view in which the given classes were detected, each with its confidence."""

    def view(camera="top", *found, names=NAMES, truncated=False):
        count = len(found)
        detections = Detections(
            xyxy=np.tile(np.array([[1, 1, 5, 5]], np.float32), (count, 1)),
            confidence=np.array([c for _, c in found], np.float32),
            class_id=np.array([names.index(n) for n, _ in found], np.int32),
            names=names,
            size=Size(height=8, width=10),
            truncated=truncated,
        )
        frame = Frame(np.zeros((8, 10, 3), np.uint8), camera, 0, part=0)
        return View(camera, frame=frame, detections=detections)

    return view
