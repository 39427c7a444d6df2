"""Grids of boxes given as corners: YOLO-NAS, PP-YOLOE and RTMDet, without NMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import (
    anchor_points,
    backbone,
    boxes_xyxy,
    class_branch,
    distances,
    flatten,
    grid,
)
from lineside.testing.graphs.spec import DEFAULT, GraphSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray

    from lineside.testing.graphs.builder import Feature


def yolonas(spec: GraphSpec = DEFAULT, *, scores_first: bool = False) -> onnx.ModelProto:
    """The head of YOLO-NAS: boxes (N, A, 4) as corners in pixels, and scores (N, A, classes).

    Args:
        spec: The outside of the graph.
        scores_first: The scores are the first output, as DAMO-YOLO has them.

    Returns:
        The model, without metadata.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("yolonas")
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture())
    points, strides = anchor_points(spec)
    distance = b.add("Transpose", distances(b, levels, dfl=True), perm=[0, 2, 1])
    near, far = b.split(distance, [2, 2], 2)
    cells = b.floats(points.T[None])
    corners = b.add("Concat", b.add("Add", b.add("Neg", near), cells), b.add("Add", far, cells), axis=2)
    boxes = b.add("Mul", corners, b.floats(strides[None, :, None]))
    logits = flatten(b, [class_branch(b, level, spec.classes) for level in levels])
    scores = b.add("Sigmoid", b.add("Transpose", logits, perm=[0, 2, 1]))
    outputs = [
        Output("boxes", boxes, (spec.batch, spec.anchors, 4)),
        Output("scores", scores, (spec.batch, spec.anchors, spec.classes)),
    ]
    return b.finish(outputs[::-1] if scores_first else outputs)


def ppyoloe(spec: GraphSpec = DEFAULT, *, joined: bool = False) -> onnx.ModelProto:
    """The head of PP-YOLOE as PaddleDetection exports it without NMS; its rows begin with the coarsest level.

    Args:
        spec: The outside of the graph.
        joined: One output (N, A, 4 + classes) (`exclude_post_process`). Otherwise boxes (N, A, 4), divided by the
            second input `scale_factor` (N, 2), and scores (N, classes, A) (`exclude_nms`).

    Returns:
        The model, without metadata.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("ppyoloe")
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture("image"))[::-1]
    boxes = paddle_boxes(b, distances(b, levels, dfl=True), *coarsest_first(spec))
    scores = sigmoids(b, levels)
    if joined:
        out = b.add("Concat", boxes, b.add("Transpose", scores, perm=[0, 2, 1]), axis=-1)
        return b.finish([Output(spec.output_name, out, (spec.batch, spec.anchors, 4 + spec.classes))])
    return b.finish(
        [
            Output("boxes", divided_by_scale(b, boxes), (spec.batch, spec.anchors, 4)),
            Output("scores", scores, (spec.batch, spec.classes, spec.anchors)),
        ]
    )


def rtmdet(spec: GraphSpec = DEFAULT, *, rows_first: bool = False) -> onnx.ModelProto:
    """The head of RTMDet in one output: corners in pixels from distances without distributions, then scores.

    Args:
        spec: The outside of the graph.
        rows_first: (N, A, 4 + classes), its four box columns stacked one by one as MMDetection writes them.
            Otherwise (N, 4 + classes, A).

    Returns:
        The model, without metadata. It takes BGR from 0 to 255, centred.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("rtmdet")
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture("input"))
    distance = distances(b, levels, dfl=False)
    scores = b.add("Sigmoid", flatten(b, [class_branch(b, level, spec.classes) for level in levels]))
    if not rows_first:
        out = b.add("Concat", boxes_xyxy(b, distance, grid(b, levels)), scores, axis=1)
        return b.finish([Output(spec.output_name, out, (spec.batch, 4 + spec.classes, spec.anchors))])
    boxes = _stacked(b, b.add("Transpose", distance, perm=[0, 2, 1]))
    out = b.add("Concat", boxes, b.add("Transpose", scores, perm=[0, 2, 1]), axis=2)
    return b.finish([Output(spec.output_name, out, (spec.batch, spec.anchors, 4 + spec.classes))])


def sigmoids(b: GraphBuilder, levels: Sequence[Feature]) -> str:
    """Scores (N, classes, A), each level through a sigmoid of its own, as Paddle writes them."""
    logits = [class_branch(b, level, b.spec.classes) for level in levels]
    return flatten(b, [m._replace(name=b.add("Sigmoid", m.name)) for m in logits])


def paddle_boxes(
    b: GraphBuilder, distance: str, points: NDArray[np.float32], strides: NDArray[np.float32]
) -> str:
    """Boxes (N, A, 4) as corners in pixels from distances (N, 4, A) in cells, as Paddle writes them.

    Args:
        b: The builder.
        distance: Name of the distances.
        points: float32 (2, A) in cells.
        strides: float32 (A,).
    """
    rows = b.add("Transpose", distance, perm=[0, 2, 1])
    near, far = b.split(rows, [2, 2], 2)
    cells = b.floats(points.T[None])
    low = b.add("Add", b.add("Mul", near, b.floats(-1.0)), cells)
    corners = b.add("Concat", low, b.add("Add", far, cells), axis=-1)
    return b.add("Mul", corners, b.floats(strides[None, :, None]))


def divided_by_scale(b: GraphBuilder, boxes: str) -> str:
    """The boxes divided by an input `scale_factor` (N, 2), height before width."""
    float_type = TensorProto.FLOAT16 if b.spec.precision == "fp16" else TensorProto.FLOAT
    b.declare("scale_factor", float_type, (b.spec.batch, 2))
    factor = "scale_factor"
    if b.spec.precision == "fp16_float_io":
        factor = b.add("Cast", factor, to=TensorProto.FLOAT16)
    down, across = b.split(factor, [1, 1], 1)
    factors = b.add("Concat", across, down, across, down, axis=-1)
    return b.add("Div", boxes, b.add("Reshape", factors, b.ints(-1, 1, 4)))


def coarsest_first(spec: GraphSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`anchor_points` with the coarsest level first."""
    points, strides = anchor_points(spec)
    order = np.argsort(-strides, kind="stable")
    return points[:, order], strides[order]


def _stacked(b: GraphBuilder, distance: str) -> str:
    points, strides = anchor_points(b.spec)
    pixels = points * strides
    step = b.floats(strides[None])
    columns = []
    for k in range(4):
        reach = b.add("Squeeze", b.slice(distance, k, k + 1, 2), b.ints(2))
        point = b.floats(pixels[k % 2][None])
        corner = b.add("Add" if k > 1 else "Sub", point, b.add("Mul", reach, step))
        columns.append(b.add("Unsqueeze", corner, b.ints(2)))
    return b.add("Concat", *columns, axis=2)
