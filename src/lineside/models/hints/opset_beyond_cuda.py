"""`opset_beyond_cuda`: nodes of versions that ONNX Runtime's CUDA provider has no kernels for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.SLOW
WHY = (
    "the CUDA provider of onnxruntime 1.24 has no Resize of operator set 19 and no ReduceMax or GridSample of 20: they run on the "
    "CPU, with copies to and fro (an RT-DETR-L had 64, and took 18.6 ms in place of 6.4 on the reporter's card: "
    "ultralytics pull request 25915). On the CPU it makes no difference"
)
CURE = "lineside convert MODEL OUT.onnx --opset 18, or export it with opset=18"

_LACKING_SINCE = {"Resize": 19, "ReduceMax": 20, "GridSample": 20}


def look(graph: Graph, card: ModelCard) -> str | None:
    """The nodes, and the operator set."""
    nodes = [
        node
        for node in graph.model.graph.node
        if node.domain in {"", "ai.onnx"} and card.opset >= _LACKING_SINCE.get(node.op_type, card.opset + 1)
    ]
    return f"{placed(nodes)} of operator set {card.opset}" if nodes else None
