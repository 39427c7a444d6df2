"""The threshold to run a line with, by a rule that is said with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.evaluation.rates import trials_to_prove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.evaluation.rates import RateCurve, Rates


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A confidence threshold for the line, or why there is none.

    Attributes:
        rates: The threshold and its rates; `None` when none can be suggested.
        equal_from: Thresholds above this one …
        equal_to: … up to this one have the same rates.
        meets: The escape rate is at most the asked one.
        rule: The rule that chose the threshold, a sentence.
        grounds: On how many pictures it rests and what that is worth, sentences.
    """

    rates: Rates | None
    equal_from: float | None
    equal_to: float | None
    meets: bool
    rule: str
    grounds: tuple[str, ...]


def suggest(curve: RateCurve, max_escape: float) -> Suggestion:
    """The threshold with the lowest overkill among those whose escape rate is at most `max_escape`.

    Among equally low overkill it is the one with the lowest escape; the threshold stands in the middle of the
    range that has these rates, rounded as far as the range allows. Without good pictures, overkill cannot
    decide, and it is the highest range that keeps the limit. Where no threshold keeps the limit, it is the one
    with the lowest escape and then the lowest overkill, and `meets` is false. Without bad pictures there is
    none.

    Args:
        curve: The rates over the threshold.
        max_escape: The highest escape rate allowed, 0 to 1.
    """
    if not curve.bad:
        why = "No threshold is suggested: the data set holds no bad picture, so no escape can be seen."
        return Suggestion(None, None, None, meets=False, rule=why, grounds=_picture_counts(curve))
    step, meets, rule = _choose(curve, max_escape)
    low, high = curve.range_of(step)
    rates = curve.at(_round_between(low, high, inclusive=step == 0))
    same = f"It stands in the middle of the thresholds with the same rates, {low:.4g} to {high:.4g}."
    grounds = (same, *_picture_counts(curve), *_worth(rates, max_escape))
    return Suggestion(rates, low, high, meets=meets, rule=rule, grounds=grounds)


def _choose(curve: RateCurve, max_escape: float) -> tuple[int, bool, str]:
    """The chosen step of the curve, whether it meets the limit, and the rule."""
    limit = f"{100 * max_escape:g} %"
    # The escape rate never falls along the curve, so the steps that keep the limit are its first ones.
    kept = int(np.count_nonzero(curve.escaped / curve.bad <= max_escape))
    if not kept:
        rule = (
            f"No threshold keeps the escape rate at {limit} or less: {curve.escaped[0]} of {curve.bad} bad "
            f"pictures have no detection of a defect class even at {curve.lowest:g}. "
            "Shown is the lowest possible escape rate, and with it the lowest overkill."
        )
        return int(np.count_nonzero(curve.escaped == curve.escaped[0])) - 1, False, rule
    if not curve.good:
        rule = (
            f"The highest thresholds with an escape rate of at most {limit}. Overkill is not available without "
            "good pictures, so it had no say."
        )
        return kept - 1, True, rule
    rule = f"The lowest overkill rate with an escape rate of at most {limit}; among equals the lowest escape rate."
    return int(np.argmax(curve.overkilled == curve.overkilled[kept - 1])), True, rule


def _round_between(low: float, high: float, *, inclusive: bool) -> float:
    """The shortest decimal near the middle that is above `low` (or equal, if `inclusive`) and below `high`.

    It must be so as a float32 as well, for that is how the detector compares. Where no number lies between,
    it is `high`, which the scores reach but do not exceed.
    """
    for digits in range(2, 9):
        short = round((low + high) / 2, digits)
        both = (short, float(np.float32(short)))
        if (low < min(both) or (inclusive and short == low)) and max(both) < high:
            return short
    return high


def _picture_counts(curve: RateCurve) -> tuple[str, ...]:
    counts = f"All rests on {curve.bad} bad and {curve.good} good pictures"
    if curve.neither:
        counts += f"; {curve.neither} more count neither way, their defects are ignored"
    return (counts + ".",)


def _worth(rates: Rates, max_escape: float) -> Iterator[str]:
    if rates.escape_bound is not None:
        yield (
            f"{rates.escaped} of {rates.bad} bad pictures escape: with 95 % confidence the true escape rate is "
            f"at most {_rounded_up(rates.escape_bound)}."
        )
        if 0 < max_escape < rates.escape_bound:
            shown = f"prove {100 * max_escape:g} % or less"
            needed = trials_to_prove(max_escape)
            yield (
                f"That does not {shown}."
                if rates.escaped
                else f"These are too few bad pictures to {shown}: it takes {needed} without an escape."
            )
    if rates.overkill_bound is not None:
        yield (
            f"{rates.overkilled} of {rates.good} good pictures are overkilled: with 95 % confidence the true "
            f"overkill rate is at most {_rounded_up(rates.overkill_bound)}."
        )
    else:
        yield "Overkill is not available: the data set holds no good picture."
    yield (
        "The threshold was chosen on these very pictures, so expect it to do worse on others: confirm it on "
        "pictures that took no part."
    )


def _rounded_up(rate: float) -> str:
    return f"{math.ceil(1000 * rate) / 10:g} %"
