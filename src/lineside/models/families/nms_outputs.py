"""NMS inside, in four outputs: TensorRT's EfficientNMS and BatchedNMS layers, and what imitates them.

The number of detections (1, 1), boxes (1, K, 4) as left, top, right, bottom in model pixels, scores (1, K) and classes
(1, K), whole numbers of an integer or a float type (NVIDIA TensorRT, plug-ins `efficientNMSPlugin` and `batchedNMSPlugin`).
What stands behind the number of detections is padding and is not read. The order of the outputs does not matter.

A file with TensorRT's own layer runs in TensorRT alone: it is recognised by its structure, and ONNX Runtime refuses it. The
same four outputs made of ONNX's operators run everywhere.

Conventions: the letterbox of YOLOv5, v6, v7 and v8, whose exporters write these outputs. YOLO-NAS answers in the same
form and is fed otherwise: that must be set by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.models.evidence import between_0_and_1
from lineside.models.families import _final_boxes
from lineside.models.head import Head, Match
from lineside.models.spec import Conventions, HeadSpec, as_float32
from lineside.models.tracing import integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Candidates, Selection

TITLE = "four outputs of an NMS layer (TensorRT's EfficientNMS, BatchedNMS)"
ALIASES = ("efficientnms", "batchednms", "tensorrt-nms")
CONVENTIONS = Conventions()
NMS_FREE = True


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on four outputs: a number, and so many boxes, scores and classes."""
    found = _roles(head)
    if found is None:
        return None
    boxes, scores, classes, count = found
    inside = all(_final_boxes.has_nms(head.graph, output) for output in (boxes, scores, classes))
    if not (inside or by_hand) or _in_shares(head) or _contradicted(head, found):
        return None
    most = head.shapes[boxes][1] or 0
    reasons = [f"4 outputs are a number and up to {most or 'any number of'} boxes, scores and classes"]
    sureness = 0.4
    if inside:
        sureness += 0.3
        reasons.append("they come from an NMS layer")
    if head.probe is not None and _number(head.probe[count]):
        sureness += 0.2
        reasons.append("in a probe run they are boxes in pixels, probabilities and class numbers")
    named = head.names_count
    number = _final_boxes.class_count(head.graph, (classes, boxes)) or named
    if number is None:
        reasons.append("the number of classes stands neither in the graph nor in the metadata")
    elif named == number:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {number}")
    spec = HeadSpec(
        output=boxes,
        classes=number or 0,
        strides=(),
        anchors=1,
        channels_first=False,
        size=head.size,
        rows=most,
        others=(scores, classes, count),
    )
    return Match(sureness, tuple(reasons), spec, nms_inside=True)


def _roles(head: Head) -> tuple[int, int, int, int] | None:
    """Which outputs are boxes, scores, classes and the number of them."""
    if len(head.shapes) != 4:
        return None
    boxes = [i for i, s in enumerate(head.shapes) if len(s) == 3 and s[2] == 4 and head.is_float(i)]
    if len(boxes) != 1 or head.shapes[boxes[0]][1] == 1:
        return None
    most = head.shapes[boxes[0]][1]
    lists = [i for i, s in enumerate(head.shapes) if len(s) == 2 and s[1] == most]
    count = [i for i in range(4) if i not in (*boxes, *lists) and _is_number(head, i)]
    whole = [i for i in lists if _is_whole(head, i)]
    if len(lists) != 2 or len(count) != 1 or len(whole) != 1:
        return None
    scores = next(i for i in lists if i not in whole)
    return (boxes[0], scores, whole[0], count[0]) if head.is_float(scores) else None


def _is_number(head: Head, output: int) -> bool:
    shape = head.shapes[output]
    return not head.is_float(output) and len(shape) in {1, 2} and set(shape) <= {1, None}


def _is_whole(head: Head, output: int) -> bool:
    """Whether an output holds class numbers: by its type, by what it is made of, or by its place behind the layer."""
    if not head.is_float(output):
        return True
    name = head.graph.outputs[output].name
    node = head.graph.maker(name)
    if node is not None and node.op_type in _final_boxes.PLUG_INS:
        return list(node.output).index(head.graph.source(name)) == 3
    if _final_boxes.holds_whole_numbers(head.graph, name):
        return True
    values = None if head.probe is None else as_float32(head.probe[output])
    return values is not None and bool(values.any()) and bool((values == np.round(values)).all())


def _in_shares(head: Head) -> bool:
    """Whether the layer says that its boxes are shares of the picture."""
    nodes = head.graph.model.graph.node
    return any(n.op_type in _final_boxes.PLUG_INS and integer(n, "isNormalized", 0) == 1 for n in nodes)


def _contradicted(head: Head, roles: tuple[int, int, int, int]) -> bool:
    """Whether the values of the probe run are none of final boxes."""
    if head.probe is None:
        return False
    boxes, scores, classes, count = (head.probe[i] for i in roles)
    number = _number(count)
    if not 0 <= number <= boxes.shape[1]:
        return True
    xyxy, labels = as_float32(boxes[0, :number]), classes[0, :number]
    if not number:
        return False
    ordered = (xyxy[:, 2] >= xyxy[:, 0]) & (xyxy[:, 3] >= xyxy[:, 1])
    return not (
        ordered.all()
        and xyxy.max() > 2  # else shares of the picture
        and between_0_and_1(scores[0, :number])
        and (labels >= 0).all()
        and (labels == np.round(labels)).all()
    )


def _number(count: NDArray[Any]) -> int:
    return int(count.reshape(-1)[0])


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """The scores of the detections."""
    confidence, _, count = spec.others
    return np.asarray(outputs[confidence][0, : max(_number(outputs[count]), 0)])


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, a class none of the model's, or the number
            of detections none of the outputs' length.
    """
    xyxy, confidence, labels = (outputs[i][0] for i in (spec.output, *spec.others[:2]))
    number = _number(outputs[spec.others[2]])
    if not 0 <= number <= len(xyxy):
        raise ModelOutputError(
            f"the model answered {number} detections in outputs of {len(xyxy)}. The result of this run is not used"
        )
    return _final_boxes.candidates(
        xyxy[:number], confidence[:number], labels[:number], spec, want, full=0 < number == len(xyxy)
    )
