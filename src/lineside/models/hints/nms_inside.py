"""`nms_inside`: the file carries its own NMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity, placed

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.WRONG
WHY = (
    "an answer that is NaN inside comes out empty, as if there were nothing on the picture, and the thresholds are fixed. "
    "CUDA runs it class by class and waits for the host after each, and CUDA graphs cannot hold it; TensorRT's own layers run in "
    "TensorRT alone"
)
CURE = "lineside convert MODEL OUT.onnx --remove-nms, or export it without NMS (nms=False)"

_LAYERS = {
    "NonMaxSuppression",
    "EfficientNMS_TRT",
    "EfficientNMS_ONNX_TRT",
    "BatchedNMS_TRT",
    "BatchedNMSDynamic_TRT",
    "YOLO_NMS_TRT",
}


def look(graph: Graph, card: ModelCard) -> str | None:  # noqa: ARG001 # the layer is in the graph
    """The NMS layers."""
    nodes = [node for node in graph.model.graph.node if node.op_type in _LAYERS]
    return placed(nodes) if nodes else None
