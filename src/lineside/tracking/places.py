"""Points of boxes, and where they lie: what the counters know of geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.tracking.settings import is_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

POINTS = {
    "centre": (0.5, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
}
"""The points of a box that can stand for an object: shares of its width and height."""


def share_of(point: str) -> tuple[float, float]:
    """Where a named point lies in a box.

    Raises:
        UnknownNameError: There is no such point.
    """
    if point not in POINTS:
        raise UnknownNameError(f'point: no such point of a box "{point}"{near(str(point), POINTS)}')
    return POINTS[point]


def points(xyxy: NDArray[np.float32], share: tuple[float, float]) -> NDArray[np.float64]:
    """A point of each box, float64 (N, 2): x and y in pixels."""
    boxes = xyxy.astype(np.float64)
    return boxes[:, :2] + (boxes[:, 2:] - boxes[:, :2]) * share


def holds(corners: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which places lie in a polygon, bool (N,): a ray to the right crosses its sides an odd number of times.

    The algorithm is that of Shimrat (Algorithm 112, Communications of the ACM, 1962). A side holds its upper end and not
    its lower one, so that of two polygons that share a side one has each place on it.

    Args:
        corners: float64 (V, 2).
        places: float64 (N, 2).
    """
    ends = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
    # From the upper end to the lower, so that neighbours compute the same of the side that they share.
    (x1, y1), (x2, y2) = np.where(ends[:, :1, 1:] <= ends[:, 1:, 1:], ends, ends[:, ::-1]).transpose(1, 2, 0)
    x, y = places[:, :1], places[:, 1:]
    spans = (y1 <= y) != (y2 <= y)
    is_left = (x - x1) * (y2 - y1) < (y - y1) * (x2 - x1)
    inside: NDArray[np.bool_] = np.logical_xor.reduce(spans & is_left, axis=1)
    return inside


def encloses_nothing(corners: NDArray[np.float64]) -> bool:
    """Whether all corners (V, 2) lie on one line."""
    return bool(np.linalg.matrix_rank(corners - corners[0]) < 2)


def corners_of(polygon: Any) -> tuple[tuple[float, ...], ...]:
    """The corners of a polygon, checked.

    Raises:
        SettingsError: They are fewer than three, or one is no pair of numbers.
    """
    try:
        corners = list(polygon)
    except TypeError:
        corners = []
    if len(corners) < 3 or isinstance(polygon, str):
        raise SettingsError(f"polygon: expected at least three corners, x and y each; got {polygon!r}")
    return tuple(numbers("polygon", corner, 2) for corner in corners)


def numbers(name: str, values: Any, count: int) -> tuple[float, ...]:
    """So many finite numbers.

    Raises:
        SettingsError: They are others, or not so many.
    """
    try:
        found = [v.item() if isinstance(v, np.generic) else v for v in values]
    except TypeError:
        found = []
    if len(found) != count or not all(is_number(v) for v in found):
        raise SettingsError(f"{name}: expected {count} numbers, pixels of the picture; got {values!r}")
    return tuple(float(v) for v in found)


def check_in_picture(name: str, corners: NDArray[np.float64], size: Size) -> None:
    """Refuse what nobody in the picture can reach.

    Raises:
        SettingsError: All corners (V, 2) lie beyond the same edge.
    """
    if (corners.max(axis=0) < 0).any() or (corners.min(axis=0) > (size.width, size.height)).any():
        shown = " ".join(f"{x:g},{y:g}" for x, y in corners)
        raise SettingsError(
            f"{name}: expected pixels of a picture of {size}; {shown} lies outside: nothing can be there"
        )
