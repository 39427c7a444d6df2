"""A large picture in slices: where they lie, and which boxes their borders cut in two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEAR = 0.02  # share of a slice's side: a box that ends so near to a border may go on behind it
_COVERED = 0.6  # share of a piece that lies in a box of another slice: they show one object
_PAIRS = 1 << 20  # boxes that are compared at once


class Corner(NamedTuple):
    """The left upper pixel of a slice."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class SliceGrid:
    """Slices of one size that cover a picture.

    Attributes:
        frame: Size of the picture.
        size: Size of a slice.
        corners: Where each lies, row by row.
        overlap_px: Height and width that neighbours have in common at least; the picture's own side where
            there is but one slice. What is not larger is whole in one of the slices.
    """

    frame: Size
    size: Size
    corners: tuple[Corner, ...]
    overlap_px: Size

    @classmethod
    def over(cls, frame: Size, size: Size, overlap: float) -> SliceGrid:
        """The fewest slices that overlap by at least a share of their sides, spread evenly.

        Args:
            frame: Size of the picture.
            size: Size of a slice.
            overlap: Share of a slice's side, 0 to below 1.

        Raises:
            SettingsError: A slice is larger than the picture.
        """
        if size.height > frame.height or size.width > frame.width:
            fitting = Size(*map(min, frame, size))
            raise SettingsError(
                f"slices of {size} do not fit into a picture of {frame}; take slices of {fitting} at the most, "
                "or run the whole picture without slices"
            )
        rows, row_overlap = _starts(frame.height, size.height, overlap)
        columns, column_overlap = _starts(frame.width, size.width, overlap)
        corners = tuple(Corner(x, y) for y in rows for x in columns)
        return cls(frame, size, corners, Size(row_overlap, column_overlap))

    def cut(self, xyxy: NDArray[np.float32], number: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which boxes end at a border of their slice that is none of the picture, bool (N,).

        Args:
            xyxy: float32 (N, 4) in pixels of the picture.
            number: intp (N,), the slice of each; below 0 for a box from no slice, which no border cuts.
        """
        if not len(xyxy):
            return np.zeros(0, np.bool_)
        low = np.array(self.corners)[number]
        high = low + np.array((self.size.width, self.size.height))
        near = np.maximum(np.array((self.size.width, self.size.height)) * _NEAR, 2)
        end = np.array((self.frame.width, self.frame.height))
        ends = ((xyxy[:, :2] - low <= near) & (low > 0)) | ((high - xyxy[:, 2:] <= near) & (high < end))
        return np.asarray(ends.any(axis=1) & (number >= 0))

    def is_larger_than_overlap(self, xyxy: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which boxes no slice may show whole, bool (N,)."""
        sides = xyxy[:, 2:] - xyxy[:, :2]
        return np.asarray((sides > (self.overlap_px.width, self.overlap_px.height)).any(axis=1))


def needless_pieces(
    xyxy: NDArray[np.float32],
    number: NDArray[np.intp],
    is_cut: NDArray[np.bool_],
    class_id: NDArray[np.int32],
) -> NDArray[np.bool_]:
    """Which cut boxes another slice shows better: whole, or a larger piece. bool (N,).

    A piece of which no other slice shows more is not needless: nothing that was found is lost.

    Args:
        xyxy: float32 (N, 4) in pixels of the picture.
        number: intp (N,), the slice of each.
        is_cut: bool (N,), from `SliceGrid.cut`.
        class_id: int32 (N,): only boxes of one class are compared, whatever NMS does later. A small defect at a
            border must not give way to the part around it.
    """
    needless = np.zeros(len(xyxy), np.bool_)
    boxes = xyxy.astype(np.float64)
    area = np.multiply.reduce(boxes[:, 2:] - boxes[:, :2], axis=1)
    pieces = is_cut.nonzero()[0]
    step = max(_PAIRS // max(len(xyxy), 1), 1)
    for start in range(0, len(pieces), step):
        some = pieces[start : start + step]
        low = np.maximum(boxes[some, None, :2], boxes[:, :2])
        high = np.minimum(boxes[some, None, 2:], boxes[:, 2:])
        common = np.multiply.reduce(np.maximum(high - low, 0), axis=2)
        shows = (common >= _COVERED * area[some, None]) & (number[some, None] != number)
        shows &= ~is_cut | (area > area[some, None])
        shows &= class_id[some, None] == class_id
        needless[some] = shows.any(axis=1)
    return needless


def _starts(length: int, side: int, overlap: float) -> tuple[list[int], int]:
    """Where slices begin along one axis, and the least number of pixels that two neighbours share."""
    step = max(math.floor(side * (1 - overlap)), 1)
    count = 1 + math.ceil((length - side) / step)
    if count == 1:
        return [0], length
    starts = np.linspace(0, length - side, count).round().astype(int)
    return starts.tolist(), side - int(np.diff(starts).max())
