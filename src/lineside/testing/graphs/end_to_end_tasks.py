"""End-to-end heads of the other tasks, as YOLO26 exports them: chosen rows with more behind the class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from onnx import TensorProto

from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import backbone, boxes_xyxy, branch, class_branch, distances, flatten, grid
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata
from lineside.testing.graphs.tasks import COEFFICIENTS, decoded_keypoints, oriented_parts, prototypes

if TYPE_CHECKING:
    import onnx

    from lineside.testing.graphs.builder import Feature

MAX_DETECTIONS = 300


def end_to_end_task(
    spec: GraphSpec = DEFAULT,
    *,
    task: Literal["segment", "pose", "obb"],
    keypoints: int = 17,
    visibility: bool = True,
    max_detections: int = MAX_DETECTIONS,
) -> onnx.ModelProto:
    """The end-to-end head of a task: (1, K, 6 + values), box, score, class, and what the task adds.

    Corners in pixels and 32 coefficients with prototypes as `output1`; corners and keypoints; or centre and size of
    oriented boxes and their angle. The best anchors are chosen by two TopK stages, as the Ultralytics exporter does.

    Args:
        spec: The outside of the graph.
        task: What is answered.
        keypoints: How many of an object, of a pose head.
        visibility: Whether each has one.
        max_detections: K, where the graph has so many anchors; otherwise K is their number.

    Raises:
        SettingsError: The size or the batch is dynamic.
    """
    spec.refuse(f"end_to_end_task {task}", dynamic_batch=True)
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture())
    values = {"segment": COEFFICIENTS, "pose": keypoints * (3 if visibility else 2), "obb": 1}[task]
    if task == "obb":
        boxes, logits, more = oriented_parts(b, levels, dfl=False)
    else:
        boxes = boxes_xyxy(b, distances(b, levels, dfl=False), grid(b, levels))
        logits = flatten(b, [class_branch(b, level, spec.classes) for level in levels])
        if task == "pose":
            more = decoded_keypoints(b, levels, keypoints, 3 if visibility else 2)
        else:
            more = flatten(b, [branch(b, level, COEFFICIENTS) for level in levels])
    every = b.add("Concat", boxes, b.add("Sigmoid", logits), more, axis=1)
    count = min(max_detections, spec.anchors)
    rows = _chosen(b, every, values, count)
    outputs = [Output(spec.output_name, rows, (spec.batch, count, 6 + values))]
    if task == "segment":
        outputs.append(_prototype_output(b, levels[0]))
    metadata = ultralytics_metadata(spec, f"YOLO26n-{task}", task, end2end="True")
    if metadata and task == "pose":
        metadata["kpt_shape"] = str([keypoints, 3 if visibility else 2])
    return b.finish(outputs, metadata)


def _prototype_output(b: GraphBuilder, level: Feature) -> Output:
    size = b.spec.size
    return Output(
        "output1", prototypes(b, level), (b.spec.batch, COEFFICIENTS, size.height // 4, size.width // 4)
    )


def _chosen(b: GraphBuilder, every: str, values: int, count: int) -> str:
    """The best pairs of anchor and class as rows (1, K, 6 + values)."""
    classes = b.spec.classes
    boxes, scores, more = b.split(b.add("Transpose", every, perm=[0, 2, 1]), [4, classes, values], 2)
    best = b.add("ReduceMax", scores, b.ints(-1), keepdims=0)
    _, first = b.add_many("TopK", [best, b.ints(count)], 2, axis=-1, largest=1, sorted=1)
    anchors = b.add("Unsqueeze", first, b.ints(-1))
    few = b.add("GatherElements", scores, b.add("Tile", anchors, b.ints(1, 1, classes)), axis=1)
    score, pair = b.add_many(
        "TopK", [b.add("Flatten", few, axis=1), b.ints(count)], 2, axis=-1, largest=1, sorted=1
    )
    place, label = b.add("Div", pair, b.whole(classes)), b.add("Mod", pair, b.whole(classes), fmod=0)
    index = b.add("Gather", b.add("Flatten", anchors, axis=2), place, axis=0)
    columns = [
        b.add("GatherElements", tensor, b.add("Tile", index, b.ints(1, 1, width)), axis=1)
        for tensor, width in ((boxes, 4), (more, values))
    ]
    float_type = TensorProto.FLOAT if b.spec.precision == "fp32" else TensorProto.FLOAT16
    score, label = (b.add("Unsqueeze", name, b.ints(2)) for name in (score, label))
    return b.add("Concat", columns[0], score, b.add("Cast", label, to=float_type), columns[1], axis=-1)
