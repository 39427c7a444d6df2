"""How fast each device runs a small model: a few seconds' probe, and no benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BUDGET_S = 1.0
"""What one device may take, in seconds, after its first run."""

MOST_RUNS = 100
"""More than these tell nothing new of a median."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What a device did with the small model.

    Attributes:
        p50_ms: Half of the runs took at most so long; `None` where it did not run.
        runs: Number of the runs.
        share: Share of the graph's nodes that ran on the device, 0 to 1; `None` where nobody tells.
        precision: What it computed in, or an empty text.
        fault: Why it did not run, or an empty text.
    """

    p50_ms: float | None
    runs: int = 0
    share: float | None = None
    precision: str = ""
    fault: str = ""

    def __str__(self) -> str:
        if self.p50_ms is None:
            return f"did not run the small model: {self.fault}"
        share = "" if self.share is None else f", {self.share:.0%} of the nodes"
        return f"{self.p50_ms:.1f} ms{share}{f', {self.precision}' if self.precision else ''}"


def interleaved(
    runs: Mapping[str, Callable[[], object]],
    *,
    clock: Callable[[], float],
    budget_s: float = BUDGET_S,
    most: int = MOST_RUNS,
) -> Iterator[str | tuple[str, tuple[float, int]]]:
    """Each device's median and number of runs, by its name; the devices take turns, because machines drift.

    A device's name comes before each of its runs, so that one who waits knows which of them hangs.

    Args:
        runs: One run on a device, by its name. It has run before.
        clock: Monotonic seconds.
        budget_s: What one device may take, in seconds; it runs once at least.
        most: The largest number of runs of one device.
    """
    spent: dict[str, list[float]] = {name: [] for name in runs}
    turn = list(runs)
    while turn:
        for name in turn:
            yield name
            start = clock()
            runs[name]()
            spent[name].append(clock() - start)
        turn = [name for name in turn if sum(spent[name]) < budget_s and len(spent[name]) < most]
    for name, times in spent.items():
        yield name, (median(times), len(times))
