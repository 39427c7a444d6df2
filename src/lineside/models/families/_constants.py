"""Channels that never change, however an exporter wrote them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnx import NodeProto

    from lineside.models.graph import Graph
    from lineside.models.tracing import Segment

_SPREADS = {
    "Cast",
    "Expand",
    "Flatten",
    "Identity",
    "Reshape",
    "Slice",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
}


def is_one(graph: Graph, segment: Segment) -> bool:
    """Whether all values of a segment are written into the graph as 1."""
    name = graph.source(segment.tensor)
    while (node := graph.producers.get(name)) is not None and node.op_type in _SPREADS and node.input:
        name = graph.source(node.input[0])
    value = _stored(graph, name) if node is None else _written(node)
    return value is not None and bool(value.size) and bool((value == 1).all())


def _stored(graph: Graph, name: str) -> NDArray[np.generic] | None:
    """An initializer, of any size: there is one value a row."""
    from onnx import numpy_helper

    tensors = (t for t in graph.model.graph.initializer if t.name == name)
    return next((numpy_helper.to_array(t) for t in tensors), None)


def _written(node: NodeProto) -> NDArray[np.generic] | None:
    """What a Constant or a ConstantOfShape holds."""
    from onnx import numpy_helper

    if node.op_type not in {"Constant", "ConstantOfShape"}:
        return None
    values = (a.t for a in node.attribute if a.name == "value")
    return next((numpy_helper.to_array(t) for t in values), None)
