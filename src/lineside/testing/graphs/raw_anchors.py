"""Anchor heads that stop before the decoding: one output a level, as darknet, Keras and PyTorch projects export them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from onnx import TensorProto

from lineside.core.errors import SettingsError
from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, yolov5_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

Form = Literal["a h w v", "a v h w", "av h w", "h w a v", "h w av"]
Done = Literal["logits", "scores", "centres", "all"]
Generation = Literal["v3", "v3-tiny", "v4", "v4-tiny", "v5", "v7", "v7-tiny", "plain"]

_ANCHORS = 3
_WIDTHS = {2: 8, 4: 8, 8: 12}
_NECK = 8


@dataclass(frozen=True, slots=True)
class _Net:
    """How a generation builds its layers: what follows a convolution, how maps shrink, where its neck ends."""

    activation: str
    pools: bool
    goes_down_again: bool


_NETS = {
    "v3": _Net("leaky", pools=False, goes_down_again=False),
    "v3-tiny": _Net("leaky", pools=True, goes_down_again=False),
    "v4": _Net("mish", pools=False, goes_down_again=True),
    "v4-tiny": _Net("leaky", pools=True, goes_down_again=False),
    "v5": _Net("silu", pools=False, goes_down_again=True),
    "v7": _Net("silu", pools=True, goes_down_again=True),
    "v7-tiny": _Net("leaky", pools=True, goes_down_again=True),
    "plain": _Net("relu", pools=False, goes_down_again=True),
}


def raw_anchors(
    spec: GraphSpec = DEFAULT,
    *,
    generation: Generation = "v5",
    form: Form = "a h w v",
    done: Done = "logits",
    coarse_first: bool = False,
    channels_last: bool = False,
) -> onnx.ModelProto:
    """Undecoded levels: for each of three anchors of a cell four box values, objectness and a score a class.

    Args:
        spec: The outside of the graph; outputs are numbered behind the stem of its `output_name`.
        generation: Whose layers stand before the head: activations, pooling and neck. `plain` has ReLU, as nobody's.
        form: Axes of an output behind its batch: a for the anchors, v for the values, `av` for both on one axis.
        done: What goes through a sigmoid in the graph: nothing, objectness and classes, these and the centres, or all.
        coarse_first: The coarsest level is the first output, as in darknet's YOLOv3.
        channels_last: The picture is (1, H, W, 3), as TensorFlow's.

    Raises:
        SettingsError: The batch or the size is dynamic, or a form without an axis of values is to be cut.
    """
    spec.refuse("raw_anchors", dynamic_batch=True)
    if done in {"scores", "centres"} and "v" not in form.split():
        raise SettingsError(f'raw_anchors: expected a form with an axis of values to cut, got "{form}"')
    b = GraphBuilder(spec)
    picture = _picture_last(b) if channels_last else b.picture()
    maps = head_maps(b, picture, generation)
    stem = spec.output_name.rstrip("0123456789") or "output"
    outputs = [
        Output(f"{stem}{i}", _through(b, _formed(b, m, form), form, done), _shape(spec, m, form))
        for i, m in enumerate(reversed(maps) if coarse_first else maps)
    ]
    return b.finish(outputs, yolov5_metadata(spec))


def head_maps(b: GraphBuilder, picture: Feature, generation: Generation) -> list[Feature]:
    """The last convolution of each level, the finest first: 3 x (5 + classes) channels of logits."""
    columns = 5 + b.spec.classes
    bias = np.tile([0.0, 0.0, 0.0, 0.0, -1.0, *[0.0] * b.spec.classes], _ANCHORS)
    net = _NETS[generation]
    levels = _neck(b, _backbone(b, picture, net), net)
    return [b.conv(level, _ANCHORS * columns, bias=bias, gain=1.2) for level in levels]


def _picture_last(b: GraphBuilder) -> Feature:
    shape = (1, *b.spec.size, 3)
    b.declare(b.spec.input_name, TensorProto.FLOAT, shape)
    return Feature(b.add("Transpose", b.spec.input_name, perm=[0, 3, 1, 2]), 3, 1)


def _backbone(b: GraphBuilder, x: Feature, net: _Net) -> list[Feature]:
    levels = []
    while x.stride < b.spec.strides[-1]:
        x = _smaller(b, x, _WIDTHS.get(x.stride * 2, 16), net)
        if x.stride in b.spec.strides:
            levels.append(x)
    return levels


def _smaller(b: GraphBuilder, x: Feature, width: int, net: _Net) -> Feature:
    """A map of half the size: by a convolution, or by half of one beside a pooling (YOLOv7's MP block)."""
    if not net.pools:
        return _activated(b, b.conv(x, width, 3, 2), net)
    pooled = x._replace(
        name=b.add("MaxPool", x.name, kernel_shape=[2, 2], strides=[2, 2]), stride=x.stride * 2
    )
    sides = [
        _activated(b, b.conv(pooled, width // 2), net),
        _activated(b, b.conv(x, width // 2, 3, 2), net),
    ]
    return Feature(b.add("Concat", *(s.name for s in sides), axis=1), width, x.stride * 2)


def _neck(b: GraphBuilder, levels: Sequence[Feature], net: _Net) -> list[Feature]:
    """Up from the coarsest level to the finest, and where the net does so down again."""
    found = [_activated(b, b.conv(levels[-1], _NECK), net)]
    for level in reversed(levels[:-1]):
        rows, columns = b.spec.size.height // level.stride, b.spec.size.width // level.stride
        larger = b.add(
            "Resize",
            found[0].name,
            "",
            "",
            b.ints(1, _NECK, rows, columns),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        found.insert(0, _joined(b, Feature(larger, _NECK, level.stride), level, net))
    if net.goes_down_again:
        for i in range(1, len(found)):
            smaller = _activated(b, b.conv(found[i - 1], _NECK, 3, 2), net)
            found[i] = _joined(b, smaller, found[i], net)
    return found


def _joined(b: GraphBuilder, one: Feature, other: Feature, net: _Net) -> Feature:
    both = Feature(b.add("Concat", one.name, other.name, axis=1), one.channels + other.channels, other.stride)
    return _activated(b, b.conv(both, _NECK, 3), net)


def _activated(b: GraphBuilder, x: Feature, net: _Net) -> Feature:
    if net.activation == "leaky":
        return x._replace(name=b.add("LeakyRelu", x.name, alpha=0.1))
    if net.activation == "relu":
        return x._replace(name=b.add("Relu", x.name))
    if net.activation == "mish":
        return x._replace(name=b.add("Mul", x.name, b.add("Tanh", b.add("Softplus", x.name))))
    return x._replace(name=b.add("Mul", x.name, b.add("Sigmoid", x.name)))


def _formed(b: GraphBuilder, m: Feature, form: Form) -> str:
    """A level's convolution with its axes in the order of the form."""
    rows, columns = b.spec.size.height // m.stride, b.spec.size.width // m.stride
    values = m.channels // _ANCHORS
    if form == "av h w":
        return m.name
    if form in {"h w av", "h w a v"}:
        last = b.add("Transpose", m.name, perm=[0, 2, 3, 1])
        return last if form == "h w av" else b.reshape(last, 1, rows, columns, _ANCHORS, values)
    apart = b.reshape(m.name, 1, _ANCHORS, values, rows, columns)
    return apart if form == "a v h w" else b.add("Transpose", apart, perm=[0, 1, 3, 4, 2])


def _through(b: GraphBuilder, name: str, form: Form, done: Done) -> str:
    """A level with some of its values through a sigmoid."""
    if done == "logits":
        return name
    if done == "all":
        return b.add("Sigmoid", name)
    axis = 1 + form.split().index("v")
    sizes = [2, 2, 1, b.spec.classes]
    parts = b.split(name, sizes, axis)
    for i in (0, 2, 3) if done == "centres" else (2, 3):
        parts[i] = b.add("Sigmoid", parts[i])
    return b.add("Concat", *parts, axis=axis)


def _shape(spec: GraphSpec, m: Feature, form: Form) -> tuple[int, ...]:
    lengths = {
        "a": _ANCHORS,
        "v": m.channels // _ANCHORS,
        "av": m.channels,
        "h": spec.size.height // m.stride,
        "w": spec.size.width // m.stride,
    }
    return (1, *(lengths[axis] for axis in form.split()))
