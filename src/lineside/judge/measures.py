"""What can be measured of an object, in pixels or millimetres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from lineside.judge.boxes import box_corners
from lineside.judge.polygons import signed_area

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.judge.calibration import Plane

Measure = Literal["width", "height", "length", "breadth", "area", "diameter"]
"""`width` and `height` of its box, of an oriented one along its own sides; `length`, the longer of them, `breadth`, the shorter;
`area` of its mask, else of its box; `diameter` of the circle with its mask's area, else the mean of the box's sides."""


def measured(
    detections: Detections, rows: NDArray[np.intp], measure: Measure, plane: Plane | None
) -> NDArray[np.float64]:
    """A measure of some objects, float64 (M,), in pixels or, with a plane, millimetres; areas in their squares.

    Args:
        detections: All of the view's.
        rows: Which objects.
        measure: What is measured.
        plane: The camera's calibration.

    Raises:
        UndecidableError: The plane says nothing of these places.
    """
    boxes = box_corners(detections, rows)
    corners = boxes if plane is None else plane.to_mm(boxes, detections.size)
    if measure in ("area", "diameter") and detections.masks is not None:
        areas = np.array([_mask_area(detections, int(row), plane) for row in rows], np.float64)
        return areas if measure == "area" else 2 * np.sqrt(areas / np.pi)
    if measure == "area":
        return np.array([abs(signed_area(one)) for one in corners], np.float64)
    width, height = _sides(corners, is_oriented=detections.xywhr is not None)
    values = {
        "width": width,
        "height": height,
        "length": np.maximum(width, height),
        "breadth": np.minimum(width, height),
        "diameter": (width + height) / 2,
    }
    return values[measure]


def _sides(
    corners: NDArray[np.float64], *, is_oriented: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Width and height between the middles of opposite edges. A box's corners begin otherwise where it is oriented."""
    middles = (corners + np.roll(corners, -1, axis=1)) / 2
    one = np.linalg.norm(middles[:, 0] - middles[:, 2], axis=1)
    other = np.linalg.norm(middles[:, 1] - middles[:, 3], axis=1)
    # Upright: upper, right, lower, left edge. Oriented: the edge at the end of the width's axis comes first.
    return (one, other) if is_oriented else (other, one)


def _mask_area(detections: Detections, row: int, plane: Plane | None) -> float:
    assert detections.masks is not None
    crop, corner = detections.masks.crops[row], detections.masks.corners[row]
    if plane is None:
        return float(np.count_nonzero(crop))
    y, x = np.nonzero(crop)
    middles = np.column_stack([x, y]) + corner + 0.5
    return plane.area_mm2(middles, detections.size)
