"""Outlines with a name each, drawn into a copy of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.geometry import Size
from lineside.outputs.pen import Pen
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
    pen = Pen.of(Size(*canvas.shape[:2]))
    line_px = max(2, pen.line_px)
    for name, corners in outlines:
        draw_oriented(canvas, corners, _WHITE, line_px)
        x, y = np.rint(corners[corners.sum(axis=1).argmin()]).astype(int).tolist()
        left, top = max(x, 0) + line_px, max(y, 0) + line_px
        text = pen.shown(name)
        right, bottom = left + pen.width_px(text) + 2 * pen.margin_px, top + pen.text_px + 2 * pen.margin_px
        cv2.rectangle(canvas, (left, top), (right, bottom), _BLACK, cv2.FILLED)
        pen.write(canvas, text, (left + pen.margin_px, bottom - pen.margin_px - pen.text_px // 5), _WHITE)
    return canvas
