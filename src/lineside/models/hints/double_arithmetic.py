"""`double_arithmetic`: nodes that compute in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = (
    "float64 takes twice the memory of float32 and half the speed at best, on most GPUs a small share of it, and not every provider "
    "has kernels for it: such nodes then run on the CPU, with copies to and fro"
)
CURE = "export it in float32: find where the model makes a float64, often a constant of numpy"

_STORES = {"Cast", "Constant", "Identity", "Reshape", "Transpose"}


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the types are in the graph
    """The nodes that answer float64 and compute something."""
    nodes = [
        node
        for node in graph.model.graph.node
        if node.op_type not in _STORES and any(graph.dtypes.get(name) == "float64" for name in node.output)
    ]
    return f"{placed(nodes)} in float64" if nodes else None
