"""Candidates measured in turns, so that a machine that drifts is unfair to none of them.

Every round gives each candidate one short burst of runs, in an order that is turned by one each time. After a few rounds
those leave that are slower than the leader in the same rounds, pair by pair: what slowed the whole machine down for a
moment slowed both. The others go on until there are enough runs to tell a 99th percentile, or until the time is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENOUGH_RUNS = 300
"""Runs of a candidate after which its 99th percentile is taken as known."""

_ROUNDS_BEFORE_LEAVING = 5
_CLEARLY_SLOWER = 1.08


@dataclass(frozen=True, slots=True)
class Burst:
    """What one turn of a candidate took.

    Attributes:
        latencies_s: Seconds of each run, from a picture (or a batch) to its detections.
        pictures: How many pictures were judged.
        seconds: From the first run's start to the last one's end, over all callers.
    """

    latencies_s: tuple[float, ...]
    pictures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """A candidate's figures.

    Attributes:
        runs: Runs that they are of.
        p50_s: Half of the runs took at most so long.
        p99_s: 99 in a hundred.
        pictures_per_s: Pictures judged in a second: the median over its turns.
        left: Why it left the race before its end; an empty text if it did not.
    """

    runs: int
    p50_s: float
    p99_s: float
    pictures_per_s: float
    left: str = ""


@dataclass(slots=True)
class _Runner:
    name: str
    latencies_s: list[float] = field(default_factory=list)
    pace_s: dict[int, float] = field(default_factory=dict)  # seconds a picture, by round
    middle_s: dict[int, float] = field(default_factory=dict)  # median latency, by round
    left: str = ""

    def figures(self) -> Figures:
        p50, p99 = (float(p) for p in np.percentile(self.latencies_s, (50, 99)))
        pace = float(np.median(list(self.pace_s.values())))
        return Figures(len(self.latencies_s), p50, p99, 1 / pace, self.left)


class Race:
    """The order of the turns, and what they came to. It runs nothing and reads no clock.

    Args:
        names: The candidates, each once.
        deadline_s: What a 99th percentile must stay within.
        enough_runs: Runs of a candidate after which it needs no more.

    Example:
        >>> race = Race(["a", "b"], deadline_s=0.02, enough_runs=2)
        >>> for name in race.turns():
        ...     race.add(name, Burst((0.01, 0.01) if name == "a" else (0.03, 0.03), 2, 0.02))
        >>> race.winner()
        'a'
    """

    def __init__(self, names: Sequence[str], *, deadline_s: float, enough_runs: int = ENOUGH_RUNS) -> None:
        self._runners = {name: _Runner(name) for name in names}
        self._deadline_s = deadline_s
        self._enough_runs = enough_runs
        self._round = 0

    @property
    def running(self) -> tuple[str, ...]:
        """Who has not left."""
        return tuple(name for name, runner in self._runners.items() if not runner.left)

    @property
    def progress(self) -> float:
        """How far the race is, 0 to 1, if nobody else leaves."""
        wanted = self._enough_runs * max(len(self.running), 1)
        done = sum(min(len(self._runners[name].latencies_s), self._enough_runs) for name in self.running)
        return done / wanted

    def turns(self) -> Iterator[str]:
        """Whose turn it is, one after the other, until all that are left have enough runs.

        Each turn is answered with `add` or `drop` before the next is asked for. Leaving the loop early is fine.
        """
        while any(len(self._runners[name].latencies_s) < self._enough_runs for name in self.running):
            order = self.running
            first = self._round % len(order)
            for name in (*order[first:], *order[:first]):
                if not self._runners[name].left:
                    yield name
            self._round += 1
            self._let_the_slow_leave()

    def add(self, name: str, burst: Burst) -> None:
        """What a turn took."""
        runner = self._runners[name]
        runner.latencies_s.extend(burst.latencies_s)
        runner.pace_s[self._round] = burst.seconds / burst.pictures
        runner.middle_s[self._round] = float(np.median(burst.latencies_s))

    def drop(self, name: str, why: str) -> None:
        """A candidate leaves, because it failed."""
        self._runners[name].left = why

    def figures(self) -> dict[str, Figures]:
        """The figures of all that ran, by name, in the order of the candidates."""
        return {name: runner.figures() for name, runner in self._runners.items() if runner.latencies_s}

    def why(self, name: str) -> str:
        """Why a candidate left; empty where it did not."""
        return self._runners[name].left

    def order(self) -> tuple[str, ...]:
        """Who is left: those within the deadline by their pictures a second, then the others by their 99th percentile."""
        figures = self.figures()
        left = [name for name in self.running if name in figures]

        def place(name: str) -> tuple[bool, float]:
            late = figures[name].p99_s > self._deadline_s
            return late, figures[name].p99_s if late else -figures[name].pictures_per_s

        return tuple(sorted(left, key=place))

    def winner(self) -> str | None:
        """Of those whose 99th percentile is within the deadline the one with the most pictures a second.

        `None` where no candidate is within it.
        """
        fitting = {
            name: figures
            for name, figures in self.figures().items()
            if not figures.left and figures.p99_s <= self._deadline_s
        }
        return max(fitting, key=lambda name: fitting[name].pictures_per_s, default=None)

    def _leader(self) -> str:
        """The winner of the moment; where none is within the deadline the one with the shortest median."""
        figures = self.figures()
        return self.winner() or min(self.running, key=lambda name: figures[name].p50_s)

    def _let_the_slow_leave(self) -> None:
        """Who was slower than the leader in both respects, in three of four of the rounds that both ran, leaves."""
        if self._round < _ROUNDS_BEFORE_LEAVING or len(self.running) < 2:
            return
        leader = self._runners[self._leader()]
        for name in self.running:
            runner = self._runners[name]
            if runner is leader:
                continue
            slower = min(
                _usual_ratio(runner.pace_s, leader.pace_s), _usual_ratio(runner.middle_s, leader.middle_s)
            )
            if slower > _CLEARLY_SLOWER:
                runner.left = f"slower than {leader.name} in the same rounds"


def _usual_ratio(times_s: dict[int, float], others_s: dict[int, float]) -> float:
    """The ratio of two candidates' times that three of four of their common rounds exceed; 0 without any."""
    common = times_s.keys() & others_s.keys()
    ratios = [times_s[i] / others_s[i] for i in common]
    return float(np.percentile(ratios, 25)) if len(ratios) >= _ROUNDS_BEFORE_LEAVING else 0.0
