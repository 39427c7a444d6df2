"""The cells of a grid whose input need not be a multiple of its strides, and what a probe says of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lineside.models.head import STRIDE_SETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Size


def cells(size: Size, stride: int) -> tuple[int, int]:
    """Lines and columns of a level: a convolution of stride 2 rounds up."""
    return -(-size.height // stride), -(-size.width // stride)


def cell_counts(size: Size, strides: Sequence[int]) -> list[int]:
    """How many cells each level has."""
    return [lines * columns for lines, columns in (cells(size, stride) for stride in strides)]


def strides_of(rows: int, size: Size) -> tuple[int, ...] | None:
    """The usual strides whose levels have so many cells together, ascending; `None` where none do."""
    return next((s for s in STRIDE_SETS if sum(cell_counts(size, s)) == rows), None)


@lru_cache(maxsize=32)
def cell_points(
    size: Size, strides: tuple[int, ...], offset: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The point and the stride of each row's cell, level by level and line by line.

    Args:
        size: The input size.
        strides: Pixels per cell of each level, in the order of the rows.
        offset: Where in its cell the point lies: 0.5 for the centre, 0 for the corner.

    Returns:
        Points float32 (rows, 2), x and y in model pixels, and strides float32 (rows,). Shared; not to be changed.
    """
    points, steps = [], []
    for stride in strides:
        lines, columns = cells(size, stride)
        y, x = np.mgrid[:lines, :columns].astype(np.float32)
        points.append((np.stack([x.ravel(), y.ravel()], axis=1) + np.float32(offset)) * np.float32(stride))
        steps.append(np.full(lines * columns, stride, np.float32))
    return np.concatenate(points), np.concatenate(steps)


def near_their_cells(
    centres: NDArray[np.float32], size: Size, strides: tuple[int, ...], reach: float
) -> float | None:
    """The share of boxes centred within `reach` cells of their own; `None` where they do not follow the grid.

    Args:
        centres: float32 (rows, 2), x and y in model pixels.
        size: The input size.
        strides: The levels in the order of the rows.
        reach: Cells.
    """
    points, stride = cell_points(size, strides, 0.5)
    for axis in (0, 1):
        if points[:, axis].std() > 0 and np.polyfit(points[:, axis], centres[:, axis], 1)[0] <= 0.5:
            return None
    near = np.abs(centres - points) <= reach * stride[:, None]
    return float(near.all(axis=1).mean())
