"""Prototype masks: each object's mask, made only where its box is.

A head answers a few dozen maps of the whole picture, the prototypes, and for each object as many coefficients; the
mask is where their weighted sum is above zero, inside the object's box. The method is YOLACT's (Bolya et al. 2019,
"YOLACT: Real-time Instance Segmentation"); the order of the steps, bilinear upsampling of the sum and then the
threshold, is that of Ultralytics' masks in the picture's own resolution. All of it is done on the box's part of the
prototypes alone: no map of the whole frame is ever made.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lineside.core.masks import Masks
from lineside.postprocess.finite import check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox

_NOWHERE = np.zeros((0, 0), bool)
_BEYOND = 32  # cells beyond the prototypes among which an edge is looked for
_TOLERANCE_PX = 0.05  # by which an edge may miss a pixel's
_MOST_AROUND, _FEW_PIXELS = 4, 2048  # so many times a box's pixels and these are resized sooner than warped


def prototype_masks(
    prototypes: NDArray[Any],
    coefficients: NDArray[np.float32],
    xyxy: NDArray[np.float32],
    letterbox: Letterbox,
) -> Masks:
    """The masks of the objects that NMS left, in pixels of the frame.

    Args:
        prototypes: Any float, (M, h, w): maps of the model's whole input.
        coefficients: float32 (N, M), a row an object.
        xyxy: float32 (N, 4), the objects' boxes in model pixels.
        letterbox: The way to the frame.

    Returns:
        A bitmap an object, of the pixels whose centre lies in its box.

    Raises:
        ModelOutputError: A prototype is not finite, whether a mask is made of it or not, or a coefficient.
    """
    check_finite(prototypes, "mask prototype")
    check_finite(coefficients, "mask coefficient")
    boxes = xyxy.copy()
    letterbox.to_frame(boxes)
    corners = np.rint(boxes).astype(np.int32)
    across, down = _axes((prototypes.shape[1], prototypes.shape[2]), letterbox)
    crops = tuple(
        _bitmap(prototypes, weights, across.part(left, right), down.part(top, bottom))
        for weights, (left, top, right, bottom) in zip(coefficients, corners.tolist(), strict=True)
    )
    return Masks(crops, np.ascontiguousarray(corners[:, :2]), letterbox.frame)


class _Part(NamedTuple):
    """A box's extent on one axis.

    Attributes:
        begin: Its first frame pixel.
        pixels: Its frame pixels.
        shift: Where the first pixel's centre lies, in cells from the centre of the first cell.
        step: Cells a frame pixel.
        cells: The prototypes' cells under it.
        around: Cells around them, some perhaps beyond the prototypes, that begin and end with a frame pixel; none
            where there are no such cells.
        edges: The frame pixel that they begin with, and the one behind them.
    """

    begin: int
    pixels: int
    shift: float
    step: float
    cells: slice
    around: slice
    edges: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Axis:
    """How frame pixels lie over the prototypes' cells on one axis.

    Attributes:
        step: Cells a frame pixel.
        start: Where the centre of frame pixel 0 lies, in cells from the centre of cell 0.
        first: The first cell that shows the frame, not its padding.
        last: The last one.
        whole: Cells whose edge is the edge of a frame pixel, ascending, some of them beyond the prototypes.
    """

    step: float
    start: float
    first: int
    last: int
    whole: tuple[int, ...]

    @classmethod
    def of(cls, count: int, step: float, pad: float, scaled: float) -> _Axis:
        """The axis of `count` cells, with `pad` and `scaled` in cells too."""
        first, last = floor(pad), max(min(ceil(pad + scaled), count) - 1, floor(pad))
        cells = np.arange(-_BEYOND, count + _BEYOND)
        edges = (cells - pad) / step
        near = cells[np.abs(edges - np.rint(edges)) < _TOLERANCE_PX]
        return cls(step, 0.5 * step + pad - 0.5, first, last, tuple(near.tolist()))

    def part(self, begin: int, end: int) -> _Part:
        """The cells that the frame pixels from `begin` to before `end` are interpolated between."""
        at = self.start + begin * self.step
        far = floor(at + (end - begin - 1) * self.step) + 1
        first, last = (min(max(cell, self.first), self.last) for cell in (floor(at), far))
        before = bisect_right(self.whole, min(floor(at), first)) - 1
        behind = bisect_left(self.whole, max(far, last) + 1)
        low = high = first
        if before >= 0 and behind < len(self.whole):
            low, high = self.whole[before], self.whole[behind]
        edges = (self._edge(low), self._edge(high))
        return _Part(
            begin, end - begin, at - first, self.step, slice(first, last + 1), slice(low, high), edges
        )

    def _edge(self, cell: int) -> int:
        """The frame pixel that begins where a whole cell does."""
        return round((cell - 0.5 - self.start) / self.step + 0.5)


@lru_cache(maxsize=64)
def _axes(cells: tuple[int, int], letterbox: Letterbox) -> tuple[_Axis, _Axis]:
    """The horizontal and the vertical axis of prototypes of so many lines and columns of cells."""
    box, across, down = letterbox, cells[1] / letterbox.model.width, cells[0] / letterbox.model.height
    return (
        _Axis.of(cells[1], box.gain_x * across, box.left_px * across, box.scaled.width * across),
        _Axis.of(cells[0], box.gain_y * down, box.top_px * down, box.scaled.height * down),
    )


def _bitmap(
    prototypes: NDArray[Any], weights: NDArray[np.float32], across: _Part, down: _Part
) -> NDArray[np.bool_]:
    """Where the weighted sum of the prototypes is above zero: bool (height, width) of the box's pixels."""
    if across.pixels < 1 or down.pixels < 1:
        return _NOWHERE
    part = prototypes[:, down.cells, across.cells]
    flat = part.reshape(len(part), -1).astype(np.float32, copy=False)
    # A score of one half is a sum of zero, so the sigmoid is not needed.
    sums = np.dot(weights, flat).reshape(part.shape[1:])
    return np.asarray(_upsampled(sums, across, down) > 0)


def _upsampled(sums: NDArray[np.float32], across: _Part, down: _Part) -> NDArray[Any]:
    """The sums of cells, interpolated at the centres of the box's pixels: float32 (height, width)."""
    import cv2

    width, height = (part.edges[1] - part.edges[0] for part in (across, down))
    if not 0 < width * height <= _MOST_AROUND * (across.pixels * down.pixels + _FEW_PIXELS):
        way = np.array([[across.step, 0, across.shift], [0, down.step, down.shift]])
        return cv2.warpAffine(
            sums,
            way,
            (across.pixels, down.pixels),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    # Between edges that are pixels' edges too a resize gives the same, several times as fast.
    whole = cv2.copyMakeBorder(
        sums,
        down.cells.start - down.around.start,
        down.around.stop - down.cells.stop,
        across.cells.start - across.around.start,
        across.around.stop - across.cells.stop,
        cv2.BORDER_REPLICATE,
    )
    scaled = cv2.resize(whole, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = across.begin - across.edges[0], down.begin - down.edges[0]
    return scaled[y : y + down.pixels, x : x + across.pixels]
