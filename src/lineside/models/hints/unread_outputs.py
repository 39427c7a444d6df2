"""`unread_outputs`: answers that nobody decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, named

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = "each run computes them and brings them back from the device, and the head is decoded without them"
CURE = "lineside convert MODEL OUT.onnx --outputs, where the head is still known without them"


def look(graph: Graph, card: ModelCard) -> str | None:
    """The outputs that the head's family does not read."""
    read = {card.head.output, *card.head.others}
    names = [tensor.name for number, tensor in enumerate(graph.outputs) if number not in read]
    return (
        f"{len(names)} output{'s' * (len(names) > 1)} that the head does not need ({named(names)})"
        if names
        else None
    )
