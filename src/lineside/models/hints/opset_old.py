"""`opset_old`: an operator set from before scales by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = (
    "QuantizeLinear and DequantizeLinear know one scale a channel since operator set 13, so a file below it can only be "
    "quantised with one scale a tensor; and newer runtimes read old forms of Resize and Upsample through fewer kernels"
)
CURE = "lineside convert MODEL OUT.onnx --opset 18"

_BY_CHANNEL_SINCE = 13


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the card knows the number
    """The version of a set below 13."""
    return f"operator set {card.opset}" if 0 < card.opset < _BY_CHANNEL_SINCE else None
