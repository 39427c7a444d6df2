"""`per_tensor_weights`: one scale for all channels of a convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.graph import CONVOLUTIONS
from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from onnx import NodeProto

    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = (
    "a channel whose weights are small beside the largest channel's keeps only a few steps of the one scale; with a scale a "
    "channel the same bits hold more"
)
CURE = "quantise it again by channel (per_channel=True), from the export in float32"


def look(graph: Graph, card: ModelCard) -> str | None:
    """The convolutions of a static int8 file whose weights have one scale for several channels."""
    if card.precision != "int8 (static)":
        return None
    layers = [
        node for node in graph.model.graph.node if node.op_type in CONVOLUTIONS and _one_scale(graph, node)
    ]
    return f"{placed(layers)} with one scale for all channels" if layers else None


def _one_scale(graph: Graph, layer: NodeProto) -> bool:
    """Whether the weights of a layer come of a DequantizeLinear with one scale, and have several channels."""
    if layer.op_type == "QLinearConv":
        weights, scale = layer.input[3], graph.constants.get(layer.input[4])
    else:
        maker = graph.producers.get(layer.input[1])
        if maker is None or maker.op_type != "DequantizeLinear":
            return False
        weights, scale = maker.input[0], graph.constants.get(maker.input[1])
    shape = graph.shapes.get(weights, ())
    channels = shape[0] if shape else None
    return scale is not None and scale.size == 1 and channels is not None and channels > 1
