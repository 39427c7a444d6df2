"""Outlines with a name each, drawn into a copy of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.outputs.shapes import draw_oriented

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def draw_outlines(
    image: NDArray[np.uint8], outlines: Sequence[tuple[str, NDArray[np.floating[Any]]]]
) -> NDArray[np.uint8]:
    """A copy of the picture with closed white outlines, each with its name at its upper left.

    Args:
        image: uint8 BGR (H, W, 3); not changed.
        outlines: A name, in letters that every font has, and corners (N, 2) in pixels, in turn.

    Returns:
        uint8 BGR (H, W, 3), owned by the caller.
    """
    import cv2

    canvas = image.copy()
    side_px = (canvas.shape[0] + canvas.shape[1]) / 2
    line_px, scale = max(2, round(side_px * 0.003)), max(0.4, side_px / 1400)
    for name, corners in outlines:
        draw_oriented(canvas, corners, _WHITE, line_px)
        x, y = np.rint(corners[corners.sum(axis=1).argmin()]).astype(int).tolist()
        at = (max(x, 0) + 2 * line_px, max(y, 0) + round(24 * scale) + 2 * line_px)
        for colour, width in ((_BLACK, 3 * line_px // 2 + 2), (_WHITE, max(1, line_px // 2))):
            cv2.putText(canvas, name, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)
    return canvas
