"""Anchors: the object that a region moves with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from lineside.core.verdict import Reason
from lineside.judge.bands import Band, SureTable
from lineside.judge.boxes import is_cut
from lineside.judge.judgement import UndecidableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.judge.rule import About

Origin = Literal["centre", "top_left", "top_right", "bottom_left", "bottom_right"]

_CORNERS: dict[Origin, tuple[float, float]] = {
    "centre": (0.0, 0.0),
    "top_left": (-0.5, -0.5),
    "top_right": (0.5, -0.5),
    "bottom_left": (-0.5, 0.5),
    "bottom_right": (0.5, 0.5),
}


class AnchorTable(SureTable):
    """The object at which a region's origin is. There must be one in the picture, and only one."""

    class_: str = Field(alias="class")
    """Name of its class."""
    origin: Origin = "centre"
    """Which place of its box is the region's origin."""
    rotate: bool = True
    """Whether the region turns with the object, where the model gives oriented boxes."""


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Finds the object that a region moves with.

    Attributes:
        name: Name of its class.
        class_ids: What the model knows by this name.
        band: How sure it must be there.
        origin: Which place of its box is the region's origin.
        rotate: Whether the region turns with it.
    """

    name: str
    class_ids: tuple[int, ...]
    band: Band
    origin: Origin
    rotate: bool

    @classmethod
    def of(cls, table: AnchorTable, about: About) -> Anchor:
        """The anchor that a table describes.

        Raises:
            UnknownNameError: The model has no such class.
        """
        ids = about.class_ids([table.class_], "class")
        return cls(table.class_, ids, table.band, table.origin, table.rotate)

    def placed(
        self, corners: NDArray[np.float64], detections: Detections, *, by_share: bool
    ) -> NDArray[np.float64]:
        """A region's corners in pixels of the picture, float64 (N, 2).

        Args:
            corners: float64 (N, 2), from the origin: x along the anchor's width, y along its height.
            detections: Of the picture.
            by_share: Whether they are shares of the anchor's box, and not pixels.

        Raises:
            UndecidableError: The anchor is not there for certain, or there are several.
        """
        x, y, width, height, angle = self._box(detections)
        side = np.array([width, height])
        offsets = corners * side if by_share else corners
        offsets = offsets + np.array(_CORNERS[self.origin]) * side
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]])  # rows are the box's own axes
        placed: NDArray[np.float64] = offsets @ turn + np.array([x, y])
        return placed

    def _box(self, detections: Detections) -> tuple[float, ...]:
        """Centre, width, height and rotation of the one object that there is."""
        is_it = np.isin(detections.class_id, self.class_ids) & (detections.confidence > self.band.low)
        rows = np.flatnonzero(is_it)
        if not len(rows):
            raise UndecidableError(f"there is no {self.name} to place the region at")
        if not (detections.confidence[rows] > self.band.high).all():
            score = detections.confidence[rows[-1]]
            raise UndecidableError(
                f"the {self.name} {score:.2f} to place the region at may be there, or not", Reason.MARGINAL
            )
        if len(rows) > 1:
            raise UndecidableError(
                f"there are {len(rows)} of {self.name}; a region needs one to be placed at"
            )
        row = int(rows[0])
        if is_cut(detections, rows)[0]:
            raise UndecidableError(
                f"the {self.name} to place the region at is cut by the picture's edge, so its middle and size are not known"
            )
        if self.rotate and detections.xywhr is not None:
            return tuple(detections.xywhr[row].astype(float).tolist())
        left, top, right, bottom = detections.xyxy[row].astype(float).tolist()
        return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, 0.0
