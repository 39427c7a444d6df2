"""What a graph itself does with the picture before its first layer: scaling, and swapping colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.models.tracing import ints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from onnx import NodeProto

    from lineside.models.graph import Graph
    from lineside.models.spec import Colour, Conventions, InputSpec

# Operators that hand the pixel values on.
_MOVES = {
    "Cast",
    "Concat",
    "DequantizeLinear",
    "Flatten",
    "Gather",
    "Identity",
    "Pad",
    "QuantizeLinear",
    "Reshape",
    "Resize",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
_BYTES_FACTOR = 1 / 50  # the least common normalisation of bytes multiplies by 1/57, the standard deviation


@dataclass(frozen=True, slots=True)
class Intake:
    """What a graph does with the picture.

    Attributes:
        factor: What it multiplies the pixel values with; 1 where it takes them as they come.
        centres: Whether it subtracts something, as it does to centre values of 0 to 1 as well as bytes.
        swaps: Whether it reverses the order of the colours.
    """

    factor: float = 1.0
    centres: bool = False
    swaps: bool = False

    @classmethod
    def of(cls, graph: Graph, name: str) -> Intake:
        """What the graph does with its input `name`, up to the first layer with weights."""
        factor, centres, swaps = 1.0, False, False
        for node in _first_nodes(graph, name):
            value = _constant(graph, node)
            if node.op_type in {"Div", "Mul"} and value is not None:
                size = float(np.median(np.abs(value)))
                factor *= (1 / size if size else 1.0) if node.op_type == "Div" else size
            elif node.op_type in {"Sub", "Add"}:
                centres = True
            elif _reverses(graph, node):
                swaps = not swaps
        return cls(factor, centres, swaps)

    def scale(self, habit: float) -> float:
        """What the pixel values are divided by before the graph sees them; `habit` where it does nothing."""
        if self.factor <= _BYTES_FACTOR:
            return 1.0
        # Values are multiplied up, or centred and divided by a deviation below 1: those of 0 to 1 were meant.
        if self.factor >= 1 / _BYTES_FACTOR or (self.centres and self.factor > 1):
            return 255.0
        return habit

    def colour(self, habit: Colour) -> Colour:
        """The order that the graph takes, of a family whose layers want `habit`."""
        return habit if not self.swaps else "bgr" if habit == "rgb" else "rgb"


def with_intake(habit: Conventions, graph: Graph, picture: InputSpec) -> tuple[Conventions, tuple[str, ...]]:
    """A family's habit with what the graph does itself taken out, and what was found, one sentence each."""
    from dataclasses import replace

    intake = Intake.of(graph, picture.name)
    scale = 1.0 if picture.dtype == "uint8" else intake.scale(habit.scale)
    found = []
    if picture.dtype == "uint8":
        found.append("the input takes bytes")
    elif scale != habit.scale:
        found.append(f"the graph multiplies the pixel values by {intake.factor:.3g} itself")
    if intake.swaps:
        found.append("the graph swaps red and blue itself")
    if intake.centres and not habit.is_plain:
        found.append("the graph subtracts a mean itself")
        habit = replace(habit, mean=(0.0, 0.0, 0.0), deviation=(1.0, 1.0, 1.0))
    return replace(habit, scale=scale, colour=intake.colour(habit.colour)), tuple(found)


def _first_nodes(graph: Graph, name: str) -> Iterator[NodeProto]:
    """The nodes that the picture runs through before the first one that is no move and no arithmetic."""
    stack, seen = [name], set[int]()
    while stack:
        for node in graph.consumers.get(stack.pop(), []):
            arithmetic = node.op_type in {"Add", "Div", "Mul", "Sub"}
            if id(node) in seen or not (
                node.op_type in _MOVES or (arithmetic and _constant(graph, node) is not None)
            ):
                continue
            seen.add(id(node))
            yield node
            stack.extend(node.output)


def _constant(graph: Graph, node: NodeProto) -> NDArray[np.float64] | None:
    """The constant side of an arithmetic node of one value, or one a colour."""
    for name in node.input:
        value = graph.constants.get(graph.source(name))
        if value is not None and value.size in {1, 3}:
            return value.astype(np.float64)
    return None


def _reverses(graph: Graph, node: NodeProto) -> bool:
    """Whether a node turns three channels round."""
    if node.op_type == "Gather" and len(node.input) == 2:
        order = graph.constants.get(node.input[1])
        return order is not None and order.reshape(-1).tolist() in ([2, 1, 0], [-1, -2, -3])
    if node.op_type == "Slice":
        steps = graph.constants.get(node.input[4]) if len(node.input) > 4 else None
        axis = graph.constants.get(node.input[3]) if len(node.input) > 3 else None
        shape = graph.shapes.get(node.output[0], ())
        if steps is None or axis is None or steps.reshape(-1).tolist() != [-1]:
            return False
        return len(shape) == 4 and shape[int(axis.reshape(-1)[0])] == 3
    if node.op_type == "Concat" and len(node.input) == 3:
        return [_channel(graph, name) for name in node.input] == [2, 1, 0]
    return False


def _channel(graph: Graph, name: str) -> int | None:
    """Which of three channels a tensor is, cut out of the picture by Split, Slice or Gather."""
    node = graph.producers.get(name)
    if node is None:
        return None
    if node.op_type == "Split":
        return list(node.output).index(name) if len(node.output) == 3 else None
    if node.op_type == "Slice":
        starts = graph.constants.get(node.input[1]) if len(node.input) > 1 else np.array(ints(node, "starts"))
    elif node.op_type == "Gather":
        starts = graph.constants.get(node.input[1])
    else:
        return None
    return int(starts.reshape(-1)[0]) if starts is not None and starts.size == 1 else None
