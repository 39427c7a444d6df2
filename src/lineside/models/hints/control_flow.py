"""`control_flow`: loops and branches in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = (
    "the host decides at each of them what runs next, so a GPU waits there; CUDA graphs refuse them, and the runtime joins no layers "
    "across them"
)
CURE = "export it by tracing with a fixed size and batch, so that the exporter unrolls loops and decides branches"


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the nodes say it
    """The nodes."""
    nodes = [node for node in graph.model.graph.node if node.op_type in {"If", "Loop", "Scan"}]
    return placed(nodes) if nodes else None
