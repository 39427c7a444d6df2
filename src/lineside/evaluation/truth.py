"""A data set's pictures and what is truly in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lineside.core.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from lineside.core.geometry import Size

Kind = Literal["coco", "yolo", "folders"]

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""The files of a folder that are pictures."""

Outline = list[list[float]] | dict[str, Any]
"""The mask of one true object: polygons as x and y in turn, or COCO's run lengths (`size` and `counts`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The true boxes of one picture, as a struct of arrays.

    Attributes:
        xyxy: Boxes, float64 (N, 4): left, top, right, bottom in pixels of the picture. float64, because the
            annotation files are decimal and the COCO arithmetic is defined on their values.
        class_index: intp (N,), an index into the data set's names.
        ignored: bool (N,): true for a region that counts neither for nor against the model.
        outlines: The mask of each object, where masks are judged; else `None`.
        keypoints: float64 (N, K, 3), where keypoints are judged: x, y, and 0 for a point that is not labelled;
            else `None`.
        areas: float64 (N,), what the distances of keypoints are measured by: the area that the data set
            states, in its unit squared; `None` where it states none.
        corners: float64 (N, 4, 2), where oriented boxes are judged: x and y of the corners in turn; else `None`.
    """

    xyxy: NDArray[np.float64]
    class_index: NDArray[np.intp]
    ignored: NDArray[np.bool_]
    outlines: tuple[Outline, ...] | None = None
    keypoints: NDArray[np.float64] | None = None
    areas: NDArray[np.float64] | None = None
    corners: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.xyxy)

    def times(self, size: Size) -> Truth:
        """The truth in pixels of a picture, from one in fractions of its sides; outlines are polygons."""
        sides = np.array([size.width, size.height], np.float64)
        outlines = self.outlines and tuple(
            [(np.reshape(polygon, (-1, 2)) * sides).ravel().tolist() for polygon in outline]
            for outline in self.outlines
        )
        return replace(
            self,
            xyxy=self.xyxy * np.tile(sides, 2),
            outlines=outlines,
            keypoints=None if self.keypoints is None else self.keypoints * np.append(sides, 1),
            areas=None if self.areas is None else self.areas * sides.prod(),
            corners=None if self.corners is None else self.corners * sides,
        )

    def ignoring_under(self, longer_side_px: float) -> Truth:
        """The same boxes; those whose longer side is under `longer_side_px` are ignored as well."""
        longer = (self.xyxy[:, 2:] - self.xyxy[:, :2]).max(axis=1, initial=0)
        return replace(self, ignored=self.ignored | (longer < longer_side_px))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture of a data set, not read yet.

    Attributes:
        path: The file.
        name: Its name within the data set, with forward slashes; unique.
        truth: What is in it: in pixels where `size` is known, else in fractions of the picture's sides.
        size: The size that the data set states; `None` where it states none (YOLO labels).
    """

    path: Path
    name: str
    truth: Truth
    size: Size | None = None

    def truth_for(self, size: Size) -> Truth:
        """The truth in pixels of the picture as it was read.

        Args:
            size: Size of the picture that was read.

        Raises:
            DatasetError: The data set states another size: its boxes belong to another picture.
        """
        if self.size is None:
            return self.truth.times(size)
        if size != self.size:
            raise DatasetError(
                f"{self.path}: the data set says {self.size}, the picture is {size} (after its EXIF rotation, "
                "if it has one). Its boxes are meant for another version of the picture: restore that one, "
                "or annotate this one"
            )
        return self.truth


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Pictures with their truth.

    Attributes:
        path: The json file or the folder that was given.
        kind: `coco`, `yolo`, or `folders` for a folder of pictures a class.
        names: The class names; `Truth.class_index` points here.
        names_from: Where the names stand, for people: a file's name, or "the model".
        pictures: The pictures, at least one.
        unlabelled: Number of pictures without a label file (YOLO): good pictures by convention.
    """

    path: Path
    kind: Kind
    names: tuple[str, ...]
    names_from: str
    pictures: tuple[Picture, ...]
    unlabelled: int = 0
