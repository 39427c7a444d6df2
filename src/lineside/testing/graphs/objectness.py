"""Anchor-free heads with an objectness column: YOLOX, raw and decoded, and YOLOv6."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import numpy as np
from onnx import numpy_helper

from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import (
    anchor_points,
    backbone,
    boxes_xywh,
    branch,
    class_branch,
    distances,
    flatten,
    grid,
)
from lineside.testing.graphs.spec import DEFAULT, GraphSpec

if TYPE_CHECKING:
    import onnx

_END = sys.maxsize
_RANGE_8BIT = 1 / 128


def yolox(
    spec: GraphSpec = DEFAULT, *, decoded: bool = False, in_place: bool = False, focus: bool = True
) -> onnx.ModelProto:
    """The head of YOLOX: (N, A, 5 + classes). The input is BGR 0 to 255; there is no metadata.

    Args:
        spec: The outside of the graph.
        decoded: Boxes as centre and size in pixels (`decode_in_inference`). Otherwise raw: offsets in
            cells and the logarithm of the size in cells.
        in_place: The decoded boxes are written over the raw ones, as the first releases exported them.
        focus: The input goes through the Focus slices (space to depth), as in the published files.

    Returns:
        The model. The same seed gives the raw and the decoded form of the same network.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("yolox")
    b = GraphBuilder(spec)
    picture = b.picture()
    levels = backbone(b, picture, stem=_focus(b, picture) if focus else _scaled(b, picture))
    columns = 5 + spec.classes
    maps = []
    for level in levels:
        classes = class_branch(b, level, spec.classes)
        reach = branch(b, level, 4, bias=0.5, gain=0.5)
        objectness = branch(b, level, 1, bias=-0.5, gain=1.5)
        scores = (b.add("Sigmoid", objectness.name), b.add("Sigmoid", classes.name))
        maps.append(Feature(b.add("Concat", reach.name, *scores, axis=1), columns, level.stride))
    out = b.add("Transpose", flatten(b, maps), perm=[0, 2, 1])
    if decoded:
        out = (_decode_in_place if in_place else _decode)(b, out)
    return b.finish([Output(spec.output_name, out, (spec.batch, spec.anchors, columns))])


def yolov6(
    spec: GraphSpec = DEFAULT,
    *,
    objectness: Literal["constant", "filled", "computed", "sigmoid"] = "constant",
) -> onnx.ModelProto:
    """The head of YOLOv6: (N, A, 5 + classes), decoded, with an objectness column of ones.

    From outside it is the same as a decoded YOLOX, but the picture goes in as RGB 0 to 1.

    Args:
        spec: The outside of the graph.
        objectness: `constant` and `filled` (by a ConstantOfShape) are what exports hold. No known one has the others:
            `computed` is 1 for every picture but by arithmetic, `sigmoid` depends on the picture.

    Returns:
        The model, without metadata.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("yolov6", dynamic_batch=True)
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture())
    boxes = boxes_xywh(b, distances(b, levels, dfl=False), grid(b, levels))
    scores = flatten(
        b,
        [
            m._replace(name=b.add("Sigmoid", m.name))
            for m in (class_branch(b, f, spec.classes) for f in levels)
        ],
    )
    box_rows, score_rows = (b.add("Transpose", name, perm=[0, 2, 1]) for name in (boxes, scores))
    if objectness == "sigmoid":
        logits = flatten(b, [branch(b, level, 1, bias=-0.5, gain=1.5) for level in levels])
        column = b.add("Sigmoid", b.add("Transpose", logits, perm=[0, 2, 1]))
    else:
        column = _ones(b, score_rows, objectness)
    out = b.add("Concat", box_rows, column, score_rows, axis=2)
    return b.finish([Output(spec.output_name, out, (1, spec.anchors, 5 + spec.classes))])


def _ones(b: GraphBuilder, scores: str, how: str) -> str:
    """A column (1, A, 1) of ones."""
    if how == "constant":
        return b.floats(np.ones((1, b.spec.anchors, 1)))
    if how == "computed":
        return b.add("Sign", b.add("ReduceMax", scores, b.ints(2), keepdims=1))
    shape = b.add("Concat", b.slice(b.add("Shape", scores), 0, 2, 0), b.ints(1), axis=0)
    return b.add("ConstantOfShape", shape, value=numpy_helper.from_array(np.ones(1, b.dtype)))


def _focus(b: GraphBuilder, picture: Feature) -> Feature:
    """Four half-size pictures as twelve channels, in the order of the YOLOX Focus layer."""
    phases = [
        b.slice(b.slice(picture.name, top, _END, 2, 2), left, _END, 3, 2)
        for top, left in ((0, 0), (1, 0), (0, 1), (1, 1))
    ]
    packed = Feature(b.add("Concat", *phases, axis=1), 12, 2)
    stem = b.conv(packed, 8, 3, gain=_RANGE_8BIT)
    return stem._replace(name=b.add("Mul", stem.name, b.add("Sigmoid", stem.name)))


def _scaled(b: GraphBuilder, picture: Feature) -> Feature:
    stem = b.conv(picture, 8, 3, 2, gain=_RANGE_8BIT)
    return stem._replace(name=b.add("Mul", stem.name, b.add("Sigmoid", stem.name)))


def _decode(b: GraphBuilder, out: str) -> str:
    points, strides = anchor_points(b.spec)
    corner, stride = b.floats((points.T - 0.5)[None]), b.floats(strides[None, :, None])
    offset, extent = b.slice(out, 0, 2, 2), b.slice(out, 2, 4, 2)
    centre = b.add("Mul", b.add("Add", offset, corner), stride)
    size = b.add("Mul", b.add("Exp", extent), stride)
    return b.add("Concat", centre, size, b.slice(out, 4, _END, 2), axis=2)


def _decode_in_place(b: GraphBuilder, out: str) -> str:
    """The same values by assignments to slices, which exporters write as ScatterND."""
    boxes = _decode(b, out)
    for first in (0, 2):
        places = np.indices((1, b.spec.anchors, 2)).transpose(1, 2, 3, 0) + np.array([0, 0, first])
        index = b.weights("index", places.astype(np.int64))
        out = b.add("ScatterND", out, index, b.slice(boxes, first, first + 2, 2))
    return out
