"""DETR heads: queries chosen by a top-k that attend to each other, in the forms that exporters write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from onnx import TensorProto

from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import anchor_points, backbone
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

_TOKEN = 16
_QUERIES = 300
_PATCH_PX = 16
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

SizeInput = Literal["width height", "height width"]


class Queries(NamedTuple):
    """What the decoder of a DETR answers.

    Attributes:
        boxes: Tensor (N, K, 4): centre and size as shares of the picture.
        logits: Tensor (N, K, classes).
        rows: K.
    """

    boxes: str
    logits: str
    rows: int


def detr(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """RT-DETR as Ultralytics exports it: (N, K, 4 + classes), normalised centre and size, then scores.

    The best K (300, or all) tokens by their encoder score attend to each other; there is one row of class
    scores a query, and no anchors are left.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("detr")
    b = GraphBuilder(spec)
    found = _queries(b, *_pyramid(b))
    out = b.add("Concat", found.boxes, b.add("Sigmoid", found.logits), axis=-1)
    shape = (spec.batch, found.rows, 4 + spec.classes)
    return b.finish([Output(spec.output_name, out, shape)], ultralytics_metadata(spec, "RT-DETR-L", "detect"))


def detr_apart(spec: GraphSpec = DEFAULT, *, with_sigmoid: bool = False) -> onnx.ModelProto:
    """RT-DETR as Hugging Face exports it: `logits` (N, K, classes) and `pred_boxes` (N, K, 4).

    Args:
        spec: The outside of the graph.
        with_sigmoid: Whether the classes go through their sigmoid in the graph.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("detr_apart")
    b = GraphBuilder(spec)
    found = _queries(b, *_pyramid(b))
    classes = b.add("Sigmoid", found.logits) if with_sigmoid else found.logits
    return b.finish(
        [
            Output("logits", classes, (spec.batch, found.rows, spec.classes)),
            Output("pred_boxes", found.boxes, (spec.batch, found.rows, 4)),
        ]
    )


def detr_sized(
    spec: GraphSpec = DEFAULT, *, patches: bool = False, size_input: SizeInput = "width height"
) -> onnx.ModelProto:
    """RT-DETR, D-FINE and DEIM as their authors export them: `labels`, `boxes` and `scores` of the best pairs.

    A second input, `orig_target_sizes` int64 (N, 2), holds the photograph's size, in whose pixels the boxes are.

    Args:
        spec: The outside of the graph.
        patches: A vision transformer instead of the convolutions, as in DEIMv2.
        size_input: What the second input holds. The authors' holds the width first.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("detr_sized")
    b = GraphBuilder(spec)
    found = _queries(b, *(_patches(b) if patches else _pyramid(b)))
    b.declare("orig_target_sizes", TensorProto.INT64, (spec.batch, 2))
    size = "orig_target_sizes"
    if size_input == "height width":
        size = b.add("Gather", size, b.ints(1, 0), axis=1)
    extent = b.add("Unsqueeze", b.add("Tile", size, b.ints(1, 2)), b.ints(1))
    float_type = TensorProto.FLOAT if b.dtype == np.float32 else TensorProto.FLOAT16
    boxes = b.add("Mul", _corners(b, found.boxes), b.add("Cast", extent, to=float_type))
    flat = b.add("Flatten", b.add("Sigmoid", found.logits), axis=1)
    scores, pairs = b.add_many("TopK", [flat, b.ints(found.rows)], 2, axis=-1, largest=1, sorted=1)
    query = b.add("Div", pairs, b.whole(spec.classes))
    labels = b.add("Sub", pairs, b.add("Mul", query, b.whole(spec.classes)))
    index = b.add("Tile", b.add("Unsqueeze", query, b.ints(-1)), b.ints(1, 1, 4))
    rows = (spec.batch, found.rows)
    return b.finish(
        [
            Output("labels", labels, rows, TensorProto.INT64),
            Output("boxes", b.add("GatherElements", boxes, index, axis=1), (*rows, 4)),
            Output("scores", scores, rows),
        ]
    )


