"""`int64_arithmetic`: the head computes with whole numbers of 64 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.graph import WEIGHTED
from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from onnx import NodeProto

    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = (
    "WebGPU computes no int64 unless its option enableInt64 is on: such nodes run on the CPU in the middle of the graph, with "
    "copies to and fro. On a CPU it costs nothing"
)
CURE = "nothing on a CPU. For WebGPU set enableInt64, or export the head without its top-k"

_ARITHMETIC = {"Add", "Div", "Mod", "Mul", "Sub"}
_INDICES = {"ArgMax", "NonMaxSuppression", "TopK"}


def look(graph: Graph, card: ModelCard) -> str | None:
    """Arithmetic on indices between the last layers and the answer; that on shapes is folded at load."""
    found: dict[int, NodeProto] = {}
    for place in (card.head.output, *card.head.others):
        for node in graph.upstream(graph.outputs[place].name, stop=WEIGHTED):
            if node.op_type in _ARITHMETIC and _is_of_indices(graph, node):
                found[id(node)] = node
    return f"{placed(list(found.values())[::-1])} on int64" if found else None


def _is_of_indices(graph: Graph, node: NodeProto) -> bool:
    """Whether a node computes with the places of the best, which are whole numbers of 64 bits."""
    before = graph.upstream(node.output[0], stop=WEIGHTED)
    return graph.dtypes.get(node.output[0]) == "int64" and any(n.op_type in _INDICES for n in before)
