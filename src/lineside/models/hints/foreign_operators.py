"""`foreign_operators`: operators that are not ONNX's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = "only the runtime that they were made for runs them: those of com.microsoft none but onnxruntime"
CURE = "export it with ONNX's own operators; a file that a runtime has optimised is for that runtime alone"


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the nodes say it
    """The nodes, and their domains."""
    inside = {function.domain for function in graph.model.functions}
    nodes = [node for node in graph.model.graph.node if node.domain not in {"", "ai.onnx", *inside}]
    domains = sorted({node.domain for node in nodes})
    return f"{placed(nodes)} of {', '.join(domains)}" if nodes else None
