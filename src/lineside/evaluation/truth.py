"""A data set's pictures and what is truly in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lineside.core.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from lineside.core.geometry import Size

Kind = Literal["coco", "yolo"]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The true boxes of one picture, as a struct of arrays.

    Attributes:
        xyxy: Boxes, float64 (N, 4): left, top, right, bottom in pixels of the picture. float64, because the
            annotation files are decimal and the COCO arithmetic is defined on their values.
        class_index: intp (N,), an index into the data set's names.
        ignored: bool (N,): true for a region that counts neither for nor against the model.
    """

    xyxy: NDArray[np.float64]
    class_index: NDArray[np.intp]
    ignored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.xyxy)

    def ignoring_under(self, longer_side_px: float) -> Truth:
        """The same boxes; those whose longer side is under `longer_side_px` are ignored as well."""
        longer = (self.xyxy[:, 2:] - self.xyxy[:, :2]).max(axis=1, initial=0)
        return Truth(self.xyxy, self.class_index, self.ignored | (longer < longer_side_px))


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
            sides = np.array([size.width, size.height, size.width, size.height], np.float64)
            return Truth(self.truth.xyxy * sides, self.truth.class_index, self.truth.ignored)
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
        kind: `coco` or `yolo`.
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
