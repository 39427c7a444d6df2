"""Keypoints: from a head's rows to points in pixels of the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox


def frame_keypoints(
    values: NDArray[Any], layout: tuple[int, int], letterbox: Letterbox
) -> NDArray[np.float32]:
    """The keypoints of the objects that NMS left, in pixels of the frame and clipped to it.

    Args:
        values: (N, points * values each) in model pixels, point by point: x, y, and the visibility where the
            head answers one.
        layout: Keypoints of an object, and values of each: 2 or 3.
        letterbox: The way to the frame.

    Returns:
        float32 (N, K, 3), owned: x, y and visibility; 1 where the head answers none.

    Raises:
        ModelOutputError: A visibility is no probability.
    """
    count, each = layout
    answered = values.reshape(len(values), count, each)
    points = np.empty((len(values), count, 3), np.float32)
    points[..., :each] = answered
    if each == 2:
        points[..., 2] = 1
    elif not ((points[..., 2] >= -0.001) & (points[..., 2] <= 1.001)).all():
        raise ModelOutputError(
            "the model answered a keypoint's visibility below 0 or above 1. The result of this run is not used"
        )
    frame = letterbox.frame
    for axis, (shift, gain, end) in enumerate(
        (
            (letterbox.left_px, letterbox.gain_x, frame.width),
            (letterbox.top_px, letterbox.gain_y, frame.height),
        )
    ):
        places = points[..., axis]
        places -= shift
        places /= np.float32(gain)
        np.clip(places, 0, end, out=places)
    return points
