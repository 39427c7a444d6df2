"""What a graph multiplies its boxes with, where that is computed from small inputs alone: the picture's size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    from lineside.models.graph import Graph


def multipliers(graph: Graph, feeds: Mapping[str, Sequence[float]]) -> list[tuple[float, ...]] | None:
    """The values, computed from some inputs alone, that other tensors are multiplied with.

    Args:
        graph: The graph.
        feeds: Values of these inputs, each of shape (1, n).

    Returns:
        The elements of each multiplier in order, or `None` where something else than a product is made of them,
        or they cannot be computed.
    """
    nodes, ends = _closed(graph, set(feeds))
    if ends is None:
        return None
    kinds = {tensor.name: tensor.dtype for tensor in graph.inputs}
    arrays = {name: np.array([values], kinds[name]) for name, values in feeds.items()}
    given = [arrays[name] for name in ends if name in arrays]
    found = [*given, *_run(_cut_out(graph, nodes, [name for name in ends if name not in arrays]), arrays)]
    return (
        [tuple(float(v) for v in np.ravel(values)) for values in found] if len(found) == len(ends) else None
    )


def _closed(graph: Graph, known: set[str]) -> tuple[list[NodeProto], list[str] | None]:
    """The nodes that need nothing but `known` and constants, and what of theirs others multiply with."""
    fixed = {tensor.name for tensor in graph.model.graph.initializer}
    known, nodes = set(known), []
    for node in graph.model.graph.node:  # sorted, as ONNX wants them
        inputs = [name for name in node.input if name]
        if not all(name in known or name in fixed for name in inputs):
            continue
        nodes.append(node)
        (known if any(name in known for name in inputs) else fixed).update(node.output)
    inside = {id(node) for node in nodes}
    ends = []
    for name in sorted(known):
        outside = [node for node in graph.consumers.get(name, []) if id(node) not in inside]
        if any(node.op_type != "Mul" for node in outside):
            return nodes, None
        ends += [name] * bool(outside)
    return nodes, ends


def _cut_out(graph: Graph, nodes: Sequence[NodeProto], outputs: Sequence[str]) -> ModelProto:
    """A model of some nodes alone."""
    import onnx

    read = {name for node in nodes for name in node.input}
    part = onnx.ModelProto(ir_version=graph.model.ir_version, opset_import=graph.model.opset_import)
    part.graph.name = "part"
    part.graph.node.extend(nodes)
    part.graph.initializer.extend(t for t in graph.model.graph.initializer if t.name in read)
    part.graph.input.extend(value for value in graph.model.graph.input if value.name in read)
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return part


def _run(part: ModelProto, arrays: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The outputs of a few nodes by onnx's own evaluator; none where it cannot run them."""
    if not part.graph.output:
        return []
    from onnx.reference import ReferenceEvaluator

    names = {value.name for value in part.graph.input}
    try:
        outputs = ReferenceEvaluator(part).run(None, {k: v for k, v in arrays.items() if k in names})
    except Exception:  # noqa: BLE001 # the evaluator's faults have no common base; what it cannot run is not known
        return []
    return [np.asarray(output) for output in outputs]
