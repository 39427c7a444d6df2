"""The parts that the heads share: a small backbone, anchor points, and the box arithmetic of the exporters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.testing.graphs.builder import Feature, GraphBuilder
    from lineside.testing.graphs.spec import GraphSpec

REG_MAX = 16
_WIDTHS = {2: 8, 4: 8, 8: 12}
_HIDDEN = 8


class Grid(NamedTuple):
    """The anchors of all levels.

    Attributes:
        points: Tensor (1, 2, A): x and y of the cell centres in cells.
        strides: Tensor (1, A): pixels per cell.
    """

    points: str
    strides: str


def backbone(b: GraphBuilder, picture: Feature, *, stem: Feature | None = None) -> list[Feature]:
    """Feature maps at the spec's strides, by 3x3 convolutions with stride 2.

    Args:
        b: The builder.
        picture: The input.
        stem: A map to start from instead of the picture, for instance behind a Focus layer.

    Returns:
        One map a stride.
    """
    x, levels = stem or picture, []
    while x.stride < b.spec.strides[-1]:
        x = b.conv_silu(x, _WIDTHS.get(x.stride * 2, 16), 3, 2)
        if x.stride in b.spec.strides:
            levels.append(x)
    return levels


def branch(
    b: GraphBuilder,
    level: Feature,
    channels: int,
    *,
    bias: float | NDArray[np.float64] = 0.0,
    gain: float = 1.0,
) -> Feature:
    """One branch of a decoupled head: a 3x3 convolution with SiLU, then a 1x1 convolution."""
    return b.conv(b.conv_silu(level, _HIDDEN, 3), channels, 1, bias=bias, gain=gain)


def class_branch(b: GraphBuilder, level: Feature, classes: int) -> Feature:
    """Class logits around -3: mostly background, with some candidates on a textured picture."""
    return branch(b, level, classes, bias=-3.0, gain=1.5)


def box_branch(b: GraphBuilder, level: Feature, *, dfl: bool) -> Feature:
    """Distance logits whose boxes are about three cells wide: 64 channels with DFL, 4 without."""
    if not dfl:
        return branch(b, level, 4, bias=1.5, gain=0.3)
    return branch(b, level, 4 * REG_MAX, bias=np.tile(-0.5 * np.arange(REG_MAX), 4), gain=0.7)


def flatten(b: GraphBuilder, maps: Sequence[Feature]) -> str:
    """The maps of all levels as one tensor (N, C, A): Reshape each, Concat along the anchors."""
    flat = [b.reshape(m.name, b.batch, m.channels, -1) for m in maps]
    return b.add("Concat", *flat, axis=2) if len(flat) > 1 else flat[0]


def expected_distance(b: GraphBuilder, logits: str) -> str:
    """Distribution focal loss read out: (N, 64, A) logits to (N, 4, A) distances in cells.

    Softmax over the 16 bins, then a 1x1 convolution with the weights 0 to 15 (Li et al. 2020, Generalized
    Focal Loss), in the order of nodes of the Ultralytics export.
    """
    anchors = -1 if b.spec.dynamic_size else b.spec.anchors
    bins = b.add("Transpose", b.reshape(logits, b.batch, 4, REG_MAX, anchors), perm=[0, 2, 1, 3])
    weight = b.weights("dfl.conv.weight", np.arange(REG_MAX, dtype=float).reshape(1, REG_MAX, 1, 1))
    mean = b.add(
        "Conv",
        b.add("Softmax", bins, axis=1),
        weight,
        dilations=[1, 1],
        group=1,
        kernel_shape=[1, 1],
        pads=[0, 0, 0, 0],
        strides=[1, 1],
    )
    return b.reshape(mean, b.batch, 4, anchors)


def distances(b: GraphBuilder, levels: Sequence[Feature], *, dfl: bool) -> str:
    """Distances (N, 4, A) left, top, right, bottom in cells from the box branches of all levels."""
    raw = flatten(b, [box_branch(b, level, dfl=dfl) for level in levels])
    return expected_distance(b, raw) if dfl else raw


def corners(b: GraphBuilder, distance: str, points: str) -> tuple[str, str]:
    """The two corners of the boxes, each (N, 2, A) in cells."""
    near, far = b.slice(distance, 0, 2, 1), b.slice(distance, 2, 4, 1)
    return b.add("Sub", points, near), b.add("Add", points, far)


def boxes_xywh(b: GraphBuilder, distance: str, grid: Grid) -> str:
    """Boxes (N, 4, A) as centre and size in pixels, in the order of nodes of the Ultralytics export."""
    low, high = corners(b, distance, grid.points)
    centre = b.add("Div", b.add("Add", low, high), b.floats(2.0))
    size = b.add("Sub", high, low)
    return b.add("Mul", b.add("Concat", centre, size, axis=1), grid.strides)


def boxes_xyxy(b: GraphBuilder, distance: str, grid: Grid) -> str:
    """Boxes (N, 4, A) as two corners in pixels, as heads without a separate NMS write them."""
    return b.add("Mul", b.add("Concat", *corners(b, distance, grid.points), axis=1), grid.strides)


def anchor_points(spec: GraphSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The anchors at the spec's size, as every anchor-free YOLO orders them.

    Returns:
        Points float32 (2, A): x and y of cell centres in cells; strides float32 (A,) in pixels.
    """
    points, strides = [], []
    for stride in spec.strides:
        rows, columns = spec.size.height // stride, spec.size.width // stride
        y, x = np.mgrid[:rows, :columns].astype(np.float32) + np.float32(0.5)
        points.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(rows * columns, stride, np.float32))
    return np.concatenate(points, axis=1), np.concatenate(strides)


def grid(b: GraphBuilder, levels: Sequence[Feature]) -> Grid:
    """The anchors as constants, or computed from the maps' shapes where the size is dynamic."""
    if not b.spec.dynamic_size:
        points, strides = anchor_points(b.spec)
        return Grid(b.floats(points[None]), b.floats(strides[None]))
    cells = [_level_grid(b, level) for level in levels]
    points_name = b.add("Concat", *(points for points, _ in cells), axis=2)
    return Grid(points_name, b.add("Concat", *(strides for _, strides in cells), axis=1))


def _level_grid(b: GraphBuilder, level: Feature) -> Grid:
    float_type = TensorProto.FLOAT if b.dtype == np.float32 else TensorProto.FLOAT16
    shape = b.add("Shape", level.name)
    rows, columns = b.slice(shape, 2, 3, 0), b.slice(shape, 3, 4, 0)
    plane = b.add("Concat", rows, columns, axis=0)
    axes = []
    for extent, column_shape in ((columns, (1, -1)), (rows, (-1, 1))):
        cells = b.add("Range", b.whole(0), b.add("Squeeze", extent, b.ints(0)), b.whole(1))
        centres = b.add("Add", b.add("Cast", cells, to=float_type), b.floats(0.5))
        spread = b.add("Expand", b.reshape(centres, *column_shape), plane)
        axes.append(b.reshape(spread, 1, 1, -1))
    count = b.add("Concat", b.ints(1), b.add("Mul", rows, columns), axis=0)
    return Grid(b.add("Concat", *axes, axis=1), b.add("Expand", b.floats([[level.stride]]), count))
