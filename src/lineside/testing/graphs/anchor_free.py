"""Anchor-free heads as Ultralytics exports them (v8, v9, 11, 12), and their other tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import (
    REG_MAX,
    backbone,
    box_branch,
    boxes_xywh,
    class_branch,
    distances,
    expected_distance,
    flatten,
    grid,
)
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from lineside.testing.graphs.builder import Feature


def anchor_free(
    spec: GraphSpec = DEFAULT, *, transposed: bool = False, dfl: bool = True, joined: bool = False
) -> onnx.ModelProto:
    """The head of v8, v9, 11 and 12: (N, 4 + classes, A), boxes as centre and size in pixels.

    Args:
        spec: The outside of the graph.
        transposed: Answer (N, A, 4 + classes), as some converters do.
        dfl: False for a head without distribution focal loss, whose convolution answers distances.
        joined: Boxes and classes of a level go through one Reshape and are split afterwards, as exports
            before 2025 wrote it.

    Returns:
        The model.
    """
    b = GraphBuilder(spec)
    boxes, logits = detection_parts(b, backbone(b, b.picture()), dfl=dfl, joined=joined)
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), axis=1)
    shape: tuple[int | str, ...] = (spec.batch, 4 + spec.classes, spec.anchor_dim)
    if transposed:
        out = b.add("Transpose", out, perm=[0, 2, 1])
        shape = (shape[0], shape[2], shape[1])
    metadata = ultralytics_metadata(spec, "YOLOv8n", "detect")
    return b.finish([Output(spec.output_name, out, shape)], metadata)


def detection_parts(
    b: GraphBuilder, levels: Sequence[Feature], *, dfl: bool = True, joined: bool = False
) -> tuple[str, str]:
    """Boxes (N, 4, A) in pixels and class logits (N, classes, A) of an anchor-free head."""
    if not joined:
        distance = distances(b, levels, dfl=dfl)
        logits = flatten(b, [class_branch(b, level, b.spec.classes) for level in levels])
        return boxes_xywh(b, distance, grid(b, levels)), logits
    boxes = [box_branch(b, level, dfl=dfl) for level in levels]
    classes = [class_branch(b, level, b.spec.classes) for level in levels]
    both = [
        box._replace(name=b.add("Concat", box.name, cls.name, axis=1), channels=box.channels + cls.channels)
        for box, cls in zip(boxes, classes, strict=True)
    ]
    reach, logits = b.split(flatten(b, both), [4 * REG_MAX if dfl else 4, b.spec.classes], 1)
    distance = expected_distance(b, reach) if dfl else reach
    return boxes_xywh(b, distance, grid(b, levels)), logits
