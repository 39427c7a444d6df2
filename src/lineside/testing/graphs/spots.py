"""A detector without training: convolutions set by hand that find coloured squares on a light ground.

It is honest: its answer comes from the picture alone. Per pixel, two 1x1 convolutions tell red, blue and dark
from the rest. Per cell, one convolution over a window of 60 pixels measures the colours' areas and moments: they
give the box around a spot (a rectangle's half side is the root of three times its variance). The score is the
weakest of four demands: enough of one colour, not too much, filled, and centred at this cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.geometry import Size
from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import boxes_xywh, grid
from lineside.testing.graphs.spec import GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

CLASSES = ("red spot", "blue spot", "dark spot")
"""What the detector finds, in the order of its classes."""

_STRIDE = 8
_PIXEL = 2 / _STRIDE  # side of a mask's pixel in cells: masks are measured at half resolution
_WINDOW = 30  # side of the window in those pixels

_RIM = 0.09  # what blurred edges and round corners take off each side, in cells

# A channel below this is "low": darker than the letterbox's grey (0.447), and than any light ground.
_LOW, _STEEP = 0.3, 40.0
# One row a class over "red is low", "green is low", "blue is low", and what their sum must exceed.
_RULES = np.array([[-1.0, 1.0, 1.0], [1.0, 1.0, -1.0], [1.0, 1.0, 1.0]])
_NEEDED = np.array([1.5, 1.5, 2.5])


def colour_spots(size: Size = Size(height=320, width=320), *, dynamic_batch: bool = False) -> onnx.ModelProto:  # noqa: B008 -- a named tuple is immutable
    """A working detector of `CLASSES` in the v8 layout: RGB 0 to 1 in, (N, 4 + 3, A) out, one stride of 8.

    It finds filled, upright squares and near squares with sides of 20 to 44 pixels of the model's input,
    with 24 pixels between them. `draw_spots` draws such pictures.

    Args:
        size: Input size, multiples of 8.
        dynamic_batch: The batch is named instead of 1.

    Returns:
        The model, with metadata that names the classes.
    """
    spec = GraphSpec(
        classes=len(CLASSES), names=CLASSES, size=size, strides=(_STRIDE,), dynamic_batch=dynamic_batch
    )
    b = GraphBuilder(spec)
    areas, total, mean, variance = _measure(b, _masks(b, b.picture()))
    half = b.add("Add", b.add("Sqrt", b.add("Mul", variance, b.floats(3.0))), b.floats(_RIM))
    reach = b.add("Concat", b.add("Sub", half, mean), b.add("Add", half, mean), axis=1)
    logits = _demands(b, areas, total, mean, half)
    distance, scores = b.reshape(reach, b.batch, 4, -1), b.reshape(logits, b.batch, len(CLASSES), -1)
    boxes = boxes_xywh(b, distance, grid(b, [Feature(areas, len(CLASSES), _STRIDE)]))
    out = b.add("Concat", boxes, b.add("Sigmoid", scores), axis=1)
    output = Output(spec.output_name, out, (spec.batch, 4 + len(CLASSES), spec.anchors))
    return b.finish([output], ultralytics_metadata(spec, "colour spots", "detect"))


def _masks(b: GraphBuilder, picture: Feature) -> Feature:
    """How much each pixel of the half-size picture is of each class, 0 to 1."""
    small = b.add("AveragePool", picture.name, kernel_shape=[2, 2], strides=[2, 2])
    eye = np.eye(3)[:, :, None, None]
    low = b.fixed_conv(Feature(small, 3, 2), -_STEEP * eye, np.full(3, _STEEP * _LOW))
    low = low._replace(name=b.add("Sigmoid", low.name))
    is_class = b.fixed_conv(low, 20 * _RULES[:, :, None, None], -20 * _NEEDED)
    return is_class._replace(name=b.add("Sigmoid", is_class.name))


def _measure(b: GraphBuilder, masks: Feature) -> tuple[str, str, str, str]:
    """Areas by class and in all, mean and variance of the place, in cells, of what lies in each window."""
    weight = b.weights("moments.weight", _moment_kernels())
    pad = (_WINDOW - round(1 / _PIXEL)) // 2
    moments = b.add(
        "Conv",
        masks.name,
        weight,
        dilations=[1, 1],
        group=1,
        kernel_shape=[_WINDOW, _WINDOW],
        pads=[pad] * 4,
        strides=[round(1 / _PIXEL)] * 2,
    )
    areas, total, first, second = b.split(moments, [len(CLASSES), 1, 2, 2], 1)
    divisor = b.add("Add", total, b.floats(1e-3))
    mean = b.add("Div", first, divisor)
    spread = b.add("Sub", b.add("Div", second, divisor), b.add("Mul", mean, mean))
    # A pixel is no point: it has a variance of its own.
    variance = b.add("Add", b.add("Relu", spread), b.floats(_PIXEL**2 / 12))
    return areas, total, mean, variance


def _demands(b: GraphBuilder, areas: str, total: str, mean: str, half: str) -> str:
    """Class logits: the weakest of four demands, each positive where it is met."""
    enough = b.add("Mul", b.add("Sub", areas, b.floats(4.0)), b.floats(2.0))
    bounded = b.add("Sub", b.floats(36.0), total)
    across, down = b.split(half, [1, 1], 1)
    box = b.add("Mul", b.add("Mul", across, down), b.floats(4.0))
    filled = b.add("Mul", b.add("Sub", b.add("Div", total, box), b.floats(0.7)), b.floats(20.0))
    x, y = b.split(mean, [1, 1], 1)
    away = b.add("Add", b.add("Mul", x, x), b.add("Mul", y, y))
    centred = b.add("Mul", b.add("Sub", b.floats(0.9), away), b.floats(8.0))
    return b.add("Min", enough, bounded, filled, centred)


def _moment_kernels() -> NDArray[np.float64]:
    """Kernels (8, 3, 30, 30): the area of each class, then area, x, y, x² and y² of all classes together."""
    along = (np.arange(_WINDOW) - (_WINDOW - 1) / 2) * _PIXEL
    y, x = np.meshgrid(along, along, indexing="ij")
    one = np.full_like(x, _PIXEL**2)
    by_class = np.eye(len(CLASSES))[:, :, None, None] * one
    together = np.stack([one, x * one, y * one, x * x * one, y * y * one])
    return np.concatenate([by_class, np.repeat(together[:, None], len(CLASSES), axis=1)])
