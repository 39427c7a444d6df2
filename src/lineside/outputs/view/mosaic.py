"""Several pictures on one canvas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_GROUND = (28, 24, 22)


def mosaic(pictures: Sequence[NDArray[np.uint8]], size: Size) -> NDArray[np.uint8]:
    """Pictures beside and below each other on a canvas of some size, in their order; those that are too large are made smaller.

    Args:
        pictures: uint8 BGR (H, W, 3), at least one.
        size: Of the canvas.
    """
    canvas = np.empty((*size, 3), np.uint8)
    canvas[:] = _GROUND
    columns, cell = cells(len(pictures), size)
    for number, picture in enumerate(pictures):
        fitted = _fit(picture, cell)
        height, width = fitted.shape[:2]
        top = (number // columns) * cell.height + (cell.height - height) // 2
        left = (number % columns) * cell.width + (cell.width - width) // 2
        canvas[top : top + height, left : left + width] = fitted
    return canvas


def cells(count: int, size: Size) -> tuple[int, Size]:
    """The number of columns for some pictures on a canvas, and the size of each one's cell."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    return columns, Size(height=max(size.height // rows, 1), width=max(size.width // columns, 1))


def _fit(picture: NDArray[np.uint8], cell: Size) -> NDArray[np.uint8]:
    import cv2

    height, width = picture.shape[:2]
    scale = min(cell.width / width, cell.height / height)
    if scale >= 1.0:
        return picture
    to = max(1, int(width * scale)), max(1, int(height * scale))
    return cv2.resize(picture, to, interpolation=cv2.INTER_AREA)  # type: ignore[return-value] # OpenCV's types know no dtype
