"""The other tasks of the anchor-free family: segmentation, pose, oriented boxes, classification."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from lineside.testing.graphs.anchor_free import detection_parts
from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import anchor_points, backbone, branch, class_branch, distances, flatten
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

COEFFICIENTS = 32


def segmentation(spec: GraphSpec = DEFAULT, *, prototypes_first: bool = False) -> onnx.ModelProto:
    """Instance segmentation: (N, 4 + classes + 32, A), and prototypes (N, 32, H/4, W/4) as `output1`.

    Args:
        spec: The outside.
        prototypes_first: The prototypes are the first output of the two.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("segmentation")
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture())
    boxes, logits = detection_parts(b, levels)
    masks = flatten(b, [branch(b, level, COEFFICIENTS) for level in levels])
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), masks, axis=1)
    shape = (spec.batch, 4 + spec.classes + COEFFICIENTS, spec.anchors)
    quarter = (spec.batch, COEFFICIENTS, spec.size.height // 4, spec.size.width // 4)
    outputs = [
        Output(spec.output_name, out, shape),
        Output("output1", prototypes(b, levels[0]), quarter),
    ]
    if prototypes_first:
        outputs.reverse()
    return b.finish(outputs, ultralytics_metadata(spec, "YOLOv8n-seg", "segment"))


def pose(spec: GraphSpec = DEFAULT, *, keypoints: int = 17, visibility: bool = True) -> onnx.ModelProto:
    """Keypoints: (N, 4 + classes + values, A), each x and y in pixels, and a visibility 0 to 1.

    Args:
        spec: The outside.
        keypoints: How many of an object.
        visibility: Whether there is one.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("pose")
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture())
    boxes, logits = detection_parts(b, levels)
    each = 3 if visibility else 2
    joints = decoded_keypoints(b, levels, keypoints, each)
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), joints, axis=1)
    shape = (spec.batch, 4 + spec.classes + each * keypoints, spec.anchors)
    metadata = ultralytics_metadata(spec, "YOLO11n-pose", "pose", kpt_shape=str([keypoints, each]))
    return b.finish([Output(spec.output_name, out, shape)], metadata)


def decoded_keypoints(b: GraphBuilder, levels: Sequence[Feature], keypoints: int, each: int) -> str:
    """Keypoints (N, values, A) in pixels, in the order of nodes of the Ultralytics export."""
    raw = flatten(b, [branch(b, level, each * keypoints) for level in levels])
    raw = b.reshape(raw, b.batch, keypoints, each, b.spec.anchors)
    points, strides = anchor_points(b.spec)
    xy = b.add("Mul", b.slice(raw, 0, 2, 2), b.floats(2.0))
    xy = b.add("Mul", b.add("Add", xy, b.floats(points - 0.5)), b.floats(strides[None]))
    if each == 3:
        xy = b.add("Concat", xy, b.add("Sigmoid", b.slice(raw, 2, 3, 2)), axis=2)
    return b.reshape(xy, b.batch, each * keypoints, b.spec.anchors)


def oriented_boxes(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """Oriented boxes: (N, 4 + classes + 1, A), the last row an angle of -pi/4 to 3 pi/4.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("oriented_boxes")
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture())
    boxes, logits, angle = oriented_parts(b, levels, dfl=True)
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), angle, axis=1)
    shape = (spec.batch, 5 + spec.classes, spec.anchors)
    return b.finish([Output(spec.output_name, out, shape)], ultralytics_metadata(spec, "YOLOv8n-obb", "obb"))


def oriented_parts(b: GraphBuilder, levels: Sequence[Feature], *, dfl: bool) -> tuple[str, str, str]:
    """Boxes (N, 4, A) in pixels along their own axes, class logits, and angles (N, 1, A)."""
    spec = b.spec
    reach = distances(b, levels, dfl=dfl)
    logits = flatten(b, [class_branch(b, level, spec.classes) for level in levels])
    turn = b.add("Sigmoid", flatten(b, [branch(b, level, 1) for level in levels]))
    angle = b.add("Mul", b.add("Sub", turn, b.floats(0.25)), b.floats(math.pi))
    points, strides = anchor_points(spec)
    boxes = _turned_boxes(b, reach, angle, b.floats(points[None]))
    return b.add("Mul", boxes, b.floats(strides[None])), logits, angle


def classification(
    spec: GraphSpec = DEFAULT,
    *,
    ending: Literal["softmax", "sigmoid", "logits"] = "softmax",
    pool: Literal["average", "mean"] = "average",
) -> onnx.ModelProto:
    """Classification: (N, classes).

    Args:
        spec: The outside.
        ending: A softmax or a sigmoid behind the last layer, or nothing.
        pool: How the last map becomes one place: `GlobalAveragePool` and `Flatten`, or a `ReduceMean`.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("classification")
    b = GraphBuilder(spec)
    last = backbone(b, b.picture())[-1]
    if pool == "average":
        pooled = b.add("Flatten", b.add("GlobalAveragePool", last.name), axis=1)
    else:
        pooled = b.add("ReduceMean", last.name, b.ints(2, 3), keepdims=0)
    weight = b.weights("model.linear.weight", b.rng.standard_normal((spec.classes, last.channels)))
    bias = b.weights("model.linear.bias", np.zeros(spec.classes))
    values = b.add("Gemm", pooled, weight, bias, transB=1)
    if ending == "softmax":
        values = b.add("Softmax", values, axis=1)
    elif ending == "sigmoid":
        values = b.add("Sigmoid", values)
    output = Output(spec.output_name, values, (spec.batch, spec.classes))
    return b.finish([output], ultralytics_metadata(spec, "YOLO26n-cls", "classify"))


def prototypes(b: GraphBuilder, level: Feature) -> str:
    """Mask prototypes (N, 32, H/4, W/4) from the finest level."""
    x = b.conv_silu(level, 8)
    while x.stride > 4:
        weight = b.weights("model.proto.upsample.weight", 0.5 * b.rng.standard_normal((8, 8, 2, 2)))
        up = b.add("ConvTranspose", x.name, weight, kernel_shape=[2, 2], strides=[2, 2])
        x = Feature(up, 8, x.stride // 2)
    return b.conv_silu(b.conv_silu(x, 8), COEFFICIENTS, 1).name


def _turned_boxes(b: GraphBuilder, reach: str, angle: str, points: str) -> str:
    """Centre and size in cells of boxes whose distances are measured along their own axes."""
    low, high = b.split(reach, [2, 2], 1)
    across, down = b.split(b.add("Div", b.add("Sub", high, low), b.floats(2.0)), [1, 1], 1)
    cos, sin = b.add("Cos", angle), b.add("Sin", angle)
    x = b.add("Sub", b.add("Mul", across, cos), b.add("Mul", down, sin))
    y = b.add("Add", b.add("Mul", across, sin), b.add("Mul", down, cos))
    centre = b.add("Add", b.add("Concat", x, y, axis=1), points)
    return b.add("Concat", centre, b.add("Add", low, high), axis=1)
