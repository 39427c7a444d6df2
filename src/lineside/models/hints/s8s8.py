"""`s8s8`: static int8 with signed activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.WRONG
WHY = (
    "static int8 with int8 activations answers other scores in OpenVINO (cosine 0.38 to 0.45 with those of float32), and takes 1.5 to "
    "2.3 times float32's time on onnxruntime's CPU provider on x86, which joins only uint8 ones into layers of integers"
)
CURE = (
    "static int8 (QDQ) with uint8 activations and int8 weights by channel (QuantType.QUInt8), or an export in float32. Measure it "
    "with lineside inspect --measure"
)


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the quantisers say it
    """The quantisers of something computed that make int8 of it."""
    nodes = []
    for node in graph.model.graph.node:
        zero = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
        is_signed = zero is not None and zero.dtype.name == "int8"
        if node.op_type == "QuantizeLinear" and is_signed and node.input[0] not in graph.constants:
            nodes.append(node)
    return f"{placed(nodes)} to int8" if nodes else None
