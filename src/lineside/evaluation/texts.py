"""The figures of an evaluation in words, the same on the terminal and in the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.evaluation.evaluation import DEFAULT_CONFIDENCE

if TYPE_CHECKING:
    from lineside.evaluation.evaluation import Evaluation
    from lineside.evaluation.rates import ClassEscapes, Rates

NOT_AVAILABLE = "not available"
_DASH = "\N{EN DASH}"


def share(value: float | None) -> str:
    """A figure between 0 and 1 with three decimals; a dash for what is not available."""
    return _DASH if value is None or math.isnan(value) else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A rate in percent."""
    return NOT_AVAILABLE if value is None else f"{100 * value:.2f} %"


def counted(value: float | None, events: int, trials: int) -> str:
    """A rate in percent, with the counts it is made of."""
    return NOT_AVAILABLE if value is None else f"{percent(value)} ({events}/{trials})"


def totals_rows(evaluation: Evaluation) -> list[tuple[str, str]]:
    """The figures of the model as a whole: their names and values."""
    rows = [
        ("mAP50-95", _whole(evaluation.map50_95)),
        ("mAP50", _whole(evaluation.map50)),
        ("mAP75", _whole(evaluation.map75)),
    ]
    point = evaluation.operating_point
    if point is not None:
        at = f" (best F1, confidence {point.threshold:g}, IoU 0.5)"
        rows += [
            ("precision" + at, _whole(evaluation.mean_precision)),
            ("recall" + at, _whole(evaluation.mean_recall)),
            ("F1" + at, _whole(evaluation.mean_f1)),
        ]
    return rows


def rates_rows(evaluation: Evaluation) -> list[tuple[Rates, str]]:
    """Escape and overkill at the thresholds of interest, each with why it is one."""
    suggested, point = evaluation.suggestion.rates, evaluation.operating_point
    rows = []
    for rates in evaluation.shown_rates:
        remarks = []
        if suggested and rates.threshold == suggested.threshold:
            remarks.append("suggested" if evaluation.suggestion.meets else "nearest, misses the limit")
        if point and rates.threshold == point.threshold:
            remarks.append("best F1")
        if rates.threshold == DEFAULT_CONFIDENCE:
            remarks.append("the detector's default")
        rows.append((rates, ", ".join(remarks)))
    return rows


def escaped_of(evaluation: Evaluation, escapes: ClassEscapes | None, k: int) -> str:
    """How many of a class's bad pictures escape; a dash where it is no defect."""
    if escapes is None or not evaluation.defects[k]:
        return _DASH
    return f"{escapes.escaped[k]}/{escapes.pictures[k]}"


def _whole(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:.4f}"
