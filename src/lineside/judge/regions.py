"""Regions: a part of the picture, at a fixed place or at an object that was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from lineside.core.documents import Table
from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.judge.anchors import Anchor, AnchorTable
from lineside.judge.boxes import box_corners
from lineside.judge.judgement import UndecidableError
from lineside.judge.polygons import contains, is_simple, shared_area, signed_area

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.core.geometry import Size
    from lineside.judge.rule import About

Inside = Literal["centre", "whole", "overlap"]
Point = tuple[FiniteFloat, FiniteFloat]

_WHOLE = 1 - 1e-6  # a share of the box's area; what is missing is rounding
_SLACK_PX = 0.5  # a region's corner on the picture's edge may be rounded beyond it


class RegionTable(Table):
    """A polygon or a rectangle, and when an object is in it."""

    polygon: list[Point] | None = Field(None, min_length=3, max_length=200)
    """Its corners in turn, `[[x, y], …]`."""
    rectangle: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    """Left, top, right, bottom."""
    unit: Literal["px", "share"] = "px"
    """Pixels, or shares of the picture; with an anchor shares of the anchor's box, so that the region grows with it."""
    anchor: AnchorTable | None = None
    """The object that the region's origin is at; the picture's upper left corner where it is left out."""
    inside: Inside = "centre"
    """When an object is in the region: its box's centre is, its whole box is, or as much of its box as `overlap` says."""
    overlap: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the box that must be in the region, for `inside = "overlap"`; 0.5 unless set."""

    @model_validator(mode="after")
    def _is_one_shape(self) -> RegionTable:
        if (self.polygon is None) == (self.rectangle is None):
            raise ValueError("a polygon or a rectangle, one of them")
        if self.rectangle is not None:
            left, top, right, bottom = self.rectangle
            if not (left < right and top < bottom):
                raise ValueError(f"left, top, right, bottom with an area; got {list(self.rectangle)}")
        corners = self.corners
        if not is_simple(corners) or signed_area(corners) == 0:
            raise ValueError("a polygon with an area, whose edges do not cross or touch")
        if self.unit == "share" and self.anchor is None and (corners.min() < 0 or corners.max() > 1):
            raise ValueError("shares of the picture from 0 to 1; the region lies outside of it")
        if self.overlap is not None and self.inside != "overlap":
            raise ValueError('overlap only beside inside = "overlap"')
        return self

    @property
    def corners(self) -> NDArray[np.float64]:
        """The corners in turn, float64 (N, 2)."""
        if self.rectangle is not None:
            left, top, right, bottom = self.rectangle
            return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
        return np.array(self.polygon, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A part of the picture, and when an object is in it.

    Attributes:
        corners: float64 (N, 2), in the unit.
        unit: `px` or `share`.
        anchor: Whose place is its origin; `None` for the picture.
        inside: When an object is in it.
        overlap: The share of a box that must be in it.
    """

    corners: NDArray[np.float64]
    unit: Literal["px", "share"]
    anchor: Anchor | None
    inside: Inside
    overlap: float

    @classmethod
    def of(cls, table: RegionTable, about: About, cameras: Sequence[str] | None = None) -> Region:
        """The region that a table describes.

        Raises:
            SettingsError: It lies outside of the picture of a camera whose size is known, or its anchor's class is none
                of the model's.
        """
        anchor = None if table.anchor is None else Anchor.of(table.anchor, about.at("region.anchor"))
        overlap = 0.5 if table.overlap is None else table.overlap
        region = cls(table.corners, table.unit, anchor, table.inside, overlap)
        looked_at = about.sizes if cameras is None else [one for one in cameras if one in about.sizes]
        for camera in looked_at if anchor is None else ():
            size = about.sizes[camera]
            if not _is_within(region.placed(size), size):
                raise SettingsError(
                    f"{about.where}: region: expected it inside of the picture of {camera}, {size}; got corners from "
                    f"{_span(region.placed(size))}"
                )
        return region

    @property
    def min_confidence(self) -> float:
        """The confidence that its anchor is looked for with; 1 without any."""
        return 1.0 if self.anchor is None else self.anchor.band.low

    def placed(self, size: Size) -> NDArray[np.float64]:
        """The corners of a region without an anchor, in pixels of a picture, float64 (N, 2)."""
        scale = (size.width, size.height) if self.unit == "share" else (1.0, 1.0)
        return self.corners * np.array(scale, np.float64)

    def outline(self, detections: Detections) -> NDArray[np.float64]:
        """The corners in pixels of the picture that was looked at, float64 (N, 2).

        Raises:
            UndecidableError: The anchor is not there for certain, or the region reaches beyond the picture, where nobody looked.
        """
        if self.anchor is None:
            corners = self.placed(detections.size)
        else:
            corners = self.anchor.placed(self.corners, detections, by_share=self.unit == "share")
        if not _is_within(corners, detections.size):
            raise UndecidableError(
                f"the region from {_span(corners)} reaches beyond the picture of {detections.size}"
            )
        if self.anchor is not None and detections.truncated:
            raise UndecidableError(
                f"more was detected than a picture's limit of {len(detections)} lets through; another "
                f"{self.anchor.name} may be among it",
                Reason.TRUNCATED,
            )
        return corners

    def holds(self, detections: Detections, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of some objects are in the region, bool (len(rows),). Oriented boxes are taken as they are turned.

        Raises:
            UndecidableError: As `outline`, also where there is no object.
        """
        outline = self.outline(detections)
        if not len(rows):
            return np.zeros(0, bool)
        boxes = box_corners(detections, rows)
        if self.inside == "centre":
            return contains(outline, boxes.mean(axis=1))
        least = _WHOLE if self.inside == "whole" else self.overlap
        is_near = (boxes.max(axis=1) >= outline.min(axis=0)) & (boxes.min(axis=1) <= outline.max(axis=0))
        return np.array(
            [
                near and _share(outline, box) >= least
                for near, box in zip(is_near.all(axis=1), boxes, strict=True)
            ],
            bool,
        )


def _share(outline: NDArray[np.float64], box: NDArray[np.float64]) -> float:
    """The share of a box in a region; of a box without an area, whether its centre is in it."""
    area = abs(signed_area(box))
    if area == 0:
        return float(contains(outline, box.mean(axis=0)[None])[0])
    return shared_area(outline, box) / area


def _is_within(corners: NDArray[np.float64], size: Size) -> bool:
    low, high = corners.min(axis=0), corners.max(axis=0)
    return bool(
        low.min() >= -_SLACK_PX and high[0] <= size.width + _SLACK_PX and high[1] <= size.height + _SLACK_PX
    )


def _span(corners: NDArray[np.float64]) -> str:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return f"{left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}"
