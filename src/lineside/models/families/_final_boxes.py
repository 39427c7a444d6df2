"""What the families share whose boxes have been through NMS in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.models.evidence import is_whole
from lineside.models.graph import WEIGHTED
from lineside.models.spec import as_float32
from lineside.models.tracing import integer
from lineside.postprocess.candidates import Candidates, best_first, check_boxes, check_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import NodeProto

    from lineside.models.graph import Graph
    from lineside.models.spec import HeadSpec
    from lineside.postprocess.candidates import Selection

PLUG_INS = frozenset(
    {"EfficientNMS_TRT", "EfficientNMS_ONNX_TRT", "BatchedNMS_TRT", "BatchedNMSDynamic_TRT", "YOLO_NMS_TRT"}
)
"""TensorRT's NMS layers, which only TensorRT runs."""

_CLASSWISE = {"NonMaxSuppression": 1, "EfficientNMS_TRT": 2, "BatchedNMS_TRT": 2, "BatchedNMSDynamic_TRT": 2}
_MOVES = frozenset(
    {
        "Cast",
        "Concat",
        "Expand",
        "Gather",
        "GatherElements",
        "GatherND",
        "Identity",
        "Pad",
        "Reshape",
        "ScatterElements",
        "ScatterND",
        "Slice",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
        "Where",
    }
)


def candidates(
    xyxy: NDArray[Any],
    confidence: NDArray[Any],
    labels: NDArray[Any],
    spec: HeadSpec,
    want: Selection,
    *,
    full: bool,
) -> Candidates:
    """Candidates of boxes that need no NMS.

    Args:
        xyxy: Any float, (N, 4) in model pixels.
        confidence: Any float, (N,).
        labels: Class numbers, integers or floats, (N,).
        spec: The head, for its number of classes.
        want: The selection.
        full: Whether the graph may have cut boxes off.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, or a class none of the model's.
    """
    check_boxes(xyxy)
    check_scores(confidence)
    classes = _class_ids(labels, spec.classes)
    index = (confidence > want.confidence).nonzero()[0]
    if want.classes is not None:
        index = index[want.classes[classes[index]]]
    chosen = as_float32(confidence[index])
    order, cut = best_first(chosen, want.limit)
    rows = index[order]
    return Candidates(as_float32(xyxy[rows]), chosen[order], classes[rows], cut or full)


def _class_ids(labels: NDArray[Any], classes: int) -> NDArray[np.int32]:
    """Class numbers as int32.

    Raises:
        ModelOutputError: One is no whole number, or names no class.
    """
    known = (labels >= 0) & (labels < classes)  # false for NaN
    if labels.dtype.kind == "f":
        known &= labels == np.floor(labels)
    if not known.all():
        wrong = labels[~known][0]
        raise ModelOutputError(
            f"the model answered class {wrong}; it has {classes} classes. The result of this run is not used"
        )
    return labels.astype(np.int32)


def has_nms(graph: Graph, output: int) -> bool:
    """Whether an output comes from an NMS layer."""
    names = {node.op_type for node in graph.upstream(graph.outputs[output].name, stop=WEIGHTED)}
    return bool(names & (PLUG_INS | {"NonMaxSuppression"}))


def holds_whole_numbers(graph: Graph, name: str) -> bool:
    """Whether a tensor holds values of an integer type, also where detections are joined to a table of zeros."""
    return is_whole(graph, name, through=_MOVES)


def class_count(graph: Graph, outputs: Sequence[int]) -> int | None:
    """The number of classes: what a class is the best of, or what an NMS of each class is given."""
    nodes = [
        node
        for output in outputs
        for node in graph.upstream(graph.outputs[output].name, stop=WEIGHTED)
        if node.op_type in {"ArgMax", "Mod", *_CLASSWISE}
    ]
    nodes.sort(key=lambda node: node.op_type in _CLASSWISE)  # an NMS of best classes is given one score a box
    return next((count for node in nodes if (count := _count_of(graph, node))), None)


def _count_of(graph: Graph, node: NodeProto) -> int | None:
    if node.op_type == "Mod":
        divisor = graph.constants.get(node.input[1])
        return int(divisor.reshape(-1)[0]) if divisor is not None and divisor.size == 1 else None
    axis = integer(node, "axis", 0) if node.op_type == "ArgMax" else _CLASSWISE[node.op_type]
    shape = graph.shapes.get(node.input[0 if node.op_type == "ArgMax" else 1], ())
    return shape[axis] if -len(shape) <= axis < len(shape) else None
