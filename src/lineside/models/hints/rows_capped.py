"""`rows_capped`: the graph itself keeps a fixed number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.graph import WEIGHTED
from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = (
    "what stands behind the cap was never answered; a result says truncated where every row is above the confidence. The "
    "choice costs nothing on a CPU (0.97 to 0.98 of the speed without it)"
)
CURE = "nothing, unless a picture may show that many objects: then export it with a higher cap (max_det), or train a DETR with more queries"


def look(graph: Graph, card: ModelCard) -> str | None:
    """The top-k nodes between the last weights and the answer, and the cap."""
    if not card.head.rows or card.head.strides or card.task == "classify":
        return None
    name = graph.outputs[card.head.output].name
    nodes = [node for node in graph.upstream(name, stop=WEIGHTED) if node.op_type == "TopK"]
    return f"{placed(nodes[::-1])} keep {card.head.rows} rows" if nodes else None
