"""End-to-end heads: YOLOv10 and 26, and exports that carry their own NMS in the same form.

One output (1, rows, 6): left, top, right, bottom in model pixels, confidence, class. The graph has chosen the
best rows already, by a top-k or by an NMS node; unused rows of the latter are zero.

Conventions: Ultralytics' letterbox and `scale_boxes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.models.head import Head, Match, between_0_and_1
from lineside.models.spec import Conventions, HeadSpec, as_float32
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
    if len(head.shapes) != 1 or len(head.shapes[0]) != 3 or head.shapes[0][2] != 6:
        return None
    operators = {n.op_type for n in head.graph.upstream(head.graph.outputs[0].name)}
    nms = "NonMaxSuppression" in operators
    if not nms and "TopK" not in operators and not by_hand:
        return None
    if any(part.origin == "Sigmoid" and (part.channels or 0) > 1 for part in head.segments(0, 2)):
        return None  # scores of several classes in one row: two classes and four box values, not a chosen row
    chosen = "an NMS node" if nms else "a top-k"
    reasons = [f"{head.shapes[0][1] or 'a varying number of'} rows of 6 values, chosen by {chosen} in the graph"]
    sureness = 0.6
    if head.probe is not None:
        rows = as_float32(head.probe[0][0])
        whole = bool((rows[:, 5] == np.round(rows[:, 5])).all()) and bool((rows[:, 5] >= 0).all())
        if not whole or not between_0_and_1(np.append(rows[:, 4], 0)):
            return None
        sureness += 0.3
        reasons.append("in a probe run the fifth value is a probability and the sixth a class number")
    classes = _classes(head.graph) or head.names_count
    if classes is None:
        reasons.append("the number of classes stands neither in the graph nor in the metadata")
    elif head.names_count == classes:
        sureness += 0.1
        reasons.append(f"{classes} classes, and as many class names")
    spec = HeadSpec(0, classes or 0, (), 1, False, head.size, head.shapes[0][1] or 0)
    return Match(min(sureness, 1.0), tuple(reasons), spec, nms)


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
    """The number of classes, from the division that turns a flat top-k index into a row and a class."""
    for node in graph.upstream(graph.outputs[0].name):
        if node.op_type == "Mod":
            divisor = graph.constants.get(node.input[1])
            if divisor is not None and divisor.size == 1:
                return int(divisor.reshape(-1)[0])
    return None
