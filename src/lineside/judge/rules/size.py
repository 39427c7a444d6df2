"""`size`: every object of these classes is as large as it must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from lineside.core.verdict import Reason
from lineside.judge.boxes import is_cut
from lineside.judge.judgement import Judgement, UndecidableError, broken, holds, unknown
from lineside.judge.limits import Limits, plane_of, refuse_uncalibrated
from lineside.judge.measures import Measure, measured
from lineside.judge.objects import Objects, ObjectsTable
from lineside.judge.views import each_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.core.inspection import View
    from lineside.judge.calibration import Plane
    from lineside.judge.objects import Found
    from lineside.judge.rule import About

Length = Annotated[float, Field(ge=0)]


class Settings(ObjectsTable):
    """What is measured, and its limits."""

    classes: list[str] = Field(min_length=1)
    """Names of the classes."""
    measure: Measure
    """What is measured of each object."""
    unit: Literal["px", "mm"] = "px"
    """Pixels, or millimetres by the camera's calibration; of an area their squares."""
    at_least: Length | None = None
    """Not smaller."""
    at_most: Length | None = None
    """Not larger."""
    margin: Length = 0.0
    """So near to a limit, on either side, nobody knows: the uncertainty of the measurement, in the unit."""
    optional: bool = False
    """Whether a view without such an object is right. Else there is nothing to measure, and the part is unknown."""

    @model_validator(mode="after")
    def _is_a_limit(self) -> Settings:
        Limits.checked(self.at_least, self.at_most, self.margin)
        return self


def make(settings: Settings, about: About) -> SizeRule:
    """The rule that a table describes.

    Raises:
        SettingsError: It does not fit the model or the cameras, or a camera whose millimetres are asked for is not calibrated.
    """
    if settings.unit == "mm":
        refuse_uncalibrated(about, settings.cameras)
    return SizeRule(
        objects=Objects.of(settings, about),
        measure=settings.measure,
        limits=Limits.checked(settings.at_least, settings.at_most, settings.margin),
        is_optional=settings.optional,
        planes=about.planes if settings.unit == "mm" else None,
        cameras=about.looked_at(settings.cameras),
    )


@dataclass(frozen=True, slots=True)
class SizeRule:
    """Every object is within limits.

    Attributes:
        objects: What is measured.
        measure: What of it.
        limits: Between what it must be.
        is_optional: Whether none need be there.
        planes: The cameras' calibrations, for millimetres; `None` for pixels.
        cameras: Whose views are looked at; `None` for all.
    """

    objects: Objects
    measure: Measure
    limits: Limits
    is_optional: bool = False
    planes: Mapping[str, Plane] | None = None
    cameras: tuple[str, ...] | None = None

    @property
    def min_confidence(self) -> float:
        """Objects whose confidence is not above it are not looked at, 0 to 1."""
        return self.objects.min_confidence

    def judge(self, views: Sequence[View]) -> Judgement:
        """FAIL where an object that is surely there is surely out of the limits, PASS where all that may be there are within."""
        return each_view(views, self.cameras, self._look)

    def _look(self, view: View) -> Judgement:
        assert view.detections is not None
        found = self.objects.found(view.detections)
        plane = None if self.planes is None else plane_of(self.planes, view.camera)
        sure, surely_wrong = self._measure(found, found.sure, plane)
        maybe, _ = self._measure(found, found.maybe, plane)
        if surely_wrong.any():
            row = found.sure[surely_wrong][0]
            return broken(self._told(found, row, sure[surely_wrong][0]))
        self._refuse_cut(found)
        for rows, values in ((found.sure, sure), (found.maybe, maybe)):
            doubtful = ~self.limits.within(values)
            if doubtful.any():
                told = self._told(found, rows[doubtful][0], values[doubtful][0])
                return unknown(Reason.MARGINAL, f"{told} is too near to call, or may not be there")
        if not len(found.sure) and not self.is_optional:
            if len(found.maybe):
                return unknown(Reason.MARGINAL, f"{found.named(found.maybe)} may be there to measure, or not")
            raise UndecidableError(f"there is no {self.objects.title} to measure")
        if view.detections.truncated:
            raise UndecidableError(
                "more was detected than is listed, and would have to be measured", Reason.TRUNCATED
            )
        return holds(f"{len(found.sure)} of {self.objects.title} measured")

    def _measure(
        self, found: Found, rows: NDArray[np.intp], plane: Plane | None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The values, and which are surely wrong. Of an object that the picture cuts the value is the least that it can be."""
        if not len(rows):
            return np.zeros(0), np.zeros(0, bool)
        values = measured(found.detections, rows, self.measure, plane)
        cut = is_cut(found.detections, rows)
        grows = found.detections.xywhr is None and (plane is None or plane.is_straight)
        surely = self.limits.surely_outside(values) & ~cut
        return values, surely | (cut & grows & self.limits.surely_above(values))

    def _refuse_cut(self, found: Found) -> None:
        """Raise where an object goes on beyond the picture.

        Raises:
            UndecidableError: One does.
        """
        rows = np.concatenate([found.sure, found.maybe])
        cut = rows[is_cut(found.detections, rows)]
        if len(cut):
            raise UndecidableError(
                f"{found.named(cut)} is cut by the picture's edge, so its size is not known"
            )

    def _told(self, found: Found, row: int, value: float) -> str:
        unit = "px" if self.planes is None else "mm"
        square = "²" if self.measure == "area" else ""
        return f"{found.named([row])}: {self.measure} {value:.4g} {unit}{square}, expected {self.limits}"
