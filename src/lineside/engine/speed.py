"""How fast each device runs a small model: a few seconds' probe, and no benchmark."""

from __future__ import annotations

from dataclasses import dataclass


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
