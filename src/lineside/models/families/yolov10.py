"""End-to-end heads: YOLOv10 and 26, and exports that carry their own NMS in the same form.

One output (1, rows, 6): left, top, right, bottom in model pixels, confidence, class. The graph has chosen the
best rows already, by a top-k or by an NMS node; unused rows of the latter are zero.

Conventions: Ultralytics' letterbox and `scale_boxes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.models.evidence import are_corners, between_0_and_1, ends_with_label, in_pixels
from lineside.models.graph import WEIGHTED
from lineside.models.head import Head, Match
from lineside.models.spec import Conventions, HeadSpec, as_float32
from lineside.models.tracing import integer
from lineside.postprocess.candidates import Candidates, Selection, best_first, check_boxes, check_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.graph import Graph

TITLE = "end-to-end head (YOLOv10, 26)"
ALIASES = ("yolo26", "yolov26", "yolo10", "end2end")
CONVENTIONS = Conventions()
NMS_FREE = True


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim of the end-to-end head on one output of six values a row."""
    if len(head.shapes) != 1 or len(head.shapes[0]) != 3 or head.shapes[0][2] != 6 or not head.is_float(0):
        return None
    output = head.graph.outputs[0].name
    operators = head.graph.tail(output)
    nms = "NonMaxSuppression" in operators
    label = ends_with_label(head.graph, output)
    if label is False or not (nms or by_hand or "TopK" in operators):
        return None
    # Only an NMS may answer no rows, or another number of rows for another picture.
    rows = (head.graph.shapes.get(output, ())[1:2] if nms else head.shapes[0][1:2]) or (None,)
    chosen = "an NMS node" if nms else "a top-k" if "TopK" in operators else "something"
    reasons = [f"{rows[0] or 'a varying number of'} rows of 6 values, chosen by {chosen} in the graph"]
    sureness = 0.2
    if label:
        sureness += 0.4
        reasons.append("the sixth value is made from whole numbers, the others are not")
    points = _values(head)
    if points is None:
        return None
    sureness += points
    reasons += ["in a probe run they are boxes, a probability and a class number"] if points else []
    classes = _classes(head.graph) or head.names_count
    if classes is None:
        reasons.append("the number of classes stands neither in the graph nor in the metadata")
    elif head.names_count == classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(
        output=0,
        classes=classes or 0,
        strides=(),
        anchors=1,
        channels_first=False,
        size=head.size,
        rows=rows[0] or 0,
    )
    return Match(min(sureness, 1.0), tuple(reasons), spec, nms)


def _values(head: Head) -> float | None:
    """What the probe run says, in points: none for an empty answer; `None` where it contradicts."""
    if head.probe is None:
        return 0.0
    rows = as_float32(head.probe[0][0])
    rows = rows[rows[:, 4] != 0]  # an NMS fills up with zeros
    if not len(rows):
        return 0.0
    labels = rows[:, 5]
    if not between_0_and_1(rows[:, 4]) or not in_pixels(rows) or not are_corners(rows):
        return None
    return 0.3 if (labels == np.round(labels)).all() and (labels >= 0).all() else None


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """The confidence of each row."""
    return np.asarray(outputs[spec.output][0][:, 4])


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, or a class beyond the model's.
    """
    rows = as_float32(outputs[spec.output][0])
    check_boxes(rows[:, :4])
    check_scores(rows[:, 4])
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
    confidence = rows[index, 4]
    order, cut = best_first(confidence, want.limit)
    return Candidates(rows[index[order], :4], confidence[order], classes[order], cut or full)


def _classes(graph: Graph) -> int | None:
    """The number of classes: what splits a flat top-k index into row and class, or what a class is the best of."""
    for node in graph.upstream(graph.outputs[0].name, stop=WEIGHTED):
        if node.op_type == "Mod" and len(node.input) == 2:
            divisor = graph.constants.get(node.input[1])
            if divisor is not None and divisor.size == 1:
                return int(divisor.reshape(-1)[0])
        if node.op_type == "ArgMax":
            shape, axis = graph.shapes.get(node.input[0], ()), integer(node, "axis", 0)
            return shape[axis] if -len(shape) <= axis < len(shape) else None
    return None
