"""What a product's recipe cuts away from a camera's pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.core.frame import Frame


def cropped(crop: tuple[int, int, int, int]) -> Callable[[Frame], Frame]:
    """A function that gives the part of a picture inside the crop, as a picture of its own.

    Args:
        crop: Left, top, right, bottom in pixels of the camera's picture.
    """
    left, top, right, bottom = crop

    def cut(frame: Frame) -> Frame:
        height, width = frame.image.shape[:2]
        if right > width or bottom > height:
            raise ImageError(f"expected a picture of at least {right}x{bottom} to crop; got {width}x{height}")
        return replace(frame, image=np.ascontiguousarray(frame.image[top:bottom, left:right]))

    return cut
