"""Frame to model input: resize, pad and split into planes, in buffers that are made once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from lineside.core.errors import ImageFormatError
from lineside.core.geometry import Letterbox, Size
from lineside.preprocess.resample import Reduction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.models.spec import Conventions

_STRIP_BYTES = 1 << 20  # of a frame at a time, so that its planes are still in the cache when they are halved
_APART = 8  # bytes, see `_planes_apart`

# One more thread of OpenCV's would take a core from the run that follows.
cv2.setNumThreads(1)


class Slot:
    """A model's input buffer, and what is needed to fill it.

    Args:
        size: The model's input size.
        conventions: Its colour order and letterbox.
        planes: The buffer to fill, uint8 (1, 3, H, W), where it is one picture's place in a batch; else the slot makes its own.

    Attributes:
        planes: uint8 (1, 3, H, W) in the model's channel order; owned by the slot, overwritten by `fill`.
    """

    def __init__(self, size: Size, conventions: Conventions, planes: NDArray[np.uint8] | None = None) -> None:
        self.planes: NDArray[np.uint8] = np.empty((1, 3, *size), np.uint8) if planes is None else planes
        self.planes.fill(conventions.fit.pad_value)
        self._size = size
        self._conventions = conventions
        self._letterbox: Letterbox | None = None
        self._scaled: NDArray[np.uint8] = np.empty((0, 0, 3), np.uint8)
        self._targets: list[NDArray[np.uint8]] = []
        self._strips: list[_Strip] = []
        self._reduction: Reduction | None = None

    def fill(self, image: NDArray[np.uint8]) -> Letterbox:
        """Letterbox a picture into `planes`.

        Args:
            image: uint8 BGR (H, W, 3), as `as_bgr` gives it.

        Returns:
            The way back to the picture's pixels.
        """
        frame = Size(*image.shape[:2])
        if self._letterbox is None or self._letterbox.frame != frame:
            self._lay_out(frame)
        assert self._letterbox is not None
        if self._strips:
            for strip in self._strips:
                strip.halve(image)
            return self._letterbox
        if self._reduction is not None:
            self._reduction.fill(image, self._targets)
            return self._letterbox
        source = image
        if self._letterbox.scaled != frame:
            _resize(image, self._scaled)
            source = self._scaled
        cv2.split(source, self._targets)
        return self._letterbox

    def _lay_out(self, frame: Size) -> None:
        """Make the buffers of another frame size; the padding is written here and stays."""
        box = _fit(frame, self._size, self._conventions)
        order = (2, 1, 0) if self._conventions.colour == "rgb" else (0, 1, 2)
        if self._conventions.fit.anchor == "crop":
            self._targets = [self.planes[0, c] for c in order]
            self._reduction = Reduction(box)
            self._letterbox = box
            return
        self.planes.fill(self._conventions.fit.pad_value)
        self._scaled = np.empty((*box.scaled, 3), np.uint8)
        rows = slice(box.top_px, box.top_px + box.scaled.height)
        columns = slice(box.left_px, box.left_px + box.scaled.width)
        self._targets = [self.planes[0, c, rows, columns] for c in order]
        halved = frame == (2 * box.scaled.height, 2 * box.scaled.width)
        self._strips = _strips(self._targets) if halved else []
        self._letterbox = box


class _Strip:
    """Some rows of a frame that is twice as large as it has to be, as 1280x720 is for 640.

    Of a single plane OpenCV halves four times as many pixels a second as of three interleaved ones, so the rows are
    split first; the result is the same, bit by bit.

    Args:
        rows: Rows of the frame.
        planes: Three buffers for them.
        targets: Where their halves go, in the frame's channel order.
    """

    def __init__(
        self, rows: slice, planes: list[NDArray[np.uint8]], targets: list[NDArray[np.uint8]]
    ) -> None:
        self._rows = rows
        self._planes = planes
        self._pairs = tuple(zip(planes, targets, strict=True))
        self._size = targets[0].shape[::-1]

    def halve(self, image: NDArray[np.uint8]) -> None:
        """Fill the targets."""
        cv2.split(image[self._rows], self._planes)
        for plane, target in self._pairs:
            cv2.resize(plane, self._size, dst=target, interpolation=cv2.INTER_LINEAR)


def _strips(targets: list[NDArray[np.uint8]]) -> list[_Strip]:
    """Strips of about `_STRIP_BYTES`, which share their buffers, for a frame twice as large as its targets."""
    height, width = targets[0].shape
    rows = min(max(_STRIP_BYTES // (12 * width), 1), height)
    planes = _planes_apart(2 * rows, 2 * width)
    strips = []
    for top in range(0, height, rows):
        parts = [target[top : top + rows] for target in targets]
        lines = slice(2 * top, 2 * (top + len(parts[0])))
        strips.append(_Strip(lines, [plane[: 2 * len(parts[0])] for plane in planes], parts))
    return strips


def _planes_apart(height: int, width: int) -> list[NDArray[np.uint8]]:
    """Three buffers whose addresses leave different remainders by the width of a register.

    Into planes of equal remainders OpenCV's `split` writes past the caches, and who reads them next waits for the
    memory: three times as long, measured.
    """
    area = height * width
    step = area + -area % 64 + _APART
    block = np.empty(3 * step, np.uint8)
    return [block[c * step : c * step + area].reshape(height, width) for c in range(3)]


def _resize(image: NDArray[np.uint8], scaled: NDArray[np.uint8]) -> None:
    """Bilinear resize into a buffer, pixel for pixel what `cv2.resize` with `INTER_LINEAR` gives.

    At a whole odd ratio, as 1920x1080 in 640 has, every sample falls on the centre of a pixel: picking those
    pixels is the same, and takes less than half the time.
    """
    (height, width), (rows, columns) = image.shape[:2], scaled.shape[:2]
    ratio = width // columns
    if ratio % 2 and ratio > 1 and (width, height) == (ratio * columns, ratio * rows):
        centres = image[ratio // 2 :, ratio // 2 :]
        cv2.resize(centres, None, dst=scaled, fx=1 / ratio, fy=1 / ratio, interpolation=cv2.INTER_NEAREST)
    else:
        cv2.resize(image, (columns, rows), dst=scaled, interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=64)
def _fit(frame: Size, model: Size, conventions: Conventions) -> Letterbox:
    return Letterbox.fit(frame, model, conventions.fit)


def as_bgr(image: Any) -> NDArray[np.uint8]:
    """A picture as uint8 BGR (H, W, 3): grey is repeated, alpha is dropped, nothing is scaled.

    Args:
        image: uint8 (H, W, 3) BGR, (H, W, 4) BGRA, (H, W) or (H, W, 1) grey.

    Returns:
        The array itself where it is BGR and contiguous, else a copy.

    Raises:
        ImageFormatError: Another type, dtype or shape, or no pixel at all.
    """
    if not isinstance(image, np.ndarray):
        raise ImageFormatError(
            f"expected a picture as a numpy array, uint8 (H, W, 3) BGR; got {type(image).__name__}"
        )
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size:
        return image if image.flags.c_contiguous else np.ascontiguousarray(image)
    seen = f"got {image.dtype} {image.shape}"
    if image.dtype != np.uint8:
        raise ImageFormatError(
            f"expected uint8 (H, W, 3) BGR; {seen}. Scale it to 0..255 first, with the range that its camera uses"
        )
    if image.ndim not in {2, 3} or (image.ndim == 3 and image.shape[2] not in {1, 3, 4}):
        raise ImageFormatError(f"expected uint8 (H, W, 3) BGR, one picture; {seen}")
    if image.size == 0:
        raise ImageFormatError(f"the picture has no pixels; {seen}")
    if image.ndim == 3 and image.shape[2] == 4:
        return np.ascontiguousarray(image[..., :3])
    grey = image if image.ndim == 2 else image[..., 0]
    return np.repeat(grey[..., None], 3, axis=2)
