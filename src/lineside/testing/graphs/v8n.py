"""The architecture of YOLOv8n with random weights: a detector's real cost, without anybody's weights.

Depth 0.33, width 0.25, as in the Ultralytics model file `yolov8.yaml` (Jocher et al. 2023): convolutions with
SiLU, C2f blocks, SPPF, a path aggregation neck, and the decoupled head with distribution focal loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.testing.graphs.builder import Feature, GraphBuilder
from lineside.testing.graphs.head import REG_MAX, flatten

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOX_WIDTH = 64


def features(b: GraphBuilder, picture: Feature) -> list[Feature]:
    """The neck's maps at strides 8, 16 and 32, with 64, 128 and 256 channels."""
    x = b.conv_silu(b.conv_silu(picture, 16, 3, 2), 32, 3, 2)
    p3 = c2f(b, b.conv_silu(c2f(b, x, 32, 1), 64, 3, 2), 64, 2)
    p4 = c2f(b, b.conv_silu(p3, 128, 3, 2), 128, 2)
    p5 = sppf(b, c2f(b, b.conv_silu(p4, 256, 3, 2), 256, 1))
    up4 = c2f(b, concat(b, [upsample(b, p5), p4]), 128, 1, shortcut=False)
    up3 = c2f(b, concat(b, [upsample(b, up4), p3]), 64, 1, shortcut=False)
    down4 = c2f(b, concat(b, [b.conv_silu(up3, 64, 3, 2), up4]), 128, 1, shortcut=False)
    down5 = c2f(b, concat(b, [b.conv_silu(down4, 128, 3, 2), p5]), 256, 1, shortcut=False)
    return [up3, down4, down5]


def head(b: GraphBuilder, levels: Sequence[Feature], *, gain: float = 1.0) -> tuple[str, str]:
    """Distance logits (N, 64, A) and class logits (N, classes, A).

    Args:
        b: The builder.
        levels: The neck's maps.
        gain: Scale of the logits; a tiny one leaves the cost and takes the effect.
    """
    classes = b.spec.classes
    width = max(levels[0].channels, min(classes, 100))
    boxes, scores = [], []
    for level in levels:
        hidden = b.conv_silu(b.conv_silu(level, _BOX_WIDTH), _BOX_WIDTH)
        boxes.append(b.conv(hidden, 4 * REG_MAX, gain=gain))
        hidden = b.conv_silu(b.conv_silu(level, width), width)
        scores.append(b.conv(hidden, classes, gain=gain))
    return flatten(b, boxes), flatten(b, scores)


def c2f(b: GraphBuilder, x: Feature, channels: int, repeats: int, *, shortcut: bool = True) -> Feature:
    """A C2f block: half the channels go through `repeats` bottlenecks, and every stage is kept."""
    half = channels // 2
    y = b.conv_silu(x, channels, 1)
    parts = [Feature(name, half, y.stride) for name in b.split(y.name, [half, half], 1)]
    for _ in range(repeats):
        inner = b.conv_silu(b.conv_silu(parts[-1], half), half)
        if shortcut:
            inner = inner._replace(name=b.add("Add", parts[-1].name, inner.name))
        parts.append(inner)
    return b.conv_silu(concat(b, parts), channels, 1)


def sppf(b: GraphBuilder, x: Feature) -> Feature:
    """Fast spatial pyramid pooling: three 5x5 maximum pools in a row, every stage kept."""
    pools = [b.conv_silu(x, x.channels // 2, 1)]
    for _ in range(3):
        pooled = b.add("MaxPool", pools[-1].name, kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1])
        pools.append(pools[-1]._replace(name=pooled))
    return b.conv_silu(concat(b, pools), x.channels, 1)


def upsample(b: GraphBuilder, x: Feature) -> Feature:
    """The map at half the stride, nearest neighbour."""
    scales = b.floats([1.0, 1.0, 2.0, 2.0])
    name = b.add(
        "Resize",
        x.name,
        "",
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return Feature(name, x.channels, x.stride // 2)


def concat(b: GraphBuilder, maps: Sequence[Feature]) -> Feature:
    """The maps one behind the other."""
    name = b.add("Concat", *(m.name for m in maps), axis=1)
    return Feature(name, sum(m.channels for m in maps), maps[0].stride)
