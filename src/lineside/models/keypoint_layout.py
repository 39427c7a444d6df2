"""How many keypoints a pose head's values are: by metadata, by the graph's arithmetic, and by a probe run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.evidence import between_0_and_1
from lineside.models.graph import WEIGHTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.models.graph import Graph
    from lineside.models.head import Head
    from lineside.models.tracing import Segment

KeypointLayout = tuple[int, int]
"""Keypoints of an object, and values of each."""

# Operators whose first input holds the values and whose others say which of them.
_CHOOSING = {
    "Gather",
    "GatherElements",
    "GatherND",
    "Slice",
    "Split",
    "Reshape",
    "Expand",
    "Tile",
    "Squeeze",
    "Unsqueeze",
}
_DECODING = {"Mul", "Add"}  # the arithmetic that makes pixels of a convolution's answer


def keypoint_layouts(
    head: Head, values: int, tensors: Sequence[str], answered: NDArray[np.float32] | None
) -> list[KeypointLayout]:
    """Every layout that so many values can have: one is known, none fits nothing, two are ambiguous.

    Args:
        head: The evidence.
        values: Values behind the scores.
        tensors: What they come from, as far as that is known.
        answered: float32 (rows, values) of a probe run, or `None`.
    """
    layouts = [(values // each, each) for each in (3, 2) if values >= each and values % each == 0]
    if head.keypoints_hint is not None:
        layouts = [layout for layout in layouts if layout == head.keypoints_hint]
    kinds = {kind for tensor in tensors for kind in values_tail(head.graph, tensor)}
    if kinds >= _DECODING:
        each = 3 if "Sigmoid" in kinds else 2
        layouts = [layout for layout in layouts if layout[1] == each]
    if answered is not None and len(answered):
        layouts = [layout for layout in layouts if _fits(layout[1], answered)]
    return layouts


def values_tail(graph: Graph, name: str) -> frozenset[str]:
    """Kinds of the operators that a tensor's values went through behind the last weighted layer.

    What only chose the values (an index, a shape) is left out.
    """
    kinds: set[str] = set()
    seen: set[int] = set()
    stack = [name]
    while stack:
        node = graph.producers.get(stack.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        kinds.add(node.op_type)
        if node.op_type not in WEIGHTED:
            stack.extend(node.input[:1] if node.op_type in _CHOOSING else node.input)
    return frozenset(kinds)


def values_sources(graph: Graph, column: Segment) -> list[str]:
    """The tensors that a column's values come from, before rows of it were chosen."""
    pieces = [column]
    while len(pieces) == 1:
        node = graph.maker(pieces[0].tensor)
        if node is None or not node.op_type.startswith("Gather"):
            break
        before = graph.segments(node.input[0], pieces[0].axis)
        if sum(piece.channels or 0 for piece in before) != column.channels or before == pieces:
            break
        pieces = before
    return [piece.tensor for piece in pieces]


def describe(layouts: Sequence[KeypointLayout]) -> str:
    """Layouts for a message."""
    texts = [
        f"{count} keypoint{'s' * (count > 1)} of {'x, y and visibility' if each == 3 else 'x and y'}"
        for count, each in layouts
    ]
    return " or ".join(texts)


def _fits(each: int, answered: NDArray[np.float32]) -> bool:
    """Whether every third value is a visibility, or none is and all are pixels."""
    if answered.shape[1] % 3 == 0 and between_0_and_1(answered[:, 2::3]):
        return each == 3
    return each == 2
