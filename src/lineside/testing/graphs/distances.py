"""Heads that leave the decoding of box distributions to the host: PicoDet and NanoDet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.corner_grids import divided_by_scale, paddle_boxes, sigmoids
from lineside.testing.graphs.head import backbone, branch
from lineside.testing.graphs.spec import DEFAULT, GraphSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray

    from lineside.testing.graphs.builder import Feature

_BINS = 8
_WIDTH = 16


def picodet(spec: GraphSpec = DEFAULT, *, decoded: bool = False) -> onnx.ModelProto:
    """The head of PP-PicoDet: a level has scores (1, A, classes) and box logits (1, A, 32).

    Eight outputs with four levels, all scores before all boxes. The level of stride 64 is there whether or not 64
    divides the size: its convolution rounds up.

    Args:
        spec: The outside of the graph.
        decoded: Boxes (1, A, 4) as corners, divided by a second input `scale_factor`, and scores (1, classes, A).

    Returns:
        The model, without metadata.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("picodet", dynamic_batch=True)
    b = GraphBuilder(spec)
    levels = _four_levels(b, backbone(b, b.picture("image")))
    if decoded:
        return _decoded(b, levels)
    scores: list[Output] = []
    boxes: list[Output] = []
    for i, level in enumerate(levels):
        cls, reach = _split(b, level)
        scores.append(_rows(b, f"scores_{i}", b.add("Sigmoid", cls), level, spec.classes))
        boxes.append(_rows(b, f"boxes_{i}", reach, level, 4 * _BINS))
    return b.finish([*scores, *boxes])


def nanodet(spec: GraphSpec = DEFAULT, *, plus: bool = True, pairs: bool = False) -> onnx.ModelProto:
    """The head of NanoDet and NanoDet-Plus: (1, A, classes + 32), scores and box logits.

    Args:
        spec: The outside of the graph.
        plus: NanoDet-Plus, with a fourth level of stride 64; its distances start at the corner of a cell.
        pairs: Scores (1, A, classes) and logits (1, A, 32) of each level are outputs of their own, level by level.

    Returns:
        The model, without metadata. It takes BGR from 0 to 255, centred.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("nanodet", dynamic_batch=True)
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture("data"))
    levels = _four_levels(b, levels) if plus else levels
    columns = spec.classes + 4 * _BINS
    outputs: list[Output] = []
    flat: list[str] = []
    for i, level in enumerate(levels):
        cls, reach = _split(b, level)
        scores = b.add("Sigmoid", cls)
        if pairs:
            outputs.append(_rows(b, f"cls_pred_{i}", scores, level, spec.classes))
            outputs.append(_rows(b, f"dis_pred_{i}", reach, level, 4 * _BINS))
        else:
            flat.append(b.reshape(b.add("Concat", scores, reach, axis=1), 1, columns, -1))
    if pairs:
        return b.finish(outputs)
    out = b.add("Transpose", b.add("Concat", *flat, axis=2), perm=[0, 2, 1])
    count = sum(lines * across for lines, across in (_cells(b, level) for level in levels))
    return b.finish([Output(spec.output_name, out, (1, count, columns))])


def _decoded(b: GraphBuilder, levels: Sequence[Feature]) -> onnx.ModelProto:
    points, strides = _points(b, levels)
    reach = [branch(b, level, 4 * _BINS, bias=_falling(), gain=0.7) for level in levels]
    flat = b.add("Concat", *(b.reshape(m.name, 1, 4, _BINS, -1) for m in reach), axis=3)
    weights = b.floats(np.arange(_BINS).reshape(1, 1, _BINS, 1))
    mean = b.add("ReduceSum", b.add("Mul", b.add("Softmax", flat, axis=2), weights), b.ints(2), keepdims=0)
    boxes = divided_by_scale(b, paddle_boxes(b, mean, points, strides))
    return b.finish(
        [
            Output("boxes", boxes, (1, len(strides), 4)),
            Output("scores", sigmoids(b, levels), (1, b.spec.classes, len(strides))),
        ]
    )


def _four_levels(b: GraphBuilder, levels: list[Feature]) -> list[Feature]:
    return levels if len(levels) > 3 else [*levels, b.conv_silu(levels[-1], _WIDTH, 3, 2)]


def _split(b: GraphBuilder, level: Feature) -> list[str]:
    """Class logits and box logits of a level, from one convolution."""
    classes = b.spec.classes
    bias = np.concatenate([np.full(classes, -3.0), _falling()])
    return b.split(branch(b, level, classes + 4 * _BINS, bias=bias).name, [classes, 4 * _BINS], 1)


def _falling() -> NDArray[np.float64]:
    """Biases of all bins that let boxes be about three cells wide."""
    return np.tile(-0.5 * np.arange(_BINS), 4)


def _cells(b: GraphBuilder, level: Feature) -> tuple[int, int]:
    return -(-b.spec.size.height // level.stride), -(-b.spec.size.width // level.stride)


def _points(b: GraphBuilder, levels: Sequence[Feature]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cell centres (2, A) in cells, and strides (A,)."""
    points, strides = [], []
    for level in levels:
        y, x = np.mgrid[tuple(slice(0, n) for n in _cells(b, level))].astype(np.float32) + np.float32(0.5)
        points.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(x.size, level.stride, np.float32))
    return np.concatenate(points, axis=1), np.concatenate(strides)


def _rows(b: GraphBuilder, name: str, tensor: str, level: Feature, channels: int) -> Output:
    lines, columns = _cells(b, level)
    flat = b.reshape(tensor, 1, channels, lines * columns)
    return Output(name, b.add("Transpose", flat, perm=[0, 2, 1]), (1, lines * columns, channels))
