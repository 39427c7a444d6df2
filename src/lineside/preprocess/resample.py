"""The middle of a frame scaled to a model's input without aliasing, as Pillow scales it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox

_BAND = 8  # output pixels that share one product with the input pixels around them
_STEPS = 1 << 22  # Pillow's weights are whole multiples of one of so many parts; sums of them are exact here
_OWN_THREAD = 200_000  # multiply-adds of a product that no BLAS hands to other threads


@dataclass(frozen=True, slots=True, eq=False)
class _Band:
    """Neighbouring output pixels along one axis.

    Attributes:
        source: The input pixels that they are made of.
        target: The output pixels.
        weights: float64 (outputs, inputs).
    """

    source: slice
    target: slice
    weights: NDArray[np.float64]


class Reduction:
    """Fills the planes of an input with the middle of a frame.

    Where the frame is larger every pixel of it counts, by a triangle as wide as two output pixels; where it is
    smaller this is bilinear interpolation. Width first, then height, each rounded to whole grey levels: the
    arithmetic of Pillow's `Image.resize` with `BILINEAR`, which torchvision's `Resize` takes for a `PIL` image. (At
    some sizes Pillow 13 takes the height first: that differs by one grey level at the most.)

    Args:
        box: The frame and the input; only what lies in the input is worked out.
    """

    def __init__(self, box: Letterbox) -> None:
        columns = _bands(box.frame.width, box.scaled.width, -box.left_px, box.model.width)
        rows = _bands(box.frame.height, box.scaled.height, -box.top_px, box.model.height)
        self._window = (_reach(rows), _reach(columns))
        self._rows = _from_zero(rows)
        # Products from the right, so that the frame need not be turned.
        self._columns = [
            _Band(band.source, band.target, np.ascontiguousarray(band.weights.T))
            for band in _from_zero(columns)
        ]
        height, width = (part.stop - part.start for part in self._window)
        self._planes = [np.empty((height, width), np.uint8) for _ in range(3)]
        self._values = np.empty((height, width), np.float64)
        self._narrow = np.empty((height, box.model.width), np.float64)
        self._small = np.empty(box.model, np.float64)

    def fill(self, image: NDArray[np.uint8], targets: Sequence[NDArray[np.uint8]]) -> None:
        """Fill three planes.

        Args:
            image: uint8 (H, W, 3) of the frame's size.
            targets: Three planes of the input's size, in the image's channel order.
        """
        cv2.split(image[self._window], self._planes)
        for plane, target in zip(self._planes, targets, strict=True):
            np.copyto(self._values, plane)
            for band in self._columns:
                step = max(_OWN_THREAD // band.weights.size, 1)
                for top in range(0, len(plane), step):
                    lines = slice(top, top + step)
                    self._narrow[lines, band.target] = self._values[lines, band.source] @ band.weights
            _to_grey_levels(self._narrow)
            for band in self._rows:
                step = max(_OWN_THREAD // band.weights.size, 1)
                for left in range(0, self._small.shape[1], step):
                    part = slice(left, left + step)
                    self._small[band.target, part] = band.weights @ self._narrow[band.source, part]
            _to_grey_levels(self._small)
            np.copyto(target, self._small, casting="unsafe")


def _to_grey_levels(values: NDArray[np.float64]) -> None:
    """Round to whole numbers, halves up, in place."""
    values += np.float64(0.5)
    np.floor(values, out=values)


def _bands(length: int, scaled: int, skipped: int, wanted: int) -> list[_Band]:
    """How some output pixels of an axis are made of its input pixels.

    Args:
        length: Input pixels.
        scaled: Output pixels of the whole axis.
        skipped: The first output pixels, which are not wanted.
        wanted: The output pixels after those.
    """
    ratio = length / scaled
    reach = max(ratio, 1.0)
    middles = (np.arange(skipped, skipped + wanted) + 0.5) * ratio
    first = np.maximum((middles - reach + 0.5).astype(np.intp), 0)
    last = np.minimum((middles + reach + 0.5).astype(np.intp), length)
    bands = []
    for at in range(0, wanted, _BAND):
        own = slice(at, min(at + _BAND, wanted))
        source = slice(int(first[own].min()), int(last[own].max()))
        inputs = np.arange(source.start, source.stop)
        weights = 1 - np.abs(inputs + 0.5 - middles[own, None]) / reach
        inside = (inputs >= first[own, None]) & (inputs < last[own, None])
        weights = np.where(inside, np.maximum(weights, 0), 0)
        weights /= weights.sum(axis=1, keepdims=True)
        bands.append(_Band(source, own, np.floor(weights * _STEPS + 0.5) / _STEPS))
    return bands


def _reach(bands: Sequence[_Band]) -> slice:
    """The input pixels that any band needs."""
    return slice(bands[0].source.start, bands[-1].source.stop)


def _from_zero(bands: Sequence[_Band]) -> list[_Band]:
    """The bands, of an axis that begins with the first input pixel they need."""
    start = bands[0].source.start
    return [_Band(slice(b.source.start - start, b.source.stop - start), b.target, b.weights) for b in bands]
