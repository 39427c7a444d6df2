"""`dead_ends`: nodes and constants that no output depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.conversion.pruning import dead_constants, dead_nodes
from lineside.models.lint import Severity, named, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = "they make the file larger and every start slower, and tools that count or quantise nodes see them"
CURE = "lineside convert MODEL OUT.onnx --prune"


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the graph says it
    """The nodes and the constants."""
    nodes, constants = dead_nodes(graph.model), dead_constants(graph.model)
    parts = [placed(nodes)] if nodes else []
    if constants:
        parts.append(f"{len(constants)} constant{'s' * (len(constants) > 1)} ({named(constants)})")
    return " and ".join(parts) or None
