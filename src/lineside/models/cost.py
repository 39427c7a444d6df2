"""What a graph costs: weights and floating point operations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.models.graph import CONVOLUTIONS, WEIGHTED

if TYPE_CHECKING:
    from onnx import NodeProto

    from lineside.models.graph import Graph


def parameters(graph: Graph) -> int:
    """Number of weights and biases of the weighted and normalising layers, each counted once."""
    sizes = {t.name: math.prod(t.dims) for t in graph.model.graph.initializer}
    for node in graph.model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    sizes[node.output[0]] = math.prod(attribute.t.dims)
    read: set[str] = set()
    for node in graph.model.graph.node:
        if node.op_type in WEIGHTED or node.op_type == "BatchNormalization":
            read.update(graph.source(name) for name in node.input[1:])
    return sum(sizes.get(name, 0) for name in read)


def flops(graph: Graph) -> int | None:
    """Floating point operations of one run, two a multiply-add; `None` where shapes are unknown."""
    total = 0
    for node in graph.model.graph.node:
        if node.op_type in WEIGHTED:
            own = _flops(graph, node)
            if own is None:
                return None
            total += own
    return total


def _flops(graph: Graph, node: NodeProto) -> int | None:
    place = 3 if node.op_type in {"QLinearConv", "QLinearMatMul"} else 1
    if len(node.input) <= place:
        return None
    out, source, weight = (graph.shapes.get(n) for n in (node.output[0], node.input[0], node.input[place]))
    if out is None or source is None or weight is None:
        return None
    # A transposed convolution spreads each value of its input, the others gather for each of their output.
    ends, kernel = (source if node.op_type == "ConvTranspose" else out), weight[1:]
    if node.op_type not in CONVOLUTIONS:
        kernel = weight[-2:-1] if len(weight) > 1 else weight
    size = 1
    for dim in (*ends, *kernel):
        if dim is None:
            return None
        size *= dim
    return 2 * size
