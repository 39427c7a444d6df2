"""How a model shall be quantised, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, cast

from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.evaluation.pictures import FEWEST
from lineside.evaluation.quantising.calibration import METHODS
from lineside.evaluation.settings import EvaluationSettings

Precision = Literal["int8", "fp16"]
PRECISIONS = ("int8", "fp16")


@dataclass(frozen=True, slots=True)
class QuantiseSettings:
    """How a model is quantised and judged.

    Attributes:
        precision: `int8` or `fp16`.
        pictures: Pictures to calibrate on, at least 8.
        method: How ranges are chosen, one of `calibration.METHODS`.
        max_drop: What may be lost, 0 to 1; `None`: 0.01 of mAP by truth, else 0.05 of agreement.
        tolerance: Damage that a group of layers may do alone before it is looked into, above 0 to 1.
        search_s: Seconds that the search for fragile layers may take, 0 to leave the head's last layers in float unasked.
        any_pictures: Whether to calibrate on pictures in which the float model finds nothing.
        evaluation: How the truth is judged by.

    Raises:
        UnknownNameError: There is no such precision or method.
        SettingsError: A number is out of range.
    """

    precision: Precision = "int8"
    pictures: int = 200
    method: str = METHODS[0]
    max_drop: float | None = None
    tolerance: float = 0.03
    search_s: float = 300.0
    any_pictures: bool = False
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)

    def __post_init__(self) -> None:
        for option, value, known in (
            ("--precision", self.precision, PRECISIONS),
            ("--method", self.method, METHODS),
        ):
            if value not in known:
                raise UnknownNameError(f'{option}: unknown "{value}"{near(value, known)}')
        for option, number, fits, expected in (
            ("--pictures", self.pictures, self.pictures >= FEWEST, f"at least {FEWEST}"),
            ("--max-drop", self.max_drop, self.max_drop is None or 0 <= self.max_drop <= 1, "0 to 1"),
            ("--tolerance", self.tolerance, 0 < self.tolerance <= 1, "above 0 and at most 1"),
            ("--search-s", self.search_s, self.search_s >= 0, "0 or more seconds"),
        ):
            if not fits:
                raise SettingsError(f"{option}: expected {expected}, got {number:g}")


def precision(text: str) -> Precision:
    """A precision as the settings take it; they refuse an unknown one."""
    return cast("Precision", text.strip().lower())
