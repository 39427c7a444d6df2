"""`distance`: two objects are as far from each other as they must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from lineside.core.verdict import Reason
from lineside.judge.bands import SureTable
from lineside.judge.boxes import box_corners, is_cut
from lineside.judge.judgement import Judgement, UndecidableError, broken, holds, unknown
from lineside.judge.limits import Limits, plane_of, refuse_uncalibrated
from lineside.judge.objects import Objects
from lineside.judge.regions import Region, RegionTable
from lineside.judge.views import ViewsTable, each_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.core.inspection import View
    from lineside.judge.calibration import Plane
    from lineside.judge.rule import About

Length = Annotated[float, Field(ge=0)]


class Settings(ViewsTable, SureTable):
    """Between which objects, and the limits."""

    between: tuple[str, str]
    """Names of two classes; of each there must be one object, of one class twice there must be two."""
    along: Literal["line", "x", "y"] = "line"
    """The straight way between the middles of their boxes, or its part along the picture's x or y."""
    unit: Literal["px", "mm"] = "px"
    """Pixels, or millimetres by the camera's calibration, whose axes x and y then are."""
    at_least: Length | None = None
    """Not nearer."""
    at_most: Length | None = None
    """Not farther."""
    margin: Length = 0.0
    """So near to a limit, on either side, nobody knows: the uncertainty of the measurement, in the unit."""
    region: RegionTable | None = None
    """Where in the picture the objects are looked for; everywhere where it is left out."""

    @model_validator(mode="after")
    def _is_a_limit(self) -> Settings:
        Limits.checked(self.at_least, self.at_most, self.margin)
        return self


def make(settings: Settings, about: About) -> Distance:
    """The rule that a table describes.

    Raises:
        SettingsError: It does not fit the model or the cameras, or a camera whose millimetres are asked for is not calibrated.
    """
    if settings.unit == "mm":
        refuse_uncalibrated(about, settings.cameras)
    region = None if settings.region is None else Region.of(settings.region, about, settings.cameras)
    ends = [about.class_ids([name], "between") for name in dict.fromkeys(settings.between)]
    return Distance(
        ends=tuple(Objects(ids, settings.band, region, about.names) for ids in ends),
        along=settings.along,
        limits=Limits.checked(settings.at_least, settings.at_most, settings.margin),
        planes=about.planes if settings.unit == "mm" else None,
        cameras=about.looked_at(settings.cameras),
    )


@dataclass(frozen=True, slots=True)
class Distance:
    """Two objects are as far apart as they must be.

    Attributes:
        ends: What is at the two ends: one of each of two classes, or two of one.
        along: The straight way, or its part along one axis.
        limits: Between what it must be.
        planes: The cameras' calibrations, for millimetres; `None` for pixels.
        cameras: Whose views are looked at; `None` for all.
    """

    ends: tuple[Objects, ...]
    along: str
    limits: Limits
    planes: Mapping[str, Plane] | None = None
    cameras: tuple[str, ...] | None = None

    @property
    def min_confidence(self) -> float:
        """Objects whose confidence is not above it are not looked at, 0 to 1."""
        return min(end.min_confidence for end in self.ends)

    def judge(self, views: Sequence[View]) -> Judgement:
        """PASS where both are surely there, alone, and within the limits; FAIL where they are surely not."""
        return each_view(views, self.cameras, self._look)

    def _look(self, view: View) -> Judgement:
        found = view.detections
        assert found is not None
        if found.truncated:
            raise UndecidableError("more was detected than is listed; others may be nearer", Reason.TRUNCATED)
        rows = [self._rows(end, found) for end in self.ends]
        plane = None if self.planes is None else plane_of(self.planes, view.camera)
        value = self._between(found, np.concatenate(rows), plane)
        unit = "px" if plane is None else "mm"
        told = f"{' to '.join(end.title for end in self.ends)}: {value[0]:.4g} {unit}, expected {self.limits}"
        if self.limits.within(value)[0]:
            return holds(told)
        return broken(told) if self.limits.surely_outside(value)[0] else unknown(Reason.MARGINAL, told)

    def _rows(self, end: Objects, detections: Detections) -> NDArray[np.intp]:
        """The objects at an end.

        Raises:
            UndecidableError: There are not as many as there must be, or they are cut by the picture's edge.
        """
        found, wanted = end.found(detections), 3 - len(self.ends)
        if len(found.maybe):
            raise UndecidableError(f"{found.named(found.maybe)} may be there, or not", Reason.MARGINAL)
        if len(found.sure) != wanted:
            raise UndecidableError(
                f"expected {wanted} of {end.title} to measure from; there are {len(found.sure)}"
            )
        if is_cut(detections, found.sure).any():
            raise UndecidableError(f"{end.title} is cut by the picture's edge, so its middle is not known")
        return found.sure

    def _between(
        self, detections: Detections, rows: NDArray[np.intp], plane: Plane | None
    ) -> NDArray[np.float64]:
        """The distance, float64 (1,)."""
        middles = box_corners(detections, rows).mean(axis=1)
        if plane is not None:
            middles = plane.to_mm(middles, detections.size)
        apart = np.abs(middles[0] - middles[1])
        along = {"x": apart[0], "y": apart[1]}.get(self.along, np.hypot(*apart))
        return np.array([along], np.float64)
