"""`weights_as_inputs`: constants that a caller may replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.conversion.pruning import replaceable_constants
from lineside.models.lint import Severity, named

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = (
    "since format 4 a constant that is an input as well is a default that a caller may replace, so the runtime may neither fold "
    "it nor store it in the order that its kernels read"
)
CURE = "lineside convert MODEL OUT.onnx --prune, or export it with keep_initializers_as_inputs=False"


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the graph says it
    """The constants that are declared as inputs."""
    names = replaceable_constants(graph.model)
    return f"{len(names)} constants are inputs as well ({named(names)})" if names else None
