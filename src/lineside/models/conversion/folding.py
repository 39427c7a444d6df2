"""Arithmetic that is the same for every picture, done once: normalisation into convolutions, and constants.

Only what ONNX itself knows comes out, so that the file serves every runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.conversion.pruning import drop_dead, replace_nodes, replaceable_constants
from lineside.models.graph import Graph, inner_graphs
from lineside.models.tracing import integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, TensorProto

    from lineside.models.spec import Runner

_MOST_ELEMENTS = 1 << 18
"""Larger results stay computed: a table of a million numbers costs more to load than to make."""

# What belongs to quantised layers, is another number each time, or is folded already.
_NEVER = {
    "Bernoulli",
    "Constant",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "Multinomial",
    "QuantizeLinear",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
}


def foldable_norms(graph: Graph) -> list[tuple[NodeProto, NodeProto]]:
    """Each convolution, and the BatchNormalization that alone reads it; all their weights are constants."""
    outputs = {tensor.name for tensor in graph.outputs}
    known = _constant_names(graph)
    found = []
    for norm in graph.model.graph.node:
        if norm.op_type != "BatchNormalization" or len([o for o in norm.output if o]) != 1:
            continue
        before = graph.producers.get(norm.input[0])
        if before is None or before.op_type != "Conv" or integer(norm, "training_mode", 0):
            continue
        alone = len(graph.consumers[norm.input[0]]) == 1 and norm.input[0] not in outputs
        if alone and known.issuperset([*before.input[1:], *norm.input[1:]]):
            found.append((before, norm))
    return found


def fold_norms(model: ModelProto) -> int:
    """Put the factors of each `foldable_norms` into its convolution, in place.

    Returns:
        How many went.
    """
    graph = Graph(model)
    pairs = foldable_norms(graph)
    read = {name for conv, norm in pairs for name in (*conv.input[1:], *norm.input[1:])}
    values = _values(model, read)
    for conv, norm in pairs:
        weights, shift = _joined(conv, norm, values)
        name = norm.output[0]
        names = [f"{name}_lineside_weights", f"{name}_lineside_bias"]
        _store(model, names[0], weights)
        _store(model, names[1], shift)
        conv.input[:] = [conv.input[0], *names]
        conv.output[0] = name
    gone = {id(norm) for _, norm in pairs}
    replace_nodes(model.graph, [node for node in model.graph.node if id(node) not in gone])
    drop_dead(model)
    return len(pairs)


def _joined(
    conv: NodeProto, norm: NodeProto, values: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights and bias of the convolution with the normalisation inside, computed in float64."""
    weights = values[conv.input[1]]
    gain, offset, mean, variance = (values[name].astype(np.float64) for name in norm.input[1:5])
    epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
    factor = gain / np.sqrt(variance + epsilon)
    bias = values[conv.input[2]].astype(np.float64) if len(conv.input) > 2 and conv.input[2] else 0.0
    kernel = weights.astype(np.float64) * factor.reshape(-1, *[1] * (weights.ndim - 1))
    return kernel.astype(weights.dtype), ((bias - mean) * factor + offset).astype(weights.dtype)


def lift_constants(model: ModelProto) -> int:
    """Let the graph hold what Constant nodes hold, in place, so that tools find weights where they look for them.

    Returns:
        How many nodes went.
    """
    kept, lifted = [], 0
    for node in model.graph.node:
        tensor = _held(node)
        if tensor is None:
            kept.append(node)
            continue
        new = model.graph.initializer.add()
        new.CopyFrom(tensor)
        new.name = node.output[0]
        lifted += 1
    replace_nodes(model.graph, kept)
    return lifted


def fold_constants(model: ModelProto, run: Runner) -> int:
    """Replace what comes out the same for every picture by its values, in place.

    The values are computed by the runtime itself. Shapes that inference knows are constants, too.

    Args:
        model: The model.
        run: How to run a graph once.

    Returns:
        How many nodes went.
    """
    before = len(model.graph.node)
    _store_shapes(model)
    graph = Graph(model)
    known = _constant_names(graph)
    steady: list[NodeProto] = []
    for node in model.graph.node:
        if _is_steady(node, known):
            known.update(node.output)
            steady.append(node)
    chosen = {id(node) for node in steady}
    outputs = {tensor.name for tensor in graph.outputs}
    wanted = [
        name
        for node in steady
        for name in node.output
        if name in outputs or any(id(reader) not in chosen for reader in graph.consumers.get(name, []))
    ]
    wanted = [name for name in wanted if name and name not in outputs]
    if wanted:
        _replace(model, steady, wanted, run)
    drop_dead(model)
    return before - len(model.graph.node)


def _replace(model: ModelProto, steady: list[NodeProto], wanted: list[str], run: Runner) -> None:
    """Compute the wanted tensors, and let the graph hold those that are not too large."""
    import onnx

    part = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    part.graph.name = "constants"
    part.graph.node.extend(steady)
    part.graph.initializer.extend(model.graph.initializer)
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    drop_dead(part)
    values = dict(zip(wanted, run(part.SerializeToString(), {}), strict=True))
    small = {name: value for name, value in values.items() if value.size <= _MOST_ELEMENTS}
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name in small:
                node.output[place] = f"{name}_lineside_unread"
    for name, value in small.items():
        _store(model, name, value)


def _store_shapes(model: ModelProto) -> None:
    """Let the graph hold the answers of Shape nodes whose input has a fixed shape."""
    graph = Graph(model)
    kept = []
    for node in model.graph.node:
        shape = graph.shapes.get(node.input[0]) if node.op_type == "Shape" and node.input else None
        if shape is None or None in shape or node.output[0] in {t.name for t in graph.outputs}:
            kept.append(node)
            continue
        end = integer(node, "end", len(shape))
        part = shape[integer(node, "start", 0) : end]
        _store(model, node.output[0], np.array(part, np.int64))
    replace_nodes(model.graph, kept)


def _is_steady(node: NodeProto, known: set[str]) -> bool:
    """Whether a node of ONNX's own computes the same each time, from constants."""
    if node.domain not in {"", "ai.onnx"} or node.op_type in _NEVER or any(inner_graphs(node)):
        return False
    return bool(node.input) and all(not name or name in known for name in node.input)


def _constant_names(graph: Graph) -> set[str]:
    """The tensors that hold constants which no caller may replace."""
    names = {tensor.name for tensor in graph.model.graph.initializer}
    names.update(node.output[0] for node in graph.model.graph.node if _held(node) is not None)
    return names - set(replaceable_constants(graph.model))


def _values(model: ModelProto, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    from onnx import numpy_helper

    wanted = set(names)
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.name in wanted}
    for node in model.graph.node:
        if node.output and node.output[0] in wanted and (tensor := _held(node)) is not None:
            found[node.output[0]] = numpy_helper.to_array(tensor)
    return found


def _held(node: NodeProto) -> TensorProto | None:
    """The tensor that a Constant node holds; `None` for other nodes and other ways to write one."""
    if node.op_type != "Constant":
        return None
    return next((a.t for a in node.attribute if a.name == "value" and a.HasField("t")), None)


def _store(model: ModelProto, name: str, values: NDArray[Any]) -> None:
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