def detr_rows(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """RT-DETR as PaddleDetection exports it: rows (K, 6) of label, score and corners, and their number (1,).

    Two inputs beside the picture, float (1, 2) and height before width: `im_shape`, the size of the picture that is
    fed, and `scale_factor`, by which it was resized.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("detr_rows", dynamic_batch=True)
    b = GraphBuilder(spec)
    found = _queries(b, *_pyramid(b))
    for name in ("im_shape", "scale_factor"):
        b.declare(name, TensorProto.FLOAT16 if spec.precision == "fp16" else TensorProto.FLOAT, (1, 2))
    whole = b.add("Floor", b.add("Add", b.add("Div", "im_shape", "scale_factor"), b.floats(0.5)))
    lines, columns = b.split(whole, [1, 1], 1)
    extent = b.add("Unsqueeze", b.add("Concat", columns, lines, columns, lines, axis=1), b.ints(1))
    boxes = b.add("Mul", _corners(b, found.boxes), extent)
    flat = b.add("Flatten", b.add("Sigmoid", found.logits), axis=1)
    scores, pairs = b.add_many("TopK", [flat, b.ints(found.rows)], 2, axis=-1, largest=1, sorted=1)
    labels = b.add("Mod", pairs, b.whole(spec.classes))
    index = b.add("Squeeze", b.add("Div", pairs, b.whole(spec.classes)), b.ints(0))
    float_type = TensorProto.FLOAT if b.dtype == np.float32 else TensorProto.FLOAT16
    columns_of = [b.add("Unsqueeze", b.add("Cast", labels, to=float_type), b.ints(-1))]
    columns_of.append(b.add("Unsqueeze", scores, b.ints(-1)))
    table = b.add("Concat", *columns_of, b.add("Gather", boxes, index, axis=1), axis=-1)
    number = b.add("Cast", b.slice(b.add("Shape", table), 1, 2, 0), to=TensorProto.INT32)
    return b.finish(
        [
            Output("bbox", b.reshape(table, -1, 6), (found.rows, 6)),
            Output("bbox_num", number, (1,), TensorProto.INT32),
        ]
    )


def rfdetr(spec: GraphSpec = DEFAULT, *, normalised: bool = False) -> onnx.ModelProto:
    """RF-DETR: `dets` (N, K, 4) and `labels` (N, K, classes) in logits, over patches of 16 pixels.

    Boxes are moved and stretched reference boxes; they go through no sigmoid.

    Args:
        spec: The outside of the graph.
        normalised: The graph itself takes off ImageNet's mean and divides by its deviation.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("rfdetr")
    b = GraphBuilder(spec)
    found = _queries(b, *_patches(b, normalised=normalised), moved=True)
    return b.finish(
        [
            Output("dets", found.boxes, (spec.batch, found.rows, 4)),
            Output("labels", found.logits, (spec.batch, found.rows, spec.classes)),
        ]
    )


def detr_first(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """The first DETR: learnt queries, and a softmax over the classes and one "no object", left to the host.

    Its outputs have the form of `detr_apart`'s, and another meaning.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("detr_first")
    b = GraphBuilder(spec)
    memory = _attend(b, _pyramid(b)[0])
    learnt = b.weights("query_embed.weight", b.rng.standard_normal((1, 100, _TOKEN)))
    query = _attend(b, b.add("Add", learnt, b.add("ReduceMean", memory, b.ints(1), keepdims=1)))
    return b.finish(
        [
            Output("logits", _linear(b, query, spec.classes + 1), (spec.batch, 100, spec.classes + 1)),
            Output("pred_boxes", b.add("Sigmoid", _linear(b, query, 4)), (spec.batch, 100, 4)),
        ]
    )


def _pyramid(b: GraphBuilder) -> tuple[str, tuple[int, ...]]:
    """Tokens (N, A, 16) of a convolutional backbone, and their strides."""
    maps = [b.conv(level, _TOKEN) for level in backbone(b, b.picture())]
    flat = [b.reshape(m.name, b.batch, _TOKEN, -1) for m in maps]
    return b.add("Transpose", b.add("Concat", *flat, axis=2), perm=[0, 2, 1]), b.spec.strides


def _patches(b: GraphBuilder, *, normalised: bool = False) -> tuple[str, tuple[int, ...]]:
    """Tokens (N, A, 16) of a vision transformer of one layer, and their stride."""
    picture = b.picture()
    if normalised:
        mean, deviation = (b.floats(np.reshape(values, (1, 3, 1, 1))) for values in _IMAGENET)
        picture = Feature(b.add("Div", b.add("Sub", picture.name, mean), deviation), 3, 1)
    side = [_PATCH_PX, _PATCH_PX]
    weight = b.rng.standard_normal((_TOKEN, 3, *side)) / np.sqrt(3 * _PATCH_PX)
    patches = b.add(
        "Conv",
        picture.name,
        b.weights("embeddings.projection.weight", weight),
        b.weights("embeddings.projection.bias", np.zeros(_TOKEN)),
        kernel_shape=side,
        strides=side,
    )
    tokens = b.add("Transpose", b.reshape(patches, b.batch, _TOKEN, -1), perm=[0, 2, 1])
    return _attend(b, tokens), (_PATCH_PX,)


def _queries(b: GraphBuilder, tokens: str, strides: tuple[int, ...], *, moved: bool = False) -> Queries:
    """The best tokens by their encoder score, each with a box and class logits."""
    spec = replace(b.spec, strides=strides)
    count = min(_QUERIES, spec.anchors)
    best = b.add("ReduceMax", _linear(b, tokens, spec.classes), b.ints(-1), keepdims=0)
    _, index = b.add_many("TopK", [best, b.ints(count)], 2, axis=1, largest=1, sorted=1)
    index = b.add("Unsqueeze", index, b.ints(-1))
    query = b.add("GatherElements", tokens, b.add("Tile", index, b.ints(1, 1, _TOKEN)), axis=1)
    everywhere = b.add("Add", _linear(b, tokens, 4), b.floats(_reference_points(spec)))
    points = b.add("GatherElements", everywhere, b.add("Tile", index, b.ints(1, 1, 4)), axis=1)
    query = _attend(b, query)
    boxes = (
        _moved(b, query, points) if moved else b.add("Sigmoid", b.add("Add", _linear(b, query, 4), points))
    )
    return Queries(boxes, _linear(b, query, spec.classes), count)


def _moved(b: GraphBuilder, query: str, points: str) -> str:
    """Reference boxes moved by a share of their size and stretched by an exponential."""
    centre, size = b.split(b.add("Sigmoid", points), [2, 2], -1)
    shift, stretch = b.split(b.add("Mul", _linear(b, query, 4), b.floats(0.3)), [2, 2], -1)
    centre = b.add("Add", b.add("Mul", shift, size), centre)
    return b.add("Concat", centre, b.add("Mul", b.add("Exp", stretch), size), axis=-1)


def _corners(b: GraphBuilder, boxes: str) -> str:
    """Centre and size (N, K, 4) as left, top, right and bottom."""
    centre, size = b.split(boxes, [2, 2], -1)
    half = b.add("Mul", size, b.floats(0.5))
    return b.add("Concat", b.add("Sub", centre, half), b.add("Add", centre, half), axis=-1)


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
