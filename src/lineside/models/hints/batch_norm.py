"""`batch_norm`: normalisation that belongs into the convolution before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.conversion.folding import foldable_norms
from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = (
    "the runtime folds them into the convolutions anew at each start, and a quantiser that sees them apart quantises twice where "
    "once would do"
)
CURE = "lineside convert MODEL OUT.onnx --fold"


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the nodes say it
    """The nodes that stand behind a convolution of their own."""
    nodes = [norm for _, norm in foldable_norms(graph)]
    return placed(nodes) if nodes else None
