"""`dynamic_int8_signed`: convolutions on integers with signed weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.integer_layers import signed_layers
from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = (
    "onnxruntime's CPU provider has quick kernels for unsigned weights of a ConvInteger; signed ones run three to four times "
    "slower. lineside stores them unsigned when it loads the file, other programs do not"
)
CURE = "lineside convert MODEL OUT.onnx --unsigned, which sums up to the same; or quantize_dynamic(..., weight_type=QUInt8)"


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the weights are in the graph
    """The layers."""
    layers = signed_layers(graph.model)
    return f"{placed(layers)} with int8 weights" if layers else None
