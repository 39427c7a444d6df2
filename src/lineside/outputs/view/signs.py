"""A sign for each verdict, by its shape alone: a tick in a disc, a cross in an octagon, a question mark on a diamond, an exclamation mark in a triangle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_SUB = 4  # OpenCV's fixed point: so many bits behind the point


def draw_sign(canvas: NDArray[np.uint8], sign: str, centre: tuple[int, int], radius_px: int) -> None:
    """Draw a sign, white on black.

    Args:
        canvas: uint8 BGR (H, W, 3); changed.
        sign: `PASS`, `FAIL`, `UNKNOWN` or anything else, which is a warning.
        centre: x and y in pixels.
        radius_px: Half of its size.
    """
    import cv2

    x, y = centre
    thick = max(2, radius_px // 4)

    def lines(*strokes: tuple[tuple[float, float], ...]) -> None:
        for stroke in strokes:
            points = _points(stroke, centre, radius_px)
            cv2.polylines(canvas, [points], False, _WHITE, thick, cv2.LINE_AA, _SUB)  # noqa: FBT003 # open; it has no name

    match sign:
        case "PASS":
            cv2.circle(canvas, (x, y), radius_px, _BLACK, cv2.FILLED, cv2.LINE_AA)
            lines(((-0.5, 0.05), (-0.1, 0.45), (0.5, -0.4)))
        case "FAIL":
            _fill(canvas, _regular(8, math.pi / 8), centre, radius_px)
            lines(((-0.42, -0.42), (0.42, 0.42)), ((-0.42, 0.42), (0.42, -0.42)))
        case "UNKNOWN":
            _fill(canvas, _regular(4, 0.0), centre, radius_px + thick // 2)
            lines(_QUESTION, ((0.0, 0.5), (0.0, 0.52)))
        case _:
            _fill(canvas, ((0.0, -1.0), (1.0, 0.85), (-1.0, 0.85)), centre, radius_px)
            lines(((0.0, -0.35), (0.0, 0.25)), ((0.0, 0.6), (0.0, 0.62)))


def _regular(corners: int, turn: float) -> tuple[tuple[float, float], ...]:
    angles = (turn + 2 * math.pi * k / corners for k in range(corners))
    return tuple((math.cos(angle), math.sin(angle)) for angle in angles)


_QUESTION = (
    *((0.3 * math.sin(a), -0.25 - 0.3 * math.cos(a)) for a in np.linspace(-1.6, 2.4, 9).tolist()),
    (0.0, 0.2),
)


def _points(
    shape: tuple[tuple[float, float], ...], centre: tuple[int, int], radius_px: float
) -> NDArray[np.int32]:
    points = (np.array(shape) * radius_px + np.array(centre)) * (1 << _SUB)
    whole: NDArray[np.int32] = np.rint(points).astype(np.int32)
    return whole


def _fill(
    canvas: NDArray[np.uint8],
    shape: tuple[tuple[float, float], ...],
    centre: tuple[int, int],
    radius_px: float,
) -> None:
    import cv2

    cv2.fillPoly(canvas, [_points(shape, centre, radius_px)], _BLACK, cv2.LINE_AA, _SUB)
