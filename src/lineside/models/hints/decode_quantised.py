"""`decode_quantised`: quantisers among the arithmetic behind the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.graph import WEIGHTED
from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from onnx import NodeProto

    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.WRONG
WHY = (
    "one scale of 255 steps holds boxes of hundreds of pixels, or every score, so boxes jump by pixels and small scores become zero: "
    "six of ten static int8 files of YOLOs found in public detect nothing for that reason"
)
CURE = (
    "quantise it again with the decode tail left in float: box arithmetic, softmax, sigmoid and concatenation behind the last "
    "convolutions (nodes_to_exclude)"
)

_ARITHMETIC = {"Add", "Concat", "Div", "Exp", "Mul", "Pow", "Sigmoid", "Softmax", "Sub"}
_MOVES = {"Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}


def look(graph: Graph, card: ModelCard) -> str | None:
    """The quantisers between the last layers and the answer whose values were computed there."""
    found: dict[int, NodeProto] = {}
    for place in (card.head.output, *card.head.others):
        for node in graph.upstream(graph.outputs[place].name, stop=WEIGHTED):
            if node.op_type == "QuantizeLinear" and _of_arithmetic(graph, node):
                found[id(node)] = node
    nodes = list(found.values())[::-1]
    return f"{placed(nodes)} behind the last layers" if nodes else None


def _of_arithmetic(graph: Graph, quantiser: NodeProto) -> bool:
    """Whether what is quantised was computed from the last layers, and is not their answer moved about."""
    made = graph.maker(quantiser.input[0])
    while made is not None and made.op_type in _MOVES:
        made = graph.maker(made.input[0])
    return made is not None and made.op_type in _ARITHMETIC
