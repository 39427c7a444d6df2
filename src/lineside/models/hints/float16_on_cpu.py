"""`float16_on_cpu`: a file in half precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = (
    "half precision gains no speed on a CPU that computes it in float32, as x86 does: 0.76 to 1.0 of float32's speed on onnxruntime's CPU "
    "provider. On a GPU it is of use"
)
CURE = "an export in float32 for CPUs. Measure it with lineside inspect --measure"


def look(graph: Graph, card: ModelCard) -> str | None:
    """How many weights are halves."""
    if card.precision != "fp16":
        return None
    halves = [t for t in graph.model.graph.initializer if t.data_type == t.FLOAT16]
    return f"{len(halves)} constants in float16"
