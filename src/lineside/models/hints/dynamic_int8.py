"""`dynamic_int8`: activations are measured anew by every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = (
    "dynamic int8 gains no speed on a CPU, as every layer measures its activations anew: 1.0 to 1.1 times the time of the same "
    "network in float32 (onnxruntime 1.32, AVX-512 VNNI, one thread)"
)
CURE = (
    "an export in float32, or static int8 (QDQ) with uint8 activations and int8 weights by channel. Measure it with "
    "lineside inspect --measure"
)


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the nodes say it
    """The nodes that measure, or the layers on integers where there are none."""
    nodes = graph.model.graph.node
    found = [node for node in nodes if node.op_type == "DynamicQuantizeLinear"]
    found = found or [node for node in nodes if node.op_type in {"ConvInteger", "MatMulInteger"}]
    return placed(found) if found else None
