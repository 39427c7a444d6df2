"""Convolutions on integers, with their weights in the type that CPUs multiply fast.

onnxruntime's CPU provider multiplies the weights of a ConvInteger as the left matrix. It has quick kernels for
unsigned left matrices; signed ones, which its own quantiser writes unless told otherwise, run three to four times slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_SUFFIX = "_lineside_unsigned"


def store_weights_unsigned(model: ModelProto) -> int:
    """Store the int8 weights of convolutions on integers as uint8, in place; the sums stay the same to the last bit.

    A weight and its zero point both grow by 128, and only their difference is ever used.

    Args:
        model: The model; changed.

    Returns:
        How many layers were changed.
    """
    from onnx import numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    added: set[str] = set()

    def raised(name: str) -> str:
        new = name + _SUFFIX
        if new not in added:
            values = numpy_helper.to_array(constants[name]).astype(np.int16) + 128
            graph.initializer.append(numpy_helper.from_array(values.astype(np.uint8), new))
            added.add(new)
        return new

    changed = 0
    for node in signed_layers(model):
        weights, zero = _weights(node)
        if not zero:
            zero = weights + "_zero_point"
            constants[zero] = numpy_helper.from_array(np.array(0, np.int8), zero)
        node.input.extend([""] * (4 - len(node.input)))
        node.input[1], node.input[3] = raised(weights), raised(zero)
        changed += 1
    if changed:
        _drop_unread(model)
    return changed


def signed_layers(model: ModelProto) -> list[NodeProto]:
    """The convolutions on integers whose weights are int8, and constants that no caller may replace."""
    from onnx import TensorProto

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    fixed = set(constants) - {value.name for value in model.graph.input}
    found = []
    for node in model.graph.node:
        weights, zero = _weights(node)
        if (
            weights in fixed
            and constants[weights].data_type == TensorProto.INT8
            and (not zero or zero in fixed)
        ):
            found.append(node)
    return found


def _weights(node: NodeProto) -> tuple[str, str]:
    """Names of a layer's weights and of their zero point; empty where it has none."""
    if node.op_type != "ConvInteger":
        return "", ""
    return node.input[1], node.input[3] if len(node.input) > 3 else ""


def _drop_unread(model: ModelProto) -> None:
    """Remove constants that nobody reads any more."""
    from lineside.models.graph import Graph

    graph = Graph(model)
    wanted = set(graph.consumers) | {value.name for value in model.graph.output}
    for tensor in [t for t in model.graph.initializer if t.name not in wanted]:
        model.graph.initializer.remove(tensor)
