"""The boxes of detections as rules need them: their corners, and whether the picture cuts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.detections import Detections

_EDGE_PX = 1.0  # a box that ends so near to the picture's edge may go on beyond it


def box_corners(detections: Detections, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """The corners of some objects' boxes in turn, turned where they are oriented: float64 (M, 4, 2) in pixels."""
    if detections.xywhr is not None:
        turned = detections[rows].xyxyxyxy
        assert turned is not None
        return turned.astype(np.float64)
    left, top, right, bottom = detections.xyxy[rows].astype(np.float64).T
    pairs = ((left, top), (right, top), (right, bottom), (left, bottom))
    return np.stack([np.stack(pair, axis=-1) for pair in pairs], axis=1)


def is_cut(detections: Detections, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of some objects reach the picture's edge, so that nobody knows how far they go on: bool (M,).

    A classifier's answer is for the whole picture, and reaches it always.
    """
    boxes = detections.xyxy[rows]
    far = np.array([detections.size.width, detections.size.height], np.float32) - np.float32(_EDGE_PX)
    near, beyond = boxes[:, :2] <= _EDGE_PX, boxes[:, 2:] >= far
    return np.asarray(near.any(axis=1) | beyond.any(axis=1), np.bool_)
