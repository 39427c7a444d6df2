"""The masks of one picture's objects, each as a small bitmap and its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Size

    Bitmap = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """One mask an object: a bitmap of its box, and where in the picture it lies.

    A full picture of bytes for each of 25 objects would be 50 MB at 1080p; their boxes are a hundredth of that.

    Attributes:
        crops: Bitmaps, bool (h, w) each; an object without a pixel has (0, 0).
        corners: int32 (N, 2): x and y of each bitmap's left upper pixel in the picture.
        size: Size of the picture.

    Raises:
        SettingsError: A bitmap is no bool array, or reaches beyond the picture.
    """

    crops: tuple[Bitmap, ...]
    corners: NDArray[np.int32]
    size: Size

    def __post_init__(self) -> None:
        if self.corners.shape != (len(self.crops), 2) or self.corners.dtype != np.int32:
            raise SettingsError(
                f"Masks.corners: expected int32 ({len(self.crops)}, 2), "
                f"got {self.corners.dtype} {self.corners.shape}"
            )
        for number, (crop, (x, y)) in enumerate(zip(self.crops, self.corners.tolist(), strict=True)):
            if crop.dtype != np.bool_ or crop.ndim != 2:
                raise SettingsError(
                    f"Masks.crops[{number}]: expected bool (h, w), got {crop.dtype} {crop.shape}"
                )
            height, width = crop.shape
            if min(x, y) < 0 or x + width > self.size.width or y + height > self.size.height:
                raise SettingsError(
                    f"Masks.crops[{number}]: {width}x{height} at {x}, {y} reaches beyond the picture of {self.size}"
                )

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Masks:
        """The chosen masks: a boolean mask, an index array or a slice."""
        chosen = np.arange(len(self))[index]
        return Masks(tuple(self.crops[i] for i in chosen), self.corners[chosen], self.size)

    def area_px(self) -> NDArray[np.int64]:
        """Pixels of each mask, int64 (N,)."""
        return np.array([np.count_nonzero(crop) for crop in self.crops], np.int64)

    def dense(self) -> NDArray[np.bool_]:
        """Every mask in the whole picture, bool (N, H, W): large, and made anew at each call."""
        whole = np.zeros((len(self), *self.size), bool)
        for plane, crop, (x, y) in zip(whole, self.crops, self.corners.tolist(), strict=True):
            plane[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
        return whole

    def polygons(self) -> list[list[NDArray[np.int32]]]:
        """The outlines of each mask, int32 (points, 2) in pixels of the picture, the largest first.

        A mask in several pieces has several; holes are left out.
        """
        import cv2

        found = []
        for crop, corner in zip(self.crops, self.corners.tolist(), strict=True):
            outlines: Sequence[Any] = ()
            if crop.any():
                outlines, _ = cv2.findContours(
                    crop.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=tuple(corner)
                )
            shapes = [np.asarray(outline, np.int32).reshape(-1, 2) for outline in outlines]
            found.append(sorted(shapes, key=lambda shape: -cv2.contourArea(shape)))
        return found

    def rle(self, *, compressed: bool = False) -> list[dict[str, Any]]:
        """Each mask in COCO's run length encoding: `size` (height, width) and `counts`, column by column, zeros first.

        Args:
            compressed: Whether `counts` is COCO's text of the runs (a third of their length, and what its tools
                read as it is) instead of a list of them.
        """
        encoded = []
        for crop, (x, y) in zip(self.crops, self.corners.tolist(), strict=True):
            columns = np.zeros((crop.shape[1], self.size.height), bool)
            columns[:, y : y + crop.shape[0]] = crop.T
            before = x * self.size.height
            after = self.size.height * self.size.width - before - columns.size
            runs = _runs(columns.reshape(-1), before, after)
            encoded.append({"size": [*self.size], "counts": _text(runs) if compressed else runs.tolist()})
        return encoded


def _runs(bits: NDArray[np.bool_], before: int, after: int) -> NDArray[np.int64]:
    """Lengths of the runs of zeros and ones in turn, with so many zeros before and after the bits."""
    changes = np.flatnonzero(np.diff(bits.view(np.int8), prepend=0, append=0))
    if not len(changes):
        return np.array([before + len(bits) + after], np.int64)
    runs = np.diff(changes, prepend=0, append=len(bits)).astype(np.int64)
    runs[0] += before
    runs[-1] += after
    return runs if runs[-1] else runs[:-1]


def _text(runs: NDArray[np.int64]) -> str:
    """Runs as COCO's text: each as its difference to the last but one, in signed groups of five bits, lowest first.

    The format is that of the COCO API's compressed masks (Lin et al. 2014, "Microsoft COCO: Common Objects in
    Context", and its data format). A character is 48 and the group, and 32 where another one follows.
    """
    rest = runs.copy()
    rest[3:] -= runs[1:-2]
    goes_on = np.ones(len(rest), bool)
    columns = []
    while goes_on.any():
        group = rest & 31
        rest >>= 5
        more = goes_on & (rest != np.where(group & 16, -1, 0))
        columns.append(np.where(goes_on, 48 + group + 32 * more, 0))
        goes_on = more
    characters = np.stack(columns, axis=1).astype(np.uint8)
    return characters[characters > 0].tobytes().decode("ascii")
