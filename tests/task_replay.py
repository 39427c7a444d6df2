"""A detector of any task that answers what it is told to: the grey level of a picture is its number."""

from __future__ import annotations

from typing import Any

import numpy as np

from lineside.core.classification import Classification
from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.core.masks import Masks
from lineside.core.oriented import upright


class TaskReplay:
    """Answers rows of class, confidence and what the task is about.

    Args:
        task: The task of the card.
        names: Class names.
        answers: Rows by the picture's number.
    """

    def __init__(self, task: str, names: tuple[str, ...], answers: dict[int, list[Any]]) -> None:
        self.task = task
        self.names = names
        self.card = self
        self._answers = answers
        self.asked: list[dict[str, Any]] = []

    def to_dict(self) -> dict[str, Any]:
        return {"file": "replay.onnx", "task": self.task}

    def __call__(self, image, **how):
        self.asked.append(how)
        rows = self._answers.get(int(image[0, 0, 0]), [])
        rows = sorted((row for row in rows if row[1] >= how["confidence"]), key=lambda row: -row[1])
        size = Size(*image.shape[:2])
        classes = np.array([row[0] for row in rows], np.int32)
        scores = np.array([row[1] for row in rows], np.float32)
        if self.task == "classify":
            return Classification.of(classes, scores, self.names, size, truncated=False)
        boxes, details = getattr(self, self.task)([row[2] for row in rows], size)
        return Detections(boxes, scores, classes, self.names, size, **details)

    @staticmethod
    def segment(planes, size):
        """Each row is a mask of the whole picture."""
        corners, crops, boxes = [], [], []
        for plane in planes:
            ys, xs = np.nonzero(plane)
            left, top, right, bottom = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
            corners.append((left, top))
            crops.append(plane[top:bottom, left:right])
            boxes.append((left, top, right, bottom))
        masks = Masks(tuple(crops), np.array(corners, np.int32).reshape(-1, 2), size)
        return np.array(boxes, np.float32).reshape(-1, 4), {"masks": masks}

    @staticmethod
    def pose(points, size):
        """Each row is a box and its keypoints."""
        count = len(points[0][1]) if points else 0
        boxes = np.array([box for box, _ in points], np.float32).reshape(-1, 4)
        return boxes, {
            "keypoints": np.array([own for _, own in points], np.float32).reshape(len(points), count, 3)
        }

    @staticmethod
    def obb(xywhr, size):
        """Each row is an oriented box."""
        boxes = np.array(xywhr, np.float32).reshape(-1, 5)
        return upright(boxes), {"xywhr": boxes}
