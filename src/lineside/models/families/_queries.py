"""Queries decoded: one box and a score a class each, in the five forms that `_query_forms` tells apart.

Classes are sigmoids of their own, as the reference post-processors read them: these take the best pairs of query and
class, so that one box may come back with several classes. That is `Selection.multi_label`; without it a box has its
best class only, and of pairs of `chosen` or `rows` that share a box the surest stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.models.spec import as_float32
from lineside.postprocess.candidates import Candidates, best_first, check_boxes, check_scores, from_centres
from lineside.postprocess.finite import check_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.spec import HeadSpec
    from lineside.postprocess.candidates import Selection

_LARGEST_LOGIT = 80.0  # exp(80) is finite in float32, and its sigmoid is 1


PAIRS = ("chosen", "rows")
"""The forms in which the graph has chosen the best pairs of query and class."""


def class_table(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[np.float32]:
    """What each query says of each class, as it comes: (K, classes)."""
    return as_float32(outputs[spec.output][0][:, 4:] if spec.form == "joined" else outputs[spec.others[0]][0])


def best_pairs(
    outputs: Sequence[NDArray[Any]], spec: HeadSpec
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[Any]]:
    """The pairs that the graph has chosen: boxes (K, 4) and scores (K,) as float32, and labels (K,) of any type."""
    if spec.form == "rows":
        rows = as_float32(outputs[spec.output])
        return rows[:, 2:], rows[:, 1], rows[:, 0]
    scores, labels = (outputs[i][0] for i in spec.others)
    return as_float32(outputs[spec.output][0]), as_float32(scores), labels


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """All scores of a run: (K, classes), or (K,) where the graph chose the best pairs."""
    if spec.form in PAIRS:
        return best_pairs(outputs, spec)[1]
    table = class_table(outputs, spec)
    return _sigmoid(table) if spec.form == "logits" else table


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    `truncated` says as well that every query or chosen pair was above the confidence: there may be more.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, or a class beyond the model's.
    """
    return (_decode_pairs if spec.form in PAIRS else _decode_queries)(outputs, spec, want)


def _decode_queries(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    boxes = as_float32(outputs[spec.output][0])[:, :4]
    check_boxes(boxes)
    table = class_table(outputs, spec)
    if spec.form == "logits":
        check_finite(table, "class value")
    else:
        check_scores(table)
    if want.multi_label:
        values = _sigmoid(table) if spec.form == "logits" else table
        rows, classes = (values > want.confidence).nonzero()
        confidence = values[rows, classes]
    else:
        best = table.argmax(axis=1)  # a sigmoid keeps the order
        values = table[np.arange(len(table)), best]
        values = _sigmoid(values) if spec.form == "logits" else values
        rows = (values > want.confidence).nonzero()[0]
        classes, confidence = best[rows], values[rows]
    full = len(rows) >= spec.rows > 0
    if want.classes is not None:
        keep = want.classes[classes]
        rows, classes, confidence = rows[keep], classes[keep], confidence[keep]
    extent = np.array([spec.size.width, spec.size.height] * 2, np.float32)
    found = from_centres((boxes[rows] * extent).T, classes, confidence, want)
    return replace(found, truncated=found.truncated or full)


def _decode_pairs(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    boxes, confidence, labels = best_pairs(outputs, spec)
    check_boxes(boxes)
    check_scores(confidence)
    if labels.dtype.kind == "f":
        check_finite(labels, "class number")
        labels = labels.astype(np.int64)
    index = (confidence > want.confidence).nonzero()[0]
    full = len(index) >= spec.rows > 0
    classes = labels[index]
    if len(classes) and not (classes.min() >= 0 and classes.max() < spec.classes):
        raise ModelOutputError(
            f"the model answered classes {classes.min()} to {classes.max()}; it has {spec.classes} classes. "
            "The result of this run is not used"
        )
    index = index[best_first(confidence[index], len(index))[0]]
    if not want.multi_label:
        index = index[_first_of_each(boxes[index])]
    if want.classes is not None:
        index = index[want.classes[labels[index]]]
    cut = len(index) > want.limit
    index = index[: want.limit]
    return Candidates(boxes[index], confidence[index], labels[index].astype(np.int32), cut or full)


def _first_of_each(boxes: NDArray[np.float32]) -> NDArray[np.intp]:
    """The first row of each box, in order: the top-k copied a query's box, bit by bit, for each of its classes."""
    if len(boxes) < 2:
        return np.arange(len(boxes))
    bits = np.ascontiguousarray(boxes).view(np.uint64)
    _, first = np.unique(bits, axis=0, return_index=True)
    return np.sort(first)


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    limited = np.clip(values, -_LARGEST_LOGIT, _LARGEST_LOGIT)
    return np.reciprocal(np.exp(-limited) + np.float32(1))
