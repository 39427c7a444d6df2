"""What a tensor is made of: backwards through the operators that only move values about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto

    from lineside.models.graph import Graph

_RESHAPES = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}
_MOVES = _RESHAPES | {"Slice", "Split"}
_MOST_SEGMENTS = 64  # the most that any head seen has is nine


@dataclass(frozen=True, slots=True)
class Segment:
    """Neighbouring channels of an output that come from one place.

    Attributes:
        channels: How many; `None` where shape inference could not tell.
        origin: The operator that made their values, for instance `Sigmoid`, `Mul` or `Conv`.
        tensor: Name of the tensor that the operator made.
        axis: The channel axis of that tensor.
    """

    channels: int | None
    origin: str
    tensor: str
    axis: int


class Trace:
    """Remembers what it has followed, so that a graph of nested joins costs no more than its nodes.

    Args:
        graph: The graph.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[tuple[str, int], list[Segment]] = {}

    def segments(self, name: str, axis: int) -> list[Segment]:
        """What a tensor is made of along an axis.

        Follows the tensor backwards through transpositions, reshapes, cuts, and joins along other axes (by
        their first member) to the joins along this one.

        Returns:
            The pieces in order; empty where they could not be followed.
        """
        key = (name, axis)
        if key not in self._known:
            self._known[key] = self._trace(self._graph.source(name), axis)
        return self._known[key]

    def _trace(self, name: str, axis: int) -> list[Segment]:
        node = self._graph.producers.get(name)
        shape = self._graph.shapes.get(name, ())
        channels = shape[axis] if len(shape) > axis else None
        found: list[Segment] | None = None
        if node is not None and node.input:
            if node.op_type == "Transpose":
                order = ints(node, "perm") or tuple(reversed(range(len(shape))))
                found = self.segments(node.input[0], order[axis]) if axis < len(order) else []
            elif node.op_type == "Concat":
                found = self._joined(node, axis, len(shape))
            elif node.op_type in _RESHAPES:
                found = self._reshaped(node, shape, axis)
            elif node.op_type in {"Split", "Slice"}:
                found = self._cut(node, name, axis, channels)
        if found is None:
            found = [Segment(channels, self._origin(name), name, axis)]
        return found if len(found) <= _MOST_SEGMENTS else []

    def _origin(self, name: str) -> str:
        """The kind of operator that made a tensor's values, behind reshapes and cuts."""
        node = self._graph.maker(name)
        while node is not None and node.op_type in _MOVES and node.input:
            name = node.input[0]
            node = self._graph.maker(name)
        return node.op_type if node is not None else "constant" if name in self._graph.constants else "input"

    def _joined(self, node: NodeProto, axis: int, rank: int) -> list[Segment]:
        along = integer(node, "axis", 0)
        if (along % rank if rank else along) != axis:
            return self.segments(node.input[0], axis)
        return [s for part in node.input for s in self.segments(part, axis)]

    def _reshaped(self, node: NodeProto, shape: Sequence[int | None], axis: int) -> list[Segment] | None:
        """Past a reshape that leaves the axis whole: as long as before, and as many elements before it."""
        before = self._graph.shapes.get(node.input[0], ())
        if None in shape[: axis + 1] or len(shape) <= axis:
            return None
        for place, length in enumerate(before):
            if None in before[:place]:
                break
            if length == shape[axis] and _product(before[:place]) == _product(shape[:axis]):
                return self.segments(node.input[0], place)
        return None

    def _cut(self, node: NodeProto, name: str, axis: int, channels: int | None) -> list[Segment] | None:
        """Past a cut: the pieces of its input that lie inside it."""
        along, start = self._cut_at(node, name)
        rank = len(self._graph.shapes.get(node.input[0], ()))
        if along is None or not rank:
            return None
        pieces = self.segments(node.input[0], axis)
        if along % rank != axis:
            return pieces
        if start is None or channels is None or any(p.channels is None for p in pieces):
            return None
        found, at = [], 0
        for piece in pieces:
            size = piece.channels or 0
            inside = min(at + size, start + channels) - max(at, start)
            if inside > 0:
                found.append(Segment(inside, piece.origin, piece.tensor, piece.axis))
            at += size
        return found

    def _cut_at(self, node: NodeProto, name: str) -> tuple[int | None, int | None]:
        """The axis of a Split or Slice of one axis, and where its output `name` starts."""
        if node.op_type == "Split":
            lengths = [self._graph.shapes.get(o, ()) for o in node.output]
            along = integer(node, "axis", 0)
            before = lengths[: list(node.output).index(name)]
            if any(along >= len(s) or s[along] is None for s in before):
                return along, None
            return along, sum(s[along] or 0 for s in before)
        starts, axes, steps = (
            self._slice_value(node, i, k) for i, k in ((1, "starts"), (3, "axes"), (4, "steps"))
        )
        if starts is None or len(starts) != 1 or (axes is not None and len(axes) != 1):
            return None, None
        forward = starts[0] >= 0 and (steps is None or steps[0] == 1)
        return (0 if axes is None else axes[0]), (starts[0] if forward else None)

    def _slice_value(self, node: NodeProto, place: int, name: str) -> tuple[int, ...] | None:
        """A constant parameter of a Slice: an input since operator set 10, an attribute before."""
        if len(node.input) > place:
            value = self._graph.constants.get(node.input[place])
            return None if value is None else tuple(int(v) for v in value.reshape(-1))
        return ints(node, name) or None


def _product(dims: Sequence[int | None]) -> int:
    return math.prod(d or 0 for d in dims)


def ints(node: NodeProto, name: str) -> tuple[int, ...]:
    """An attribute of integers, empty where the node has none of that name."""
    return next((tuple(a.ints) for a in node.attribute if a.name == name), ())


def integer(node: NodeProto, name: str, default: int) -> int:
    """An attribute of one integer."""
    return next((int(a.i) for a in node.attribute if a.name == name), default)
