"""Which objects a rule looks at: of these classes, in this region, and how sure it is that they are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from lineside.judge.bands import Band, SureTable
from lineside.judge.regions import Region, RegionTable
from lineside.judge.views import ViewsTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.judge.rule import About


class ObjectsTable(ViewsTable, SureTable):
    """The objects that a rule is about."""

    classes: list[str] | None = Field(None, min_length=1)
    """Names of their classes; all of the model's where it is left out."""
    region: RegionTable | None = None
    """Where in the picture; everywhere where it is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The objects of one view that a rule looks at.

    Attributes:
        detections: All of the view's.
        sure: The rows that are surely there, best first.
        maybe: The rows in the marginal zone.
    """

    detections: Detections
    sure: NDArray[np.intp]
    maybe: NDArray[np.intp]

    def named(self, rows: Sequence[int] | NDArray[np.intp]) -> str:
        """The first three of some rows, each with its confidence, and how many more there are."""
        names, ids, scores = self.detections.names, self.detections.class_id, self.detections.confidence
        first = [f"{names[ids[row]]} {scores[row]:.2f}" for row in list(rows)[:3]]
        more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
        return f"{', '.join(first)}{more}"


class Objects:
    """Finds in a view what a rule's table describes.

    Args:
        class_ids: Which classes.
        band: How sure.
        region: Where; `None` for everywhere.
        names: The model's class names.
    """

    def __init__(
        self, class_ids: Sequence[int], band: Band, region: Region | None, names: Sequence[str]
    ) -> None:
        self.class_ids = tuple(class_ids)
        self.band = band
        self.region = region
        self._is_wanted = np.zeros(len(names), bool)
        self._is_wanted[list(class_ids)] = True
        self.title = " or ".join(dict.fromkeys(names[k] for k in class_ids))
        if len(self.class_ids) == len(names) > 1:
            self.title = "objects"

    @classmethod
    def of(cls, table: ObjectsTable, about: About) -> Objects:
        """What a table describes, for a model.

        Raises:
            SettingsError: The model has no such class, or the region lies outside of the picture.
        """
        return cls(
            about.class_ids(about.names if table.classes is None else table.classes),
            table.band,
            None if table.region is None else Region.of(table.region, about, table.cameras),
            about.names,
        )

    def per_class(self, names: Sequence[str]) -> tuple[Objects, ...]:
        """The same of each class for itself; classes that share a name are one."""
        titles = dict.fromkeys(names[k] for k in self.class_ids)
        ids = [[k for k in self.class_ids if names[k] == title] for title in titles]
        return tuple(Objects(some, self.band, self.region, names) for some in ids)

    @property
    def min_confidence(self) -> float:
        """Objects whose confidence is not above it are not looked at, 0 to 1."""
        if self.region is None:
            return self.band.low
        return min(self.band.low, self.region.min_confidence)

    def found(self, detections: Detections) -> Found:
        """The objects in one view.

        Raises:
            UndecidableError: It is not known where the region is.
        """
        confidence = detections.confidence
        rows = np.flatnonzero(self._is_wanted[detections.class_id] & (confidence > self.band.low))
        if self.region is not None:
            rows = rows[self.region.holds(detections, rows)]
        is_sure = confidence[rows] > self.band.high
        return Found(detections, rows[is_sure], rows[~is_sure])
