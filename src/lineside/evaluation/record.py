"""An evaluation as one json document; `docs/evaluation.md` describes its keys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lineside.core.version import VERSION
from lineside.evaluation.evaluation import mean_of

if TYPE_CHECKING:
    from lineside.evaluation.coco_metrics import CocoMetrics
    from lineside.evaluation.evaluation import Evaluation
    from lineside.evaluation.rates import Rates

SCHEMA = 1


def to_dict(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as a value that `json.dumps` takes. What is not available is `None`."""
    settings = evaluation.settings
    return {
        "schema": SCHEMA,
        "lineside": VERSION,
        "model": evaluation.model,
        "device": evaluation.device,
        "dataset": _dataset(evaluation),
        "settings": {
            "confidence": settings.confidence,
            "iou": settings.iou,
            "max_detections": settings.max_detections,
            "multi_label": settings.multi_label,
            "defects": [
                n for n, is_defect in zip(evaluation.names, evaluation.defects, strict=True) if is_defect
            ],
            "max_escape": settings.max_escape,
            "min_size_px": settings.min_size_px,
            "scale_16bit": settings.scale_16bit,
            "nms": settings.nms,
            "slices": settings.slices,
        },
        "task": evaluation.task,
        "compared_by": None if evaluation.top else evaluation.coco.measure,
        "map50_95": evaluation.map50_95,
        "map50": evaluation.map50,
        "map75": evaluation.map75,
        "boxes": _boxes(evaluation.boxes),
        "accuracy": {"top1": evaluation.top.top1, "top5": evaluation.top.top5} if evaluation.top else None,
        "best_f1": _best_f1(evaluation),
        "classes": _classes(evaluation),
        "confusion": {
            "confidence": evaluation.confusion.confidence,
            "iou": evaluation.confusion.iou,
            "rows": "truth",
            "columns": "detected",
            "labels": [*evaluation.names, evaluation.confusion.rest],
            "counts": evaluation.confusion.counts.tolist(),
        },
        "rates": _rates(evaluation),
        "notes": list(evaluation.notes),
        "pictures": [
            {"name": one.name, "quality": score.quality, "score": score.score}
            for one, score in zip(evaluation.examined, evaluation.scores, strict=True)
        ],
    }


def number(value: float | None) -> float | None:
    """The value, with `None` for NaN, which json has no word for."""
    return None if value is None or math.isnan(value) else float(value)


def rates_record(rates: Rates) -> dict[str, Any]:
    """The rates at one threshold."""
    return {
        "threshold": rates.threshold,
        "escape": rates.escape,
        "escaped": rates.escaped,
        "bad": rates.bad,
        "escape_upper_95": rates.escape_bound,
        "overkill": rates.overkill,
        "overkilled": rates.overkilled,
        "good": rates.good,
        "overkill_upper_95": rates.overkill_bound,
    }


def _dataset(evaluation: Evaluation) -> dict[str, Any]:
    dataset = evaluation.dataset
    return {
        "path": str(dataset.path),
        "kind": dataset.kind,
        "pictures": len(dataset.pictures),
        "truths": int(evaluation.coco.truths.sum()),
        "ignored": evaluation.coco.ignored,
        "unlabelled": dataset.unlabelled,
        "names_from": dataset.names_from,
        "classes_matched_by": evaluation.match.by,
        "model_classes_not_judged": list(evaluation.match.not_judged),
    }


def _boxes(boxes: CocoMetrics | None) -> dict[str, Any] | None:
    """The figures of the boxes, where something else than they is judged."""
    if boxes is None:
        return None
    return {"map50_95": mean_of(boxes.ap50_95), "map50": mean_of(boxes.ap50), "map75": mean_of(boxes.ap75)}


def _best_f1(evaluation: Evaluation) -> dict[str, Any] | None:
    point = evaluation.operating_point
    if point is None:
        return None
    return {
        "threshold": point.threshold,
        "iou": 0.5,
        "precision": evaluation.mean_precision,
        "recall": evaluation.mean_recall,
        "f1": evaluation.mean_f1,
    }


def _classes(evaluation: Evaluation) -> list[dict[str, Any]]:
    coco, point, top = evaluation.coco, evaluation.operating_point, evaluation.top
    of_class = point or top  # of a classifier those of the best class
    escapes = evaluation.class_escapes
    return [
        {
            "name": name,
            "model_class_id": evaluation.match.model_id[k],
            "defect": bool(evaluation.defects[k]),
            "truths": int(coco.truths[k]),
            "ap50_95": number(coco.ap50_95[k]),
            "ap50": number(coco.ap50[k]),
            "ap75": number(coco.ap75[k]),
            "precision": number(of_class.precision[k]) if of_class else None,
            "recall": number(of_class.recall[k]) if of_class else None,
            "f1": number(of_class.f1[k]) if of_class else None,
            "first": int(top.first[k]) if top else None,
            "among_five": int(top.among_five[k]) if top else None,
            "bad_pictures": int(escapes.pictures[k]) if escapes else None,
            "escaped_pictures": int(escapes.escaped[k]) if escapes else None,
        }
        for k, name in enumerate(evaluation.names)
    ]


def _rates(evaluation: Evaluation) -> dict[str, Any]:
    curve, suggestion = evaluation.curve, evaluation.suggestion
    return {
        "bad": curve.bad,
        "good": curve.good,
        "neither": curve.neither,
        "suggestion": {
            "rates": rates_record(suggestion.rates) if suggestion.rates else None,
            "equal_above": suggestion.equal_from,
            "equal_up_to": suggestion.equal_to,
            "meets_max_escape": suggestion.meets,
            "rule": suggestion.rule,
            "grounds": list(suggestion.grounds),
        },
        "at": [rates_record(rates) for rates in evaluation.shown_rates],
        "curve": {
            "threshold": curve.thresholds.tolist(),
            "escaped": curve.escaped.tolist(),
            "overkilled": curve.overkilled.tolist(),
        },
    }
