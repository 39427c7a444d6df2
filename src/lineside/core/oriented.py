"""Oriented boxes: one form of the many that mean the same rectangle, its corners, and the upright box around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST = -np.pi / 4


def corners(xywhr: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The four corners of each box, in turn around it.

    Args:
        xywhr: (N, 5): centre x and y, width, height in pixels, rotation of the width's side from the x axis
            towards the y axis in radians.

    Returns:
        float32 (N, 4, 2): x and y. With no rotation: right lower, right upper, left upper, left lower.
    """
    cos, sin = np.cos(xywhr[:, 4]), np.sin(xywhr[:, 4])
    along = 0.5 * xywhr[:, 2:3] * np.stack([cos, sin], axis=1)
    across = 0.5 * xywhr[:, 3:4] * np.stack([-sin, cos], axis=1)
    centre = xywhr[:, :2]
    turns = (along + across, along - across, -along - across, across - along)
    return np.stack([centre + turn for turn in turns], axis=1).astype(np.float32, copy=False)


def upright(xywhr: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The smallest upright boxes around oriented ones: float32 (N, 4), left, top, right, bottom.

    Args:
        xywhr: (N, 5), as for `corners`.
    """
    cos, sin = np.abs(np.cos(xywhr[:, 4])), np.abs(np.sin(xywhr[:, 4]))
    half_width = 0.5 * (xywhr[:, 2] * cos + xywhr[:, 3] * sin)
    half_height = 0.5 * (xywhr[:, 2] * sin + xywhr[:, 3] * cos)
    boxes = np.empty((len(xywhr), 4), np.float32)
    boxes[:, 0] = xywhr[:, 0] - half_width
    boxes[:, 1] = xywhr[:, 1] - half_height
    boxes[:, 2] = xywhr[:, 0] + half_width
    boxes[:, 3] = xywhr[:, 1] + half_height
    return boxes


def within_half_turn(xywhr: NDArray[np.float32]) -> None:
    """Turn rotations into -45 to 135 degrees, in place: a box that is turned by 180 degrees is the same.

    Width and height stay which they are. The heads of YOLOv8 answer in this range already.

    Args:
        xywhr: float32 (N, 5), as for `corners`; overwritten.
    """
    angles = xywhr[:, 4]
    beyond = (angles < _LEAST) | (angles > _LEAST + np.pi)
    if beyond.any():
        far = angles[beyond].astype(np.float64)
        angles[beyond] = far - np.floor((far - _LEAST) / np.pi) * np.pi
