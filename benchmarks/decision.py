"""What rounds of a measurement prove on a machine that other programs use, too."""

from __future__ import annotations

from math import comb
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """The median of some rounds, and what holds it with a confidence of at least 95 % where the rounds are alike and independent."""

    low: float
    middle: float
    high: float


def interval(rounds: Sequence[float]) -> Interval | None:
    """The interval of the median by order statistics, which supposes no distribution; `None` for fewer than 6 rounds.

    Two values of `n` in order enclose the median unless nearly all lie on one side of it, whose chance is the binomial
    distribution's (Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2).
    """
    count, values = len(rounds), sorted(rounds)
    skipped, beyond = -1, 0.0
    while 2 * (beyond + comb(count, skipped + 1) / 2**count) <= 1 - CONFIDENCE:
        skipped += 1
        beyond += comb(count, skipped) / 2**count
    if skipped < 0:
        return None
    return Interval(values[skipped], median(values), values[-1 - skipped])


def decided(found: Interval | None, most: float) -> str:
    """PASS where the whole interval is within the goal, FAIL where none of it is, else `undecided`."""
    if found is None:
        return "undecided"
    return "PASS" if found.high <= most else "FAIL" if found.low > most else "undecided"


def sentence(what: str, rounds: Sequence[float], most: float, unit: str = "") -> str:
    """A line with the figure, its interval, its goal and the verdict."""
    found = interval(rounds)
    said = (
        f"{len(rounds)} rounds, too few for an interval"
        if found is None
        else f"{found.middle:.4g}{unit} (95 %: {found.low:.4g} to {found.high:.4g}; {len(rounds)} rounds)"
    )
    return f"{decided(found, most)}: {what}: {said}; goal: at most {most:.4g}{unit}"
