"""Heads with anchors and objectness, as YOLOv5 and YOLOv7 export them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import SettingsError
from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import backbone
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, yolov5_metadata

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

# Widths and heights in pixels, three a level: the defaults of the YOLOv5 model files (strides 8, 16, 32).
ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)


def yolov5(spec: GraphSpec = DEFAULT, *, raw: bool = False) -> onnx.ModelProto:
    """The head of YOLOv5 and YOLOv7: (N, 3 A, 5 + classes), boxes as centre and size in pixels.

    Args:
        spec: The outside of the graph, with three strides.
        raw: Stop before the decoding: one output a level, (N, 3, H, W, 5 + classes) of logits, named
            `output0`, `output1`, `output2` (as the spec says).

    Returns:
        The model. The same seed gives the raw and the decoded form of the same network.

    Raises:
        SettingsError: The size is dynamic, or there are not three strides.
    """
    spec.refuse("yolov5")
    if len(spec.strides) != len(ANCHORS):
        raise SettingsError(f"yolov5: expected three strides, got {spec.strides}")
    b = GraphBuilder(spec)
    columns = 5 + spec.classes
    bias = np.tile([0.0, 0.0, 0.0, 0.0, -1.0, *[0.0] * spec.classes], 3)
    maps = [b.conv(level, 3 * columns, bias=bias, gain=1.2) for level in backbone(b, b.picture())]
    grids = [cells(b, m, columns) for m in maps]
    if raw:
        stem = spec.output_name.rstrip("0123456789") or "output"
        shapes = [(spec.size.height // m.stride, spec.size.width // m.stride) for m in maps]
        outputs = [
            Output(f"{stem}{i}", name, (spec.batch, 3, *hw, columns))
            for i, (name, hw) in enumerate(zip(grids, shapes, strict=True))
        ]
        return b.finish(outputs, yolov5_metadata(spec))
    decoded = [decode(b, name, m, ANCHORS[i]) for i, (name, m) in enumerate(zip(grids, maps, strict=True))]
    out = b.add("Concat", *(b.reshape(d, b.batch, -1, columns) for d in decoded), axis=1)
    shape = (spec.batch, 3 * spec.anchors, columns)
    return b.finish([Output(spec.output_name, out, shape)], yolov5_metadata(spec))


def cells(b: GraphBuilder, m: Feature, columns: int) -> str:
    """A level's answers as (N, 3, H, W, columns)."""
    rows, across = b.spec.size.height // m.stride, b.spec.size.width // m.stride
    return b.add("Transpose", b.reshape(m.name, b.batch, 3, columns, rows, across), perm=[0, 1, 3, 4, 2])


def decode(
    b: GraphBuilder, cells: str, m: Feature, anchors: tuple[tuple[int, int], ...], *, plain: int = 0
) -> str:
    """A level's answers with boxes in pixels and scores behind sigmoids.

    Args:
        b: The builder.
        cells: The level's answers, (N, 3, H, W, columns).
        m: The level.
        anchors: Width and height of its anchors in pixels.
        plain: Columns at the end that stay as they are.
    """
    rows, across = b.spec.size.height // m.stride, b.spec.size.width // m.stride
    y, x = np.mgrid[:rows, :across].astype(np.float32)
    corner: NDArray[np.float32] = np.stack([x, y], axis=-1) - np.float32(0.5)
    offsets = np.broadcast_to(corner, (1, 3, rows, across, 2))
    sides = np.broadcast_to(np.asarray(anchors, np.float32)[None, :, None, None], offsets.shape)
    sizes = [2, 2, b.spec.classes + 1]
    if plain:
        *parts, rest = b.split(cells, [*sizes, plain], 4)
        xy, wh, scores = (b.add("Sigmoid", part) for part in parts)
    else:
        xy, wh, scores = b.split(b.add("Sigmoid", cells), sizes, 4)
    centre = b.add("Add", b.add("Mul", xy, b.floats(2.0)), b.floats(offsets))
    centre = b.add("Mul", centre, b.floats(float(m.stride)))
    side = b.add("Pow", b.add("Mul", wh, b.floats(2.0)), b.floats(2.0))
    side = b.add("Mul", side, b.floats(sides))
    return b.add("Concat", centre, side, scores, *([rest] if plain else []), axis=4)
