"""Graphs that are no YOLO detector, or none that a picture can be given to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from lineside.core.errors import SettingsError
from lineside.testing.graphs.anchor_free import detection_parts
from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import anchor_points, backbone, branch
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

_TOKEN = 16
_QUERIES = 300
_PICODET_BINS = 8


def detr(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """A transformer head like RT-DETR's: (N, K, 4 + classes), normalised centre and size, then scores.

    The best K (300, or all) tokens by their encoder score attend to each other; there is one row of class
    scores a query, and no anchors are left.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("detr")
    b = GraphBuilder(spec)
    maps = [b.conv(level, _TOKEN) for level in backbone(b, b.picture())]
    flat = [b.reshape(m.name, b.batch, _TOKEN, -1) for m in maps]
    tokens = b.add("Transpose", b.add("Concat", *flat, axis=2), perm=[0, 2, 1])
    count = min(_QUERIES, spec.anchors)
    best = b.add("ReduceMax", _linear(b, tokens, spec.classes), b.ints(-1), keepdims=0)
    _, index = b.add_many("TopK", [best, b.ints(count)], 2, axis=1, largest=1, sorted=1)
    index = b.add("Unsqueeze", index, b.ints(-1))
    query = b.add("GatherElements", tokens, b.add("Tile", index, b.ints(1, 1, _TOKEN)), axis=1)
    everywhere = b.add("Add", _linear(b, tokens, 4), b.floats(_reference_points(spec)))
    points = b.add("GatherElements", everywhere, b.add("Tile", index, b.ints(1, 1, 4)), axis=1)
    query = _attend(b, query)
    boxes = b.add("Sigmoid", b.add("Add", _linear(b, query, 4), points))
    scores = b.add("Sigmoid", _linear(b, query, spec.classes))
    out = b.add("Concat", boxes, scores, axis=-1)
    return b.finish([Output(spec.output_name, out, (spec.batch, count, 4 + spec.classes))])


def picodet(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """Raw outputs like PP-PicoDet's: a level has scores (1, A, classes) and box logits (1, A, 32).

    Eight outputs with four levels (strides 8, 16, 32, 64), all scores before all boxes.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("picodet", dynamic_batch=True)
    b = GraphBuilder(spec)
    scores: list[Output] = []
    boxes: list[Output] = []
    bins = 4 * _PICODET_BINS
    for i, level in enumerate(backbone(b, b.picture("image"))):
        cells = (spec.size.height // level.stride) * (spec.size.width // level.stride)
        both = branch(b, level, spec.classes + bins, bias=-1.0)
        cls, reach = b.split(both.name, [spec.classes, bins], 1)
        scores.append(_rows(b, f"scores_{i}", b.add("Sigmoid", cls), (cells, spec.classes)))
        boxes.append(_rows(b, f"boxes_{i}", reach, (cells, bins)))
    return b.finish([*scores, *boxes])


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


def _rows(b: GraphBuilder, name: str, tensor: str, shape: tuple[int, int]) -> Output:
    flat = b.reshape(tensor, 1, shape[1], shape[0])
    return Output(name, b.add("Transpose", flat, perm=[0, 2, 1]), (1, *shape))


def _linear(b: GraphBuilder, x: str, width: int) -> str:
    weight = b.rng.standard_normal((_TOKEN, width)) / np.sqrt(_TOKEN)
    product = b.add("MatMul", x, b.weights("decoder.linear.weight", weight))
    return b.add("Add", product, b.weights("decoder.linear.bias", np.zeros(width)))


def _attend(b: GraphBuilder, x: str) -> str:
    query, key, value = (_linear(b, x, _TOKEN) for _ in range(3))
    weight = b.add("MatMul", query, b.add("Transpose", key, perm=[0, 2, 1]))
    weight = b.add("Softmax", b.add("Mul", weight, b.floats(_TOKEN**-0.5)), axis=-1)
    mixed = b.add("Add", x, b.add("MatMul", weight, value))
    scale = b.weights("decoder.norm.weight", np.ones(_TOKEN))
    shift = b.weights("decoder.norm.bias", np.zeros(_TOKEN))
    return b.add("LayerNormalization", mixed, scale, shift, axis=-1)


def _reference_points(spec: GraphSpec) -> NDArray[np.float32]:
    """Logits (1, A, 4) of the cells' centres and of sizes of three cells, normalised to the picture."""
    points, strides = anchor_points(spec)
    extent = np.array([[spec.size.width], [spec.size.height]], np.float32)
    share = np.concatenate([points * strides / extent, np.clip(3 * strides / extent, 0.05, 0.95)])
    logits: NDArray[np.float32] = np.log(share / (1 - share)).T[None].astype(np.float32)
    return logits
