"""What the end-to-end families share: rows that the graph has chosen, box, confidence and class first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.models.evidence import are_corners, between_0_and_1, ends_with_label, in_pixels
from lineside.models.graph import WEIGHTED
from lineside.models.spec import HeadSpec, as_float32
from lineside.models.tracing import integer
from lineside.postprocess.candidates import Candidates, Selection, best_first, check_boxes, check_scores
from lineside.postprocess.finite import check_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.graph import Graph
    from lineside.models.head import Head


@dataclass(frozen=True, slots=True)
class RowsClaim:
    """What an output of chosen rows is.

    Attributes:
        sureness: 0 to 1.
        reasons: What speaks for it.
        spec: Its head, of the task detection.
        nms_inside: Whether an NMS node chose the rows.
        answered: float32 (rows, values) of a probe run, those of no confidence left out; `None` without a run.
    """

    sureness: float
    reasons: tuple[str, ...]
    spec: HeadSpec
    nms_inside: bool
    answered: NDArray[np.float32] | None


def claim_rows(
    head: Head, output: int, *, behind: int = 0, corners: bool = True, by_hand: bool
) -> RowsClaim | None:
    """The claim on an output (1, rows, 6 + behind) of rows that the graph has chosen, or `None`.

    Args:
        head: The evidence.
        output: The output.
        behind: Values of a row behind box, confidence and class.
        corners: Whether its boxes are given as corners, else as centres.
        by_hand: Whether the user says that it is one.
    """
    shape = head.shapes[output]
    if len(shape) != 3 or shape[2] != 6 + behind or not head.is_float(output):
        return None
    name = head.graph.outputs[output].name
    operators = head.graph.tail(name)
    nms = "NonMaxSuppression" in operators
    label = ends_with_label(head.graph, name, behind)
    # More values than six may be a grid's channels: then the user's word does not stand for a choice that is not seen.
    unseen = by_hand and not behind
    if label is False or not (nms or unseen or "TopK" in operators):
        return None
    # Only an NMS may answer no rows, or another number of rows for another picture.
    rows = (head.graph.shapes.get(name, ())[1:2] if nms else shape[1:2]) or (None,)
    chosen = "an NMS node" if nms else "a top-k" if "TopK" in operators else "something"
    reasons = [
        f"{rows[0] or 'a varying number of'} rows of {6 + behind} values, chosen by {chosen} in the graph"
    ]
    sureness = 0.2
    if label:
        sureness += 0.4
        reasons.append("the sixth value is made from whole numbers, the others are not")
    answered = None if head.probe is None else _filled(head.probe[output][0])
    points = 0.0 if answered is None else _points(answered, corners=corners)
    if points is None:
        return None
    sureness += points
    reasons += ["in a probe run they are boxes, a probability and a class number"] if points else []
    classes = _classes(head.graph, name) or head.names_count
    if classes is None:
        reasons.append("the number of classes stands neither in the graph nor in the metadata")
    elif head.names_count == classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(output, classes or 0, (), 1, channels_first=False, size=head.size, rows=rows[0] or 0)
    return RowsClaim(min(sureness, 1.0), tuple(reasons), spec, nms, answered)


def _filled(rows: NDArray[Any]) -> NDArray[np.float32]:
    """The rows of some confidence: an NMS fills up with zeros."""
    values = as_float32(rows)
    filled: NDArray[np.float32] = values[values[:, 4] != 0]
    return filled


def _points(rows: NDArray[np.float32], *, corners: bool) -> float | None:
    """What the probe run says, in points: none for an empty answer; `None` where it contradicts."""
    if not len(rows):
        return 0.0
    labels = rows[:, 5]
    if not between_0_and_1(rows[:, 4]) or not in_pixels(rows) or (corners and not are_corners(rows)):
        return None
    return 0.3 if (labels == np.round(labels)).all() and (labels >= 0).all() else None


def _classes(graph: Graph, output: str) -> int | None:
    """The number of classes: what splits a flat top-k index into row and class, or what a class is the best of."""
    for node in graph.upstream(output, stop=WEIGHTED):
        if node.op_type == "Mod" and len(node.input) == 2:
            divisor = graph.constants.get(node.input[1])
            if divisor is not None and divisor.size == 1:
                return int(divisor.reshape(-1)[0])
        if node.op_type == "ArgMax":
            shape, axis = graph.shapes.get(node.input[0], ()), integer(node, "axis", 0)
            return shape[axis] if -len(shape) <= axis < len(shape) else None
    return None


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """The confidence of each row."""
    return np.asarray(outputs[spec.output][0][:, 4])


def chosen(
    outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.int32], bool]:
    """The rows above the confidence, best first.

    Returns:
        All rows float32 (rows, values), the numbers of the chosen ones (N,), their classes, and whether a cap cut
        something off.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, or a class beyond the model's.
    """
    rows = as_float32(outputs[spec.output][0])
    check_boxes(rows[:, :4])
    check_scores(rows[:, 4])
    if rows.shape[1] > 6:
        check_finite(rows, "value")
    index = (rows[:, 4] > want.confidence).nonzero()[0]
    full = spec.rows > 0 and len(index) == spec.rows  # the head's own cap may have cut something off
    classes = rows[index, 5].astype(np.int32)
    if len(classes) and not (classes.min() >= 0 and classes.max() < spec.classes):
        raise ModelOutputError(
            f"the model answered class {classes.max()}; it has {spec.classes} classes. "
            "The result of this run is not used"
        )
    if want.classes is not None:
        keep = want.classes[classes]
        index, classes = index[keep], classes[keep]
    order, cut = best_first(rows[index, 4], want.limit)
    return rows, index[order], classes[order], cut or full


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels, with their rows.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, or a class beyond the model's.
    """
    rows, index, classes, cut = chosen(outputs, spec, want)
    return Candidates(rows[index, :4], rows[index, 4], classes, cut, index)
