"""What came of a simulated run, frame by frame, and its figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lineside.core.delivery import Delivery
    from lineside.dispatch.simulation.scenario import Scenario
    from lineside.dispatch.statistics import Statistics

RELEASED, UNKNOWN, DROPPED, OPEN = 0, 1, 2, 3


class Segment(NamedTuple):
    """A run on a device's timeline: `size` 0 is a probe; `ok` is false where it failed, hung or was given up."""

    device: str
    from_s: float
    to_s: float
    size: int
    ok: bool


class HealthMark(NamedTuple):
    """A device's health from a time on."""

    device: str
    at_s: float
    health: str
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Figures of some of the frames.

    Attributes:
        frames: How many.
        in_time: Share answered with a result by the deadline, 0 to 1.
        p50_s: Half of the answers with a result took at most so long, from the picture on; NaN without any.
        p99_s: 99 in a hundred.
        result_p99_s: The same of all results, late ones too, which do not count as answers.
        unknown: Frames answered UNKNOWN.
        dropped: Live frames that were not shown.
        lost: Frames without any answer. It is 0.
    """

    frames: int
    in_time: float
    p50_s: float
    p99_s: float
    result_p99_s: float
    unknown: int
    dropped: int
    lost: int

    @property
    def misses(self) -> float:
        """Share that was not answered with a result by the deadline."""
        return 1 - self.in_time


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A simulated run.

    Attributes:
        scenario: What was simulated.
        arrived_s: (N,) float64: when each frame came, in virtual seconds.
        stream: (N,) int32: index of its stream.
        kind: (N,) int8: `RELEASED`, `UNKNOWN`, `DROPPED` or `OPEN`.
        answered_s: (N,) float64: when its answer left; NaN for none.
        result_s: (N,) float64: when its result came, as answer or amendment; NaN for none.
        statistics: The scheduler's own count.
        segments: The runs, the first of them where there were too many.
        marks: Changes of health.
        to_s: When the last frame was through.
        handing_s: Seconds that the engine itself was at work, handing over; at most one thread at a time is.
        busy_s: Seconds in which pictures came and a run was under way, by device, from its start to its end; the hand-over is not in it.
    """

    scenario: Scenario
    arrived_s: NDArray[np.float64]
    stream: NDArray[np.int32]
    kind: NDArray[np.int8]
    answered_s: NDArray[np.float64]
    result_s: NDArray[np.float64]
    statistics: Statistics
    segments: tuple[Segment, ...]
    marks: tuple[HealthMark, ...]
    to_s: float
    handing_s: float = 0.0
    busy_s: Mapping[str, float] = field(default_factory=dict)

    def figures(
        self, *, delivery: Delivery | None = None, from_s: float = 0.0, to_s: float = float("inf")
    ) -> Figures:
        """The figures of frames of one delivery, or of all, that came in a span of time."""
        chosen = (self.arrived_s >= from_s) & (self.arrived_s < to_s)
        if delivery is not None:
            of_stream = np.array([stream.delivery is delivery for stream in self.scenario.streams])
            chosen &= of_stream[self.stream]
        kind, arrived = self.kind[chosen], self.arrived_s[chosen]
        took = (self.answered_s[chosen] - arrived)[kind == RELEASED]
        results = (self.result_s[chosen] - arrived)[~np.isnan(self.result_s[chosen])]
        return Figures(
            frames=len(kind),
            in_time=float(np.mean(kind == RELEASED)) if len(kind) else float("nan"),
            p50_s=_percentile(took, 50),
            p99_s=_percentile(took, 99),
            result_p99_s=_percentile(results, 99),
            unknown=int(np.sum(kind == UNKNOWN)),
            dropped=int(np.sum(kind == DROPPED)),
            lost=int(np.sum(kind == OPEN)),
        )

    def shares(self) -> NDArray[np.float64]:
        """Share of each stream's frames that were answered with a result in time."""
        count = len(self.scenario.streams)
        frames = np.bincount(self.stream, minlength=count)
        shown = np.bincount(self.stream[self.kind == RELEASED], minlength=count)
        return shown / np.maximum(frames, 1)

    def utilisation(self) -> dict[str, float]:
        """Share of the time in which pictures came that a run was under way on each device, probes and runs that hang among them."""
        return {name: min(seconds / self.scenario.seconds, 1.0) for name, seconds in self.busy_s.items()}

    @property
    def handing(self) -> float:
        """Share of the time in which pictures came that the engine itself was at work, handing over; above 0.7 or so it is what is short."""
        return min(self.handing_s / self.scenario.seconds, 1.0)


def _percentile(values: NDArray[np.float64], share: float) -> float:
    return float(np.percentile(values, share)) if len(values) else float("nan")
