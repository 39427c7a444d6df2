"""Graphs that are no YOLO detector, or none that a picture can be given to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from lineside.core.errors import SettingsError
from lineside.testing.graphs.anchor_free import detection_parts
from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import backbone, branch
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    import onnx


def super_resolution(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """An image-to-image net: (N, 3, 2 H, 2 W), by convolutions and DepthToSpace.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("super_resolution")
    b = GraphBuilder(spec)
    deep = b.conv(b.conv_silu(b.picture("input"), 8), 12, 3)
    out = b.add("DepthToSpace", deep.name, blocksize=2, mode="CRD")
    return b.finish([Output("output", out, (spec.batch, 3, 2 * spec.size.height, 2 * spec.size.width))])


def class_map(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """Semantic segmentation: an int64 class per cell, (N, H/8, W/8): an output of integers.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("class_map")
    b = GraphBuilder(spec)
    level = backbone(b, b.picture())[0]
    out = b.add("ArgMax", branch(b, level, spec.classes).name, axis=1, keepdims=0)
    shape = (spec.batch, spec.size.height // level.stride, spec.size.width // level.stride)
    return b.finish([Output(spec.output_name, out, shape, TensorProto.INT64)])


def two_pictures(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """An anchor-free detector over two pictures, `before` and `after`, of the same size."""
    b = GraphBuilder(spec)
    stems = [b.conv_silu(b.picture(name), 4, 3, 2) for name in ("before", "after")]
    stem = Feature(b.add("Concat", *(s.name for s in stems), axis=1), 8, 2)
    return _detector(b, stem)


def rank_three(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """An anchor-free detector whose input has no batch: (3, H, W).

    Raises:
        SettingsError: The batch or the size is dynamic, or the precision is not `fp32`.
    """
    spec.refuse("rank_three", dynamic_batch=True)
    if spec.precision != "fp32":
        raise SettingsError(f'rank_three: expected precision "fp32", got "{spec.precision}"')
    b = GraphBuilder(spec)
    b.declare(spec.input_name, TensorProto.FLOAT, (3, spec.size.height, spec.size.width))
    batched = b.add("Unsqueeze", spec.input_name, b.ints(0))
    return _detector(b, b.conv_silu(Feature(batched, 3, 1), 8, 3, 2))


def unknown_operator(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """An anchor-free detector with an operator of a foreign domain: valid, and nobody can run it."""
    b = GraphBuilder(spec)
    stem = b.conv_silu(b.picture(), 8, 3, 2)
    strange = b.add("DeformableSample", stem.name, domain="com.example.ops")
    return _detector(b, stem._replace(name=strange))


def _detector(b: GraphBuilder, stem: Feature) -> onnx.ModelProto:
    spec = b.spec
    boxes, logits = detection_parts(b, backbone(b, stem, stem=stem))
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), axis=1)
    shape = (spec.batch, 4 + spec.classes, spec.anchor_dim)
    return b.finish([Output(spec.output_name, out, shape)], ultralytics_metadata(spec, "YOLOv8n", "detect"))
