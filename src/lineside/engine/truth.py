"""What a session was asked to be, what it is, and how that was found out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DeviceMismatchError

if TYPE_CHECKING:
    from lineside.core.errors import LinesideError
    from lineside.engine.placing import Placing
    from lineside.engine.provider import Provider

DEMOTED = "device.demoted"
"""The code of a start on another device than the first of the list."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry of the list that was passed over, and why.

    Attributes:
        placement: The entry as written.
        error: Why.
    """

    placement: str
    error: LinesideError

    def __str__(self) -> str:
        return f"{self.placement}: {self.error} [{self.error.code}]"


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer to the test picture beside the CPU's in float32.

    Attributes:
        deviation: How far off it is, as a share of what swapping red and blue in the picture changes; 0 for the same numbers.
        tolerance: The largest that the precision explains.
        repeat: The largest difference of two runs; 0 where every bit is the same, `None` where a run takes too long to be
            repeated.
        numbers: How many numbers were compared; 0 proves nothing.
    """

    deviation: float
    tolerance: float
    repeat: float | None
    numbers: int

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        return {
            "deviation": self.deviation,
            "tolerance": self.tolerance,
            "repeat": self.repeat,
            "numbers": self.numbers,
        }


@dataclass(frozen=True, slots=True)
class Truth:
    """The report on an open session.

    Attributes:
        asked: The list of devices, best first, as written.
        got: The entry that runs.
        title: What people call its provider.
        device: What the device is called, or an empty text where its provider does not tell.
        refusals: The entries before it, each with its reason.
        notices: What else to know of it, one sentence each.
        placing: Where its nodes run; `None` where its runtime keeps no record.
        precision: What it computes in: `float32`, `tf32`, `float16`, `bfloat16` or `int8`.
        probe: Its answer to the test picture beside the CPU's; `None` for the CPU itself.
        threads: Threads of one run on the host.
        load_s: Making the session; with an engine that had to be built, its building.
        warm_up_s: The first run.
        memory_bytes: Resident memory of the process that session and first run added, of the host alone; `None` where the
            system does not tell.
        verified_s: What the checks for this report took.
        from_cache: Whether the prepared model was on disk already.
    """

    asked: tuple[str, ...]
    got: str
    title: str
    device: str
    refusals: tuple[Refusal, ...]
    notices: tuple[str, ...]
    placing: Placing | None
    precision: str
    probe: Probe | None
    threads: int
    load_s: float
    warm_up_s: float
    memory_bytes: int | None
    verified_s: float
    from_cache: bool

    @property
    def is_demoted(self) -> bool:
        """Whether a better entry of the list was passed over."""
        return bool(self.refusals)

    @property
    def sentence(self) -> str:
        """One line for a log, a terminal or an alarm: what runs, and why nothing better does."""
        if not self.is_demoted:
            return f"runs on {self.got} as asked"
        reasons = "; ".join(map(str, self.refusals))
        return f"asked for {self.refusals[0].placement}, runs on {self.got}. Passed over: {reasons}"

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/engine.md`."""
        placing = self.placing
        return {
            "asked": list(self.asked),
            "got": self.got,
            "demoted": self.is_demoted,
            "provider": self.title,
            "device": self.device,
            "passed_over": [
                {"placement": r.placement, "code": r.error.code, "message": str(r.error)}
                for r in self.refusals
            ],
            "notices": list(self.notices),
            "nodes": None if placing is None else dict(placing.nodes),
            "share": None if placing is None else placing.share,
            "copies": None if placing is None else placing.copies,
            "elsewhere": None
            if placing is None or placing.elsewhere is None
            else placing.elsewhere.to_dict(),
            "precision": self.precision,
            "probe": None if self.probe is None else self.probe.to_dict(),
            "threads": self.threads,
            "load_s": self.load_s,
            "warm_up_s": self.warm_up_s,
            "memory_bytes": self.memory_bytes,
            "verified_s": self.verified_s,
            "from_cache": self.from_cache,
        }


def refuse_misplaced(provider: Provider, placing: Placing | None) -> None:
    """Let a session only stand whose graph runs where it was asked to.

    Raises:
        DeviceMismatchError: Too small a share of the nodes is on the provider; the others are named.
    """
    if placing is None or placing.share >= provider.least_share:
        return
    total = sum(placing.nodes.values())
    there = placing.nodes.get(provider.runtime_name, 0)
    where = "" if placing.elsewhere is None else f" The largest part elsewhere: {placing.elsewhere}."
    raise DeviceMismatchError(
        f"{provider.title}: {there} of {total} nodes run on it, expected at least {provider.least_share:.0%}.{where} "
        "Another operator set, or a graph without those operators, may run on it whole"
    )


def refuse_other_answer(provider: Provider, precision: str, probe: Probe) -> None:
    """Let a session only stand that answers what the CPU does, as far as its precision explains.

    Raises:
        DeviceMismatchError: It answers NaN, another shape, or other numbers.
    """
    if probe.deviation <= probe.tolerance:
        return
    if math.isinf(probe.deviation):
        what = "answers NaN, infinite values or another shape where the CPU answers numbers"
    else:
        what = (
            f"answers other numbers than the CPU: off by {probe.deviation:.2g} of what swapped colours change, "
            f"where {precision} explains {probe.tolerance:g}"
        )
    raise DeviceMismatchError(
        f"{provider.title}: it {what}. It may compute in a lower precision than it says, or wrongly"
    )
