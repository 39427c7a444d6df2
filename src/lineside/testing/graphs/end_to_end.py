"""Heads whose output needs no NMS: end-to-end heads (v10, 26), and NMS inside the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from onnx import TensorProto

from lineside.core.errors import SettingsError
from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import backbone, boxes_xyxy, class_branch, distances, flatten, grid
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    import onnx

MAX_DETECTIONS = 300


def end_to_end(
    spec: GraphSpec = DEFAULT,
    *,
    generation: Literal["v10", "26"] = "26",
    max_detections: int = MAX_DETECTIONS,
) -> onnx.ModelProto:
    """The end-to-end head: (N, K, 6), rows of two corners in pixels, score and class, best first.

    Two TopK stages as the Ultralytics exporter writes them: the best anchors by their best class, then the
    best pairs of anchor and class among those.

    Args:
        spec: The outside of the graph.
        generation: `26` has no distribution focal loss and gathers with Gather and GatherElements; `v10`
            has it and gathers the boxes with GatherND.
        max_detections: K, where the graph has so many anchors; otherwise K is their number.

    Returns:
        The model.

    Raises:
        SettingsError: The size is dynamic, or the batch of generation `26` is.
    """
    spec.refuse(f"end_to_end {generation}", dynamic_batch=generation == "26")
    b = GraphBuilder(spec)
    boxes, scores = _rows(b, dfl=generation == "v10")
    count = min(max_detections, spec.anchors)
    out = (_select_v10 if generation == "v10" else _select_26)(b, boxes, scores, count)
    metadata = ultralytics_metadata(
        spec, "YOLOv10n" if generation == "v10" else "YOLO26n", "detect", end2end="True"
    )
    return b.finish([Output(spec.output_name, out, (spec.batch, count, 6))], metadata)


def nms_inside(
    spec: GraphSpec = DEFAULT,
    *,
    confidence: float = 0.25,
    iou: float = 0.7,
    max_detections: int = MAX_DETECTIONS,
) -> onnx.ModelProto:
    """An anchor-free head with NMS in the graph: (1, K, 6), padded with rows of zeros.

    Rows are two corners in pixels, score and class. The arithmetic is that of the Ultralytics exporter's
    `nms=True`: best class a box, threshold, boxes divided by the picture's longer side and moved apart by
    class, NonMaxSuppression, padding. An empty answer, all zeros, is legal.

    Args:
        spec: The outside of the graph.
        confidence: Score threshold in the graph.
        iou: IoU threshold in the graph.
        max_detections: K, where the graph has so many anchors; otherwise K is their number.

    Returns:
        The model.

    Raises:
        SettingsError: The batch or the size is dynamic, or the precision is not `fp32`.
    """
    spec.refuse("nms_inside", dynamic_batch=True)
    if spec.precision != "fp32":
        raise SettingsError(
            f'nms_inside: expected precision "fp32" (NonMaxSuppression), got "{spec.precision}"'
        )
    b = GraphBuilder(spec)
    boxes, scores = _rows(b, dfl=True)
    best = b.add("ReduceMax", scores, b.ints(-1), keepdims=0)
    label = b.add("Cast", b.add("ArgMax", scores, axis=-1, keepdims=0), to=TensorProto.FLOAT)
    box, score, cls = (b.add("Squeeze", name, b.ints(0)) for name in (boxes, best, label))
    sure = b.add("NonZero", b.add("Greater", score, b.floats(confidence)))
    sure = b.add("Squeeze", sure, b.ints(0))
    box, score, cls = (b.add("Gather", name, sure, axis=0) for name in (box, score, cls))
    scaled = b.add("Div", box, b.floats(float(max(spec.size))))
    apart = b.add("Add", scaled, b.add("Unsqueeze", cls, b.ints(1)))
    kept = b.add(
        "NonMaxSuppression",
        b.add("Unsqueeze", apart, b.ints(0)),
        b.add("Unsqueeze", b.add("Unsqueeze", score, b.ints(0)), b.ints(0)),
        b.ints(np.iinfo(np.int64).max),
        b.floats([iou]),
    )
    count = min(max_detections, spec.anchors)
    index = b.add("Squeeze", b.slice(kept, 2, 3, 1), b.ints(1))
    index = b.slice(index, 0, count, 0)
    columns = [b.add("Unsqueeze", name, b.ints(1)) for name in (score, cls)]
    rows = b.add("Gather", b.add("Concat", box, *columns, axis=1), index, axis=0)
    out = b.add("Unsqueeze", _pad_rows(b, rows, count), b.ints(0))
    return b.finish(
        [Output(spec.output_name, out, (1, count, 6))], ultralytics_metadata(spec, "YOLOv8n", "detect")
    )


def _rows(b: GraphBuilder, *, dfl: bool) -> tuple[str, str]:
    """Boxes (N, A, 4) as two corners in pixels and scores (N, A, classes), split from one tensor."""
    levels = backbone(b, b.picture())
    boxes = boxes_xyxy(b, distances(b, levels, dfl=dfl), grid(b, levels))
    logits = flatten(b, [class_branch(b, level, b.spec.classes) for level in levels])
    both = b.add("Concat", boxes, b.add("Sigmoid", logits), axis=1)
    split = b.split(b.add("Transpose", both, perm=[0, 2, 1]), [4, b.spec.classes], 2)
    return split[0], split[1]


def _best_anchors(b: GraphBuilder, scores: str, count: int) -> str:
    """Indices (N, K, 1) of the anchors with the best scores."""
    best = b.add("ReduceMax", scores, b.ints(-1), keepdims=0)
    _, index = b.add_many("TopK", [best, b.ints(count)], 2, axis=-1, largest=1, sorted=1)
    return b.add("Unsqueeze", index, b.ints(-1))


def _best_pairs(b: GraphBuilder, scores: str, anchors: str, count: int) -> tuple[str, str, str]:
    """Score, anchor (among the best) and class of the best pairs, each (N, K)."""
    classes = b.spec.classes
    few = b.add("GatherElements", scores, b.add("Tile", anchors, b.ints(1, 1, classes)), axis=1)
    flat = b.add("Flatten", few, axis=1)
    score, pair = b.add_many("TopK", [flat, b.ints(count)], 2, axis=-1, largest=1, sorted=1)
    return score, b.add("Div", pair, b.whole(classes)), b.add("Mod", pair, b.whole(classes), fmod=0)


def _columns(b: GraphBuilder, boxes: str, score: str, label: str) -> str:
    float_type = TensorProto.FLOAT if b.dtype == np.float32 else TensorProto.FLOAT16
    score, label = (b.add("Unsqueeze", name, b.ints(2)) for name in (score, label))
    return b.add("Concat", boxes, score, b.add("Cast", label, to=float_type), axis=-1)


def _select_26(b: GraphBuilder, boxes: str, scores: str, count: int) -> str:
    anchors = _best_anchors(b, scores, count)
    score, place, label = _best_pairs(b, scores, anchors, count)
    index = b.add("Gather", b.add("Flatten", anchors, axis=2), place, axis=0)
    few = b.add("GatherElements", boxes, b.add("Tile", index, b.ints(1, 1, 4)), axis=1)
    return _columns(b, few, score, label)


def _select_v10(b: GraphBuilder, boxes: str, scores: str, count: int) -> str:
    anchors = _best_anchors(b, scores, count)
    few = b.add("GatherElements", boxes, b.add("Tile", anchors, b.ints(1, 1, 4)), axis=1)
    score, place, label = _best_pairs(b, scores, anchors, count)
    chosen = b.add("GatherND", few, b.add("Unsqueeze", place, b.ints(-1)), batch_dims=1)
    return _columns(b, chosen, score, label)


def _pad_rows(b: GraphBuilder, rows: str, count: int) -> str:
    found = b.slice(b.add("Shape", rows), 0, 1, 0)
    missing = b.add("Sub", b.ints(count), found)
    pads = b.add("Concat", b.ints(0, 0), missing, b.ints(0), axis=0)
    return b.add("Pad", rows, pads, b.floats(0.0), mode="constant")
