"""Graph surgery at load time: the model takes the bytes of the picture, and converts them itself.

A quarter of the bytes travel to the device, and the host's work ends with one planar copy. Where it is
exact enough the scale disappears into the first layer; elsewhere the graph casts and truly divides. Every
changed graph is proven against the exported one on a test picture before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelError
from lineside.models.graph import Graph, inner_graphs
from lineside.models.integer_layers import store_weights_unsigned
from lineside.models.probe import as_exported
from lineside.models.rows import in_order_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, TensorProto

    from lineside.models.reading import Reading
    from lineside.models.spec import Conventions, InputSpec, Runner

_BOX_TOLERANCE_PX = 0.01
_SCORE_TOLERANCE = 2e-5
_PREFIX = "lineside_"


def prepare(reading: Reading, run: Runner) -> tuple[bytes, str]:
    """The model with a uint8 (batch, 3, H, W) input in its own channel order, proven on the test picture.

    Args:
        reading: The model as read, with its answer.
        run: How to run a graph once.

    Returns:
        The prepared model's bytes, and how its scale was built in, for the evidence.

    Raises:
        ModelError: Even the plain form answers differently from the model as exported.
    """
    subject = reading.subject
    spec, conventions = subject.picture, reading.conventions
    answer = reading.answer
    if answer is None:
        feeds = spec.feeds(as_exported(reading.planes, spec, conventions))
        answer = tuple(run(subject.model.SerializeToString(), feeds))
    differences = []
    for fold in (True, False):
        model, how = take_bytes(subject.model, spec, conventions, fold=fold)
        if layers := store_weights_unsigned(model):
            how += f"; the int8 weights of {layers} layers stored as uint8, which sums up to the same and runs faster"
        data = model.SerializeToString()
        other = difference(answer, tuple(run(data, spec.feeds(reading.planes))))
        if other is None:
            return data, how
        differences.append(f"{how}: {other}")
        if "folded" not in how:
            break
    raise ModelError(
        f"{subject.name}: with a byte input the model answers differently ({'; '.join(differences)}). "
        "It may be random inside; such a model cannot be judged by"
    )


def take_bytes(
    model: ModelProto, spec: InputSpec, conventions: Conventions, *, fold: bool
) -> tuple[ModelProto, str]:
    """A copy of a model whose input is planar bytes.

    Args:
        model: The model as exported.
        spec: Its picture input.
        conventions: How it is fed.
        fold: Whether the scale may go into the first layer's weights.

    Returns:
        The copy, and how the scale was built in.
    """
    import onnx
    from onnx import TensorProto, helper

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    value = next(v for v in graph.input if v.name == spec.name)
    dims = value.type.tensor_type.shape.dim
    batch = dims[0].dim_param or dims[0].dim_value or "batch"
    nodes: list[NodeProto] = []
    current = spec.name
    how = "as it is: it takes bytes"
    if spec.dtype != "uint8":
        scale = conventions.scale
        foldable = fold and scale != 1 and spec.dtype == "float32" and conventions.is_plain
        how = _fold(changed, spec, scale) if foldable else ""
        steps, constants, how = _conversion(spec, 1.0 if how else scale, how)
        if not conventions.is_plain:
            centring, more = _centring(spec, conventions, steps[-1].output[0])
            steps, constants, how = [*steps, *centring], [*constants, *more], f"{how}, centred"
        nodes += steps
        graph.initializer.extend(constants)
        current = steps[-1].output[0]
    if spec.layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [current], [_PREFIX + "nhwc"], perm=[0, 2, 3, 1]))
        current = _PREFIX + "nhwc"
    _rewire(changed, spec.name, current)
    for node in reversed(nodes):
        graph.node.insert(0, node)
    sides = ["height", "width"] if spec.dynamic_size else list(spec.size)
    value.CopyFrom(helper.make_tensor_value_info(spec.name, TensorProto.UINT8, [batch, 3, *sides]))
    return changed, how


def _conversion(spec: InputSpec, scale: float, how: str) -> tuple[list[NodeProto], list[TensorProto], str]:
    """The nodes that make scaled values of bytes, their constants, and how they do it."""
    from onnx import TensorProto, helper, numpy_helper

    values = _PREFIX + "values"
    half = spec.dtype == "float16"
    if scale == 1:
        kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        return [helper.make_node("Cast", [spec.name], [values], to=kind)], [], how or "cast only"
    cast, constant = _PREFIX + "cast", _PREFIX + "scale"
    if half:
        # Where there is no arithmetic for halves a quotient is not rounded to one; a table of quotients is.
        table = np.arange(256, dtype=np.float16) / np.float16(scale)
        nodes = [
            helper.make_node("Cast", [spec.name], [cast], to=TensorProto.INT32),
            helper.make_node("Gather", [constant, cast], [values]),
        ]
        return nodes, [numpy_helper.from_array(table, constant)], f"table of the quotients by {scale:g}"
    nodes = [
        helper.make_node("Cast", [spec.name], [cast], to=TensorProto.FLOAT),
        helper.make_node("Div", [cast, constant], [values]),
    ]
    return (
        nodes,
        [numpy_helper.from_array(np.array(scale, np.float32), constant)],
        f"cast and division by {scale:g}",
    )


def _centring(
    spec: InputSpec, conventions: Conventions, values: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    """The nodes that subtract the mean and divide by the deviation, and their constants."""
    from onnx import helper, numpy_helper

    mean, deviation = _PREFIX + "mean", _PREFIX + "deviation"
    constants = [
        numpy_helper.from_array(np.array(value, spec.dtype).reshape(1, 3, 1, 1), name)
        for name, value in ((mean, conventions.mean), (deviation, conventions.deviation))
    ]
    nodes = [
        helper.make_node("Sub", [values, mean], [_PREFIX + "about_zero"]),
        helper.make_node("Div", [_PREFIX + "about_zero", deviation], [_PREFIX + "centred"]),
    ]
    return nodes, constants


def _rewire(model: ModelProto, old: str, new: str) -> None:
    """Let every reader of `old` read `new`, in graphs inside the graph too."""
    if old == new:
        return
    stack = [model.graph]
    while stack:
        graph = stack.pop()
        for node in graph.node:
            for i, name in enumerate(node.input):
                if name == old:
                    node.input[i] = new
            stack.extend(inner_graphs(node))


def _fold(model: ModelProto, spec: InputSpec, scale: float) -> str:
    """Divide by `scale` inside the first layer; an empty string where that is not exact enough."""
    graph = Graph(model)
    readers = graph.consumers.get(spec.name, [])
    if len(readers) != 1 or spec.layout != "nchw":
        return ""
    node = readers[0]
    if node.op_type == "Conv":
        return _fold_convolution(model, node, scale)
    if node.op_type == "QuantizeLinear":
        return _fold_quantiser(model, node, scale)
    return ""


def _replace_constant(model: ModelProto, node: NodeProto, value: NDArray[Any], name: str) -> None:
    """Let a node read another constant as its second input; the old one goes where nobody else reads it."""
    from onnx import numpy_helper

    old = node.input[1]
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    node.input[1] = name
    if old not in Graph(model).consumers:
        for tensor in [t for t in model.graph.initializer if t.name == old]:
            model.graph.initializer.remove(tensor)
        for entry in [v for v in model.graph.input if v.name == old]:  # where files before IR 4 declare it
            model.graph.input.remove(entry)


def _fold_convolution(model: ModelProto, node: NodeProto, scale: float) -> str:
    """Into float32 weights of a convolution. Zero padding stays zero, so borders agree as well."""
    weights = _constant(model, node.input[1])
    if weights is None or weights.dtype != np.float32:
        return ""
    _replace_constant(model, node, weights / np.float32(scale), _PREFIX + "weights")
    return "scale folded into the first convolution"


def _fold_quantiser(model: ModelProto, node: NodeProto, scale: float) -> str:
    """Into the scale of a static quantiser, if all 256 byte values come out the same."""
    old = _constant(model, node.input[1])
    if old is None or old.size != 1 or old.dtype != np.float32:
        return ""
    new = old * np.float32(scale)
    pixels = np.arange(256, dtype=np.float32)
    if (np.rint(pixels / np.float32(scale) / old) != np.rint(pixels / new)).any():
        return ""
    _replace_constant(model, node, new, _PREFIX + "step")
    return "scale folded into the first quantiser"


def _constant(model: ModelProto, name: str) -> NDArray[Any] | None:
    """The value of a tensor that never changes, however it is written down."""
    from onnx import numpy_helper

    if any(v.name == name for v in model.graph.input) and model.ir_version >= 4:
        return None  # a default that the caller may replace
    tensors = [t for t in model.graph.initializer if t.name == name]
    for node in model.graph.node:
        if node.op_type == "Constant" and name in node.output:
            tensors += [a.t for a in node.attribute if a.name == "value"]
    return numpy_helper.to_array(tensors[0]) if tensors else None


def difference(expected: Sequence[NDArray[Any]], got: Sequence[NDArray[Any]]) -> str | None:
    """How two answers differ, or `None` where they agree to a hundredth of a pixel and 2e-5 in score.

    Of rows that are sorted by score those of the same score, to that accuracy, may stand in any order.
    """
    other = _difference(expected, got)
    if other is None:
        return None
    moved = in_order_of(expected, got, _SCORE_TOLERANCE)
    return None if _difference(expected, moved) is None else other


def _difference(expected: Sequence[NDArray[Any]], got: Sequence[NDArray[Any]]) -> str | None:
    for number, (a, b) in enumerate(zip(expected, got, strict=True)):
        if a.shape != b.shape:
            return f"output {number} has shape {b.shape}, expected {a.shape}"
        if a.size == 0:
            continue
        x, y = a.astype(np.float64), b.astype(np.float64)
        allowed = np.where(
            np.abs(x) <= 1, _SCORE_TOLERANCE, _BOX_TOLERANCE_PX * np.maximum(1, np.abs(x) / 640)
        )
        if a.dtype == np.float16:
            allowed = allowed + np.abs(x) * 2e-3 + 1e-3
        off = np.abs(x - y) - allowed
        if not (off <= 0).all():
            return f"output {number} differs by up to {np.nanmax(np.abs(x - y)):.3g}"
    return None
