"""The figures of an evaluation in words, the same on the terminal and in the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.evaluation.evaluation import DEFAULT_CONFIDENCE, EVEN, mean_of

if TYPE_CHECKING:
    from lineside.evaluation.coco_annotations import Measure
    from lineside.evaluation.evaluation import Evaluation
    from lineside.evaluation.rates import ClassEscapes, Rates
    from lineside.evaluation.top_classes import TopClasses

NOT_AVAILABLE = "not available"
_OF: dict[Measure, str] = {"boxes": "", "masks": "mask ", "keypoints": "keypoint ", "oriented": "oriented "}
_BY: dict[Measure, str] = {
    "boxes": "IoU",
    "masks": "mask IoU",
    "keypoints": "OKS",
    "oriented": "oriented IoU",
}
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
    if evaluation.top is not None:
        return _top_rows(evaluation.top)
    of = _OF[evaluation.coco.measure]
    rows = [
        (f"{of}mAP50-95", _whole(evaluation.map50_95)),
        (f"{of}mAP50", _whole(evaluation.map50)),
        (f"{of}mAP75", _whole(evaluation.map75)),
    ]
    if evaluation.boxes is not None:
        rows += [
            ("box mAP50-95", _whole(mean_of(evaluation.boxes.ap50_95))),
            ("box mAP50", _whole(mean_of(evaluation.boxes.ap50))),
        ]
    point = evaluation.operating_point
    if point is not None:
        at = f" (best F1, confidence {point.threshold:g}, {compared_by(evaluation)} 0.5)"
        rows += [
            ("precision" + at, _whole(evaluation.mean_precision)),
            ("recall" + at, _whole(evaluation.mean_recall)),
            ("F1" + at, _whole(evaluation.mean_f1)),
        ]
    return rows


def _top_rows(top: TopClasses) -> list[tuple[str, str]]:
    """The figures of a classifier."""
    return [
        ("top-1 accuracy", _whole(top.top1)),
        ("top-5 accuracy", _whole(top.top5)),
        ("precision (mean of the classes)", _whole(mean_of(top.precision))),
        ("recall (mean of the classes)", _whole(mean_of(top.recall))),
        ("F1 (mean of the classes)", _whole(mean_of(top.f1))),
    ]


def compared_by(evaluation: Evaluation) -> str:
    """What a detection and a truth are compared by, in words: an IoU, or the OKS."""
    return _BY[evaluation.coco.measure]


def counted_things(evaluation: Evaluation) -> str:
    """What the truth consists of, in words."""
    if evaluation.top is not None:
        return f"{len(evaluation.names)} classes"
    return f"{int(evaluation.coco.truths.sum())} true boxes, {len(evaluation.names)} classes"


def class_headings(evaluation: Evaluation) -> tuple[str, ...]:
    """The headings of `class_rows`."""
    if evaluation.top is not None:
        return ("class", "pictures", "top-1", "top-5", "precision", "F1", "escaped")
    return ("class", "true boxes", "AP50-95", "AP50", "precision", "recall", "escaped")


def class_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """The figures of each class."""
    coco, point, top = evaluation.coco, evaluation.operating_point, evaluation.top
    escapes = evaluation.class_escapes
    rows = []
    for k, name in enumerate(evaluation.names):
        figures = (
            (coco.ap50_95[k], coco.ap50[k], point and point.precision[k], point and point.recall[k])
            if top is None
            else (
                top.recall[k],
                top.among_five[k] / top.pictures[k] if top.pictures[k] else None,
                top.precision[k],
                top.f1[k],
            )
        )
        counted = str(coco.truths[k])
        rows.append((name, counted, *map(share, figures), escaped_of(evaluation, escapes, k)))
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
        if evaluation.top is None and rates.threshold == DEFAULT_CONFIDENCE:
            remarks.append("the detector's default")
        if evaluation.top is not None and rates.threshold == EVEN:
            remarks.append("more likely than not")
        rows.append((rates, ", ".join(remarks)))
    return rows


def escaped_of(evaluation: Evaluation, escapes: ClassEscapes | None, k: int) -> str:
    """How many of a class's bad pictures escape; a dash where it is no defect."""
    if escapes is None or not evaluation.defects[k]:
        return _DASH
    return f"{escapes.escaped[k]}/{escapes.pictures[k]}"


def _whole(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:.4f}"
