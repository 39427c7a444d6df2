"""What a run leaves behind for its report: one slim row a part, in the order of the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.inspection import Inspection
    from lineside.core.verdict import Reason, Verdict


@dataclass(frozen=True, slots=True)
class PartRow:
    """One answered part.

    Attributes:
        part: Its number.
        at_s: When it was triggered, in seconds since the first part was.
        verdict: The answer.
        reason: Why it is UNKNOWN, else `None`.
        detail: The answer's grounds.
        truth: The right answer, where the source knows it.
        seconds: Times by stage, one for each camera that went through it; `judge` and `total` have one.
    """

    part: int
    at_s: float
    verdict: Verdict
    reason: Reason | None
    detail: str
    truth: Verdict | None
    seconds: Mapping[str, tuple[float, ...]]


class RunRecord:
    """Collects the rows of a run. It is a line's gate, or a part of one."""

    def __init__(self) -> None:
        self.rows: list[PartRow] = []
        self._started_s: float | None = None

    def __call__(self, inspection: Inspection) -> None:
        """Take an answer."""
        if self._started_s is None or inspection.triggered_s < self._started_s:
            self._started_s = inspection.triggered_s
        seconds: dict[str, tuple[float, ...]] = {}
        for view in inspection.views:
            for stage, spent_s in view.seconds.items():
                seconds[stage] = (*seconds.get(stage, ()), spent_s)
        truth = inspection.truth
        self.rows.append(
            PartRow(
                part=inspection.part,
                at_s=inspection.triggered_s - self._started_s,
                verdict=inspection.verdict,
                reason=inspection.reason,
                detail=inspection.detail,
                truth=None if truth is None else truth.verdict,
                seconds={**seconds, "judge": (inspection.judge_s,), "total": (inspection.total_s,)},
            )
        )
