"""Which nodes of a graph turn the last layers' answers into boxes and scores: what a quantiser must leave alone.

Boxes of hundreds of pixels and scores between 0 and 1 must never share a quantiser, and sums over softmax bins need more
than 255 steps. So everything from the outputs backwards stays in float, up to the last layers of learnt weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.models.graph import CONVOLUTIONS, WEIGHTED

if TYPE_CHECKING:
    from onnx import NodeProto

    from lineside.models.graph import Graph

# Operators that hand values on, between a softmax over bins and the sum that reads it.
_MOVES = {"Cast", "Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
_ARITHMETIC_STEP = 0.5  # what the constants of a change of coordinates are multiples of
_MOST_ARITHMETIC = 64  # elements of such a constant


@dataclass(frozen=True, slots=True)
class DecodeTail:
    """The end of a graph, by the names of its nodes.

    Attributes:
        nodes: Every node behind the last layers.
        last: The last layer of each branch of the head, in the graph's order; not among `nodes`.
        layers: Every layer of learnt weights before the tail, `last` included, in the graph's order.
        before: Every other node before the tail, in the graph's order.
    """

    nodes: frozenset[str]
    last: tuple[str, ...]
    layers: tuple[str, ...]
    before: tuple[str, ...]

    @classmethod
    def of(cls, graph: Graph) -> DecodeTail:
        """The tail of a graph whose nodes all have names of their own."""
        tail: set[str] = set()
        last: set[str] = set()
        stack = [tensor.name for tensor in graph.outputs]
        while stack:
            node = graph.producers.get(stack.pop())
            if node is None or node.name in tail:
                continue
            if is_layer(graph, node):
                last.add(node.name)
                continue
            tail.add(node.name)
            if node.op_type not in {"Shape", "Size"}:  # of whose input only the shape is asked
                stack.extend(_read(graph, node))
        order = [node for node in graph.model.graph.node if node.name not in tail]
        layers = tuple(node.name for node in order if is_layer(graph, node))
        return cls(
            nodes=frozenset(tail),
            last=tuple(name for name in layers if name in last),
            layers=layers,
            before=tuple(node.name for node in order if node.name not in set(layers)),
        )


def is_layer(graph: Graph, node: NodeProto) -> bool:
    """Whether a node multiplies with learnt weights, in contrast to the arithmetic of a head.

    A convolution or product that sums the bins of a softmax is arithmetic, and so is a product of two computed tensors or
    with a matrix of a few plain numbers, by which corners are made of centres.
    """
    if node.op_type not in WEIGHTED or len(node.input) < 2:
        return False
    weights = graph.source(node.input[1])
    maker = graph.producers.get(weights)
    if maker is not None and maker.op_type != "Constant":
        return False
    if any(weights == tensor.name for tensor in graph.inputs):
        return False
    if _sums_bins(graph, node):
        return False
    values = graph.constants.get(weights)
    if node.op_type in CONVOLUTIONS or values is None or values.size > _MOST_ARITHMETIC:
        return True
    return bool((np.remainder(values.astype(np.float64), _ARITHMETIC_STEP) != 0).any())


def _sums_bins(graph: Graph, node: NodeProto) -> bool:
    """Whether the values that a node reads come straight from a softmax."""
    before = graph.producers.get(node.input[0])
    while before is not None and before.op_type in _MOVES and before.input:
        before = graph.producers.get(before.input[0])
    return before is not None and before.op_type == "Softmax"


def _read(graph: Graph, node: NodeProto) -> list[str]:
    """All that a node reads, the graphs inside it included."""
    names = list(node.input)
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        names += [name for name, readers in graph.consumers.items() if any(one is node for one in readers)]
    return names
