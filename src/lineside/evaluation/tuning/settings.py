"""How a model is tuned, checked at the door."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from lineside.core.errors import SettingsError
from lineside.evaluation.settings import EvaluationSettings


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """How a model is tuned.

    Attributes:
        deadline_s: What the 99th percentile of the time from picture to detections must stay within, in seconds.
        tolerance: What may be lost, 0 to 1: of mAP by truth (0.01 unless set), else of the agreement with the reference
            (0.05 unless set).
        callers: Callers that run side by side, as several cameras do.
        budget_s: Seconds that judging and measuring may take together; opening the sessions comes on top.
        pictures: The most pictures that the answers are compared on.
        evaluation: How the truth is judged by.

    Raises:
        SettingsError: A number is out of range.
    """

    deadline_s: float
    tolerance: float | None = None
    callers: int = 1
    budget_s: float = 120.0
    pictures: int = 100
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)

    def __post_init__(self) -> None:
        for option, value, fits, expected in (
            (
                "--deadline-ms",
                self.deadline_s * 1e3,
                _is_above_0(self.deadline_s),
                "more than 0 milliseconds",
            ),
            ("--tolerance", self.tolerance, self.tolerance is None or 0 <= self.tolerance <= 1, "0 to 1"),
            ("--streams", self.callers, 1 <= self.callers <= 256, "1 to 256"),
            ("--seconds", self.budget_s, _is_above_0(self.budget_s), "more than 0 seconds"),
            ("--pictures", self.pictures, self.pictures >= 1, "at least 1"),
        ):
            if not fits:
                raise SettingsError(f"{option}: expected {expected}; got {value:g}")


def _is_above_0(number: float) -> bool:
    return math.isfinite(number) and number > 0
