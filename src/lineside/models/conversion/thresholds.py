"""The thresholds that a file with NMS inside holds, read from its graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.graph import WEIGHTED

if TYPE_CHECKING:
    from onnx import NodeProto

    from lineside.models.graph import Graph

_NAMES = {
    "confidence": ("score_threshold", "scoreThreshold"),
    "iou": ("iou_threshold", "iouThreshold"),
    "most": ("max_output_boxes", "keepTopK"),
}
"""What TensorRT's layers call their settings."""

_ALL = 30_000
_COMPARED = {"Greater", "GreaterOrEqual"}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What an NMS in a graph is set to.

    Attributes:
        confidence: Scores above it count.
        iou: Boxes that overlap by more are one object's.
        most: How many detections are left at the most.
        class_aware: Whether only boxes of one class are compared.
        multi_label: Whether a box may have several classes.
    """

    confidence: float
    iou: float
    most: int = _ALL
    class_aware: bool = True
    multi_label: bool = False

    def entries(self) -> dict[str, str]:
        """The same as entries of a file's metadata."""
        return {
            "lineside_nms_confidence": f"{self.confidence:g}",
            "lineside_nms_iou": f"{self.iou:g}",
            "lineside_nms_class_aware": str(self.class_aware).lower(),
            "lineside_nms_max_detections": str(self.most),
        }

    def options(self) -> str:
        """The same as options of `lineside detect`."""
        kind = "--class-aware" if self.class_aware else "--agnostic"
        kind += " (and multi_label=True in Python)" if self.multi_label else ""
        return f"--confidence {self.confidence:.6g} --iou {self.iou:.6g} --max-detections {self.most} {kind}"


def of_operator(graph: Graph, node: NodeProto, rows: int) -> Thresholds | None:
    """What a NonMaxSuppression and the comparisons before it are set to; `None` where one is computed.

    Args:
        graph: The graph.
        node: The node.
        rows: How many rows the head answers at the most, or 0.
    """
    given = [_number(graph, node, place) for place in (2, 3, 4)]
    if None in given:
        return None
    most, iou, confidence = (float(value or 0) for value in given)
    compared = [confidence]
    for before in graph.upstream(node.output[0], stop=WEIGHTED):
        if before.op_type in _COMPARED:
            limit = graph.constants.get(graph.source(before.input[1]))
            if limit is not None and limit.size == 1 and 0 <= float(limit.reshape(-1)[0]) < 1:
                compared.append(float(limit.reshape(-1)[0]))
    return Thresholds(_rounded(max(compared)), _rounded(iou), _least(int(min(most, _ALL)), rows))


def of_layer(node: NodeProto, most: int) -> Thresholds | None:
    """What one of TensorRT's layers is set to; `None` where it leaves out a threshold.

    Args:
        node: The layer.
        most: How many detections its outputs hold, where it does not say.
    """
    values: dict[str, Any] = {}
    for attribute in node.attribute:
        for name, spellings in _NAMES.items():
            if attribute.name in spellings:
                values[name] = attribute.i if name == "most" else _rounded(attribute.f)
    if not {"confidence", "iou"} <= set(values):
        return None
    return Thresholds(
        values["confidence"], values["iou"], values.get("most") or most, class_aware=True, multi_label=True
    )


def _number(graph: Graph, node: NodeProto, place: int) -> float | None:
    """A setting of a NonMaxSuppression: 0 where it is left out, `None` where it is computed."""
    if len(node.input) <= place or not node.input[place]:
        return 0.0
    value = graph.constants.get(graph.source(node.input[place]))
    return None if value is None or value.size != 1 else float(value.reshape(-1)[0])


def _rounded(value: float) -> float:
    """A float32 as the number that a person wrote: 0.45, not 0.44999998807907104."""
    return float(str(np.float32(value)))


def _least(*limits: int) -> int:
    """The smallest limit that is one."""
    return min((limit for limit in limits if limit > 0), default=_ALL)
