"""Box distributions: each side of a box as a histogram of distances from a point.

A head of this kind answers, for each of a box's four sides, how likely each whole number of cells is as its distance.
The distance is the mean of that distribution.

Source: Li et al. 2020, Generalized Focal Loss, the section on distribution focal loss; NanoDet and PicoDet leave this
step to the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mean_distances(logits: NDArray[Any]) -> NDArray[np.float32]:
    """The mean of each side's distribution.

    Give it only the rows that are wanted: a model has thousands, of which some tens hold an object.

    Args:
        logits: Any float, (N, 4 * bins): left, top, right and bottom one after the other, finite. Not changed.

    Returns:
        float32 (N, 4), owned, in cells: 0 to bins - 1.
    """
    count, values = logits.shape
    bins = values // 4
    weights = logits.astype(np.float32).reshape(count, 4, bins)
    weights -= weights.max(axis=2, keepdims=True)  # the largest becomes 1: nothing overflows
    np.exp(weights, out=weights)
    distances: NDArray[np.float32] = weights @ np.arange(bins, dtype=np.float32)
    distances /= weights.sum(axis=2)
    return distances


def boxes_around(points: NDArray[np.float32], distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes from points and the distances of their sides.

    Args:
        points: float32 (N, 2): x and y.
        distances: float32 (N, 4): to the left, top, right and bottom side, in the unit of the points.

    Returns:
        float32 (N, 4), owned: left, top, right, bottom.
    """
    boxes = np.empty((len(points), 4), np.float32)
    np.subtract(points, distances[:, :2], out=boxes[:, :2])
    np.add(points, distances[:, 2:], out=boxes[:, 2:])
    return boxes
