"""One line of a YOLO label file, in the form that each task has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import DatasetError
from lineside.evaluation.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.models.spec import Task

# Annotation tools write six decimals, so a side that touches the border may be off by the last one.
_BORDER = 1e-5
_BEYOND = 0.5  # of a picture's side: as far as the corner of an oriented box may lie outside


@dataclass(frozen=True, slots=True)
class Line:
    """One object, in fractions of the picture's sides.

    Attributes:
        label: Class number.
        box: Left, top, right, bottom.
        points: The corners of its polygon or oriented box, or its keypoints with their visibilities; else none.
    """

    label: int
    box: list[float]
    points: list[list[float]]


@dataclass(frozen=True, slots=True)
class Form:
    """What a line must hold.

    Attributes:
        task: The task that is judged.
        keypoints: Keypoints of an object, where they are judged; 0: told by the line's length.
    """

    task: Task = "detect"
    keypoints: int = 0

    def read(self, where: str, line: str) -> Line:
        """The object of a line.

        Args:
            where: File and line, for messages.
            line: The text.

        Raises:
            DatasetError: The line has another form, or a value is out of range.
        """
        label, numbers = _numbers(where, line, self._expected(line, where))
        if self.task == "segment":
            return _polygon(where, line, label, numbers)
        if self.task == "obb":
            return _oriented(where, line, label, numbers)
        box = _box(where, line, label, numbers[:4])
        return Line(label, box, self._keypoints(where, line, numbers[4:]) if self.task == "pose" else [])

    def _expected(self, line: str, where: str) -> str:
        """What the line should be, in words.

        Raises:
            DatasetError: It has another number of values.
        """
        count = len(line.split())
        shown = f'got {count}: "{line.strip()[:80]}"'
        if self.task == "detect":
            if count != 5:
                polygon = " This looks like a polygon of segmentation." if count > 6 else ""
                raise DatasetError(f'{where}: expected "class cx cy w h", five values, {shown}.{polygon}')
            return "a whole class number and four decimals"
        if self.task == "segment" and (count < 7 or not count % 2):
            raise DatasetError(
                f'{where}: expected a polygon, "class x1 y1 x2 y2 x3 y3 …", by which a model that answers masks '
                f"is judged; {shown}"
            )
        if self.task == "obb" and count != 9:
            raise DatasetError(
                f'{where}: expected four corners, "class x1 y1 x2 y2 x3 y3 x4 y4", by which a model that answers '
                f"oriented boxes is judged; {shown}"
            )
        if self.task == "pose" and not self._values(count - 5):
            points = f"{self.keypoints} keypoints" if self.keypoints else "keypoints"
            raise DatasetError(
                f'{where}: expected a box and {points}, "class cx cy w h x1 y1 v1 …" or the same without v, by '
                f"which a model that answers keypoints is judged; {shown}"
            )
        return "a whole class number and decimals"

    def _values(self, count: int) -> int:
        """Values of a keypoint, 2 or 3, where so many values are keypoints; else 0."""
        for values in (3, 2):
            if count > 0 and count % values == 0 and self.keypoints in {0, count // values}:
                return values
        return 0

    def _keypoints(self, where: str, line: str, numbers: list[float]) -> list[list[float]]:
        """x, y and visibility of each keypoint; without visibilities one at 0, 0 is not labelled."""
        values = self._values(len(numbers))
        points = np.reshape(numbers, (-1, values))
        seen = points[:, 2] if values == 3 else 2.0 * (points > 0).any(axis=1)
        inside = ((points[:, :2] >= -_BORDER) & (points[:, :2] <= 1 + _BORDER)).all(axis=1)
        if not (inside | (seen == 0)).all() or not np.isin(seen, (0, 1, 2)).all():
            raise DatasetError(
                f"{where}: expected keypoints as fractions of the picture (0 to 1), each with visibility 0, 1 or 2, "
                f'got "{line.strip()[:80]}"'
            )
        rows: list[list[float]] = np.column_stack([points[:, :2], seen]).tolist()
        return rows


def truth_of(lines: Sequence[Line], task: Task, keypoints: int) -> Truth:
    """The truth of a picture, in fractions of its sides.

    Args:
        lines: Its objects.
        task: The task that is judged.
        keypoints: Keypoints of an object.
    """
    points = [line.points for line in lines]
    shown = None
    ignored = np.zeros(len(lines), np.bool_)
    if task == "pose":
        shown = np.array(points, np.float64).reshape(len(lines), keypoints, 3)
        ignored = np.array([not (own[:, 2] > 0).any() for own in shown], np.bool_)
    return Truth(
        xyxy=np.array([line.box for line in lines], np.float64).reshape(-1, 4),
        class_index=np.array([line.label for line in lines], np.intp),
        ignored=ignored,
        outlines=tuple([np.ravel(own).tolist()] for own in points) if task == "segment" else None,
        keypoints=shown,
        corners=np.array(points, np.float64).reshape(-1, 4, 2) if task == "obb" else None,
    )


def _numbers(where: str, line: str, expected: str) -> tuple[int, list[float]]:
    fields = line.split()
    try:
        label, numbers = int(fields[0]), [float(field) for field in fields[1:]]
    except ValueError as fault:
        raise DatasetError(f'{where}: expected {expected}, got "{line.strip()[:80]}"') from fault
    return label, numbers


def _box(where: str, line: str, label: int, numbers: Sequence[float]) -> list[float]:
    cx, cy, w, h = numbers
    inside = all(math.isfinite(v) and -_BORDER <= v <= 1 + _BORDER for v in (cx, cy, w, h))
    if label < 0 or not inside or w <= 0 or h <= 0:
        raise DatasetError(
            f"{where}: expected a class from 0 up, centre and size as fractions of the picture (0 to 1), and an "
            f'area, got "{line.strip()[:80]}"'
        )
    return [min(max(v, 0.0), 1.0) for v in (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)]


def _polygon(where: str, line: str, label: int, numbers: Sequence[float]) -> Line:
    points = _points(where, line, label, numbers, _BORDER).clip(0, 1)
    return Line(label, _bounds(where, line, points), points.tolist())


def _oriented(where: str, line: str, label: int, numbers: Sequence[float]) -> Line:
    points = _points(where, line, label, numbers, _BEYOND)
    return Line(label, _bounds(where, line, points), points.tolist())


def _points(
    where: str, line: str, label: int, numbers: Sequence[float], beyond: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The points of a polygon, (P, 2)."""
    if label < 0 or not all(math.isfinite(v) and -beyond <= v <= 1 + beyond for v in numbers):
        raise DatasetError(
            f"{where}: expected a class from 0 up and points as fractions of the picture (0 to 1), "
            f'got "{line.strip()[:80]}"'
        )
    return np.array(numbers, np.float64).reshape(-1, 2)


def _bounds(where: str, line: str, points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[float]:
    """The upright box around points."""
    low, high = points.min(axis=0), points.max(axis=0)
    if not (high > low).all():
        raise DatasetError(f'{where}: expected points around an area, got "{line.strip()[:80]}"')
    return [*low.tolist(), *high.tolist()]
