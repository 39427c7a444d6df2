"""Limits of a measurement, and the zone around them in which nobody knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.judge.judgement import UndecidableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.judge.calibration import Plane
    from lineside.judge.rule import About


@dataclass(frozen=True, slots=True)
class Limits:
    """Between what a value must be.

    Attributes:
        low: Not below it; minus infinity for none.
        high: Not above it; infinity for none.
        margin: So near to a limit, on either side, nobody knows.
    """

    low: float
    high: float
    margin: float = 0.0

    @classmethod
    def checked(cls, at_least: float | None, at_most: float | None, margin: float) -> Limits:
        """The limits that a table gives.

        Raises:
            ValueError: There is none, or they leave no value that is surely right.
        """
        if at_least is None and at_most is None:
            raise ValueError("a limit: at_least or at_most; every value would do")
        low = -math.inf if at_least is None else at_least
        high = math.inf if at_most is None else at_most
        if low + margin > high - margin:
            raise ValueError(
                f"at_least below at_most, with room for the margin on both sides; got {low:g}, {high:g} and {margin:g}"
            )
        return cls(low, high, margin)

    def within(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values are surely right."""
        return (values >= self.low + self.margin) & (values <= self.high - self.margin)

    def surely_above(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which are surely too large."""
        return values > self.high + self.margin

    def surely_outside(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which are surely wrong."""
        return (values < self.low - self.margin) | self.surely_above(values)

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"


def refuse_uncalibrated(about: About, cameras: Sequence[str] | None) -> None:
    """Refuse millimetres of a camera without a calibration.

    Raises:
        SettingsError: One has none.
    """
    for camera in cameras or about.cameras or ():
        if camera not in about.planes:
            raise SettingsError(
                f'{about.where}: unit: expected a calibration of the camera "{camera}" for millimetres; there is none. Give '
                f'[camera.{camera}.calibration], or unit = "px"'
            )


def plane_of(planes: Mapping[str, Plane], camera: str) -> Plane:
    """The calibration of a camera.

    Raises:
        UndecidableError: It has none.
    """
    if camera not in planes:
        raise UndecidableError(f'the camera "{camera}" is not calibrated')
    return planes[camera]
