"""What families judge a head by: the values of a probe run, and the arithmetic that made its boxes."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lineside.models.tracing import Segment, integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.models.graph import Graph
    from lineside.models.head import GridLayout

BoxForm = Literal["centres", "corners"]

_ARITHMETIC = {"Add", "Div", "Mul", "Sub"}
# Operators between the rows that a head ends with and the columns that they were joined from.
_ROW_MOVES = frozenset(
    {
        "Cast",
        "Compress",
        "Expand",
        "Flatten",
        "Gather",
        "GatherElements",
        "GatherND",
        "Identity",
        "Pad",
        "Reshape",
        "ScatterND",
        "Slice",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)


def between_0_and_1(values: NDArray[Any]) -> bool:
    """Whether all values could be probabilities."""
    return bool(values.size) and bool((values >= -1e-3).all()) and bool((values <= 1 + 1e-3).all())


def in_pixels(rows: NDArray[np.float32]) -> bool:
    """Whether the first four channels of probe rows are pixels, not shares of the picture."""
    return bool(rows.size) and bool(rows[:, :4].max() > 2)


def are_corners(rows: NDArray[np.float32]) -> bool:
    """Whether the boxes of probe rows can only be left, top, right, bottom.

    The third value is then not below the first, nor the fourth below the second. Of centres and sizes that holds
    only for boxes that reach beyond the left and the top border: of a twentieth in the models measured.
    """
    ordered = (rows[:, 2] >= rows[:, 0]) & (rows[:, 3] >= rows[:, 1])
    return bool(ordered.mean() > 0.7)


def grid_agreement(rows: NDArray[np.float32], layout: GridLayout, size: Size, reach: float) -> float:
    """The share of rows whose centre lies within `reach` cells of the cell that the row belongs to.

    Args:
        rows: Probe rows, float32 (rows, channels), the first two channels x and y in model pixels.
        layout: The reading to test.
        size: The input size.
        reach: Cells.
    """
    x, y, stride = cell_centres(size, layout.strides, layout.anchors)
    near_x = np.abs(rows[:, 0] - x) <= reach * stride
    near_y = np.abs(rows[:, 1] - y) <= reach * stride
    return float((near_x & near_y).mean())


def grid_slopes(rows: NDArray[np.float32], layout: GridLayout, size: Size) -> tuple[float, ...]:
    """By how many pixels the first two channels of probe rows grow from one pixel of the grid to the next.

    About 1 for the centres of decoded boxes, at most a few hundredths for offsets in cells, and for x and y that
    changed places. One slope an axis; none for an axis of one cell.
    """
    x, y, _ = cell_centres(size, layout.strides, layout.anchors)
    return tuple(
        float(np.polyfit(cells, values, 1)[0])
        for values, cells in ((rows[:, 0], x), (rows[:, 1], y))
        if cells.std() > 0
    )


def follow_grid(rows: NDArray[np.float32], layout: GridLayout, size: Size) -> bool:
    """Whether the boxes of probe rows are centred along the cells of the grid, on both axes."""
    return min(grid_slopes(rows, layout, size), default=1.0) > 0.5


def cell_centres(
    size: Size, strides: Sequence[int], anchors: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Centre x, centre y and stride of each row's cell, float32 (rows,) each, in model pixels.

    Rows run level by level; within a level anchor by anchor, then line by line, as all YOLO exports do.
    """
    xs, ys, ss = [], [], []
    for stride in strides:
        lines, columns = size.height // stride, size.width // stride
        y, x = np.mgrid[0:lines, 0:columns].astype(np.float32)
        xs.append(np.tile((x.ravel() + 0.5) * stride, anchors))
        ys.append(np.tile((y.ravel() + 0.5) * stride, anchors))
        ss.append(np.full(anchors * lines * columns, stride, np.float32))
    return np.concatenate(xs), np.concatenate(ys), np.concatenate(ss)


def box_form(graph: Graph, boxes: Sequence[Segment]) -> BoxForm | None:
    """What the arithmetic of a decoded grid says of its boxes, or `None` where it is unusual.

    A cell's point minus one distance, then plus the other, gives corners; half their sum, then their
    difference, centre and size. Both are multiplied by the stride before or after they are joined.
    """
    halves = [half for box in boxes for half in _without_stride(graph, box)]
    if [half.channels for half in halves] != [2, 2]:
        return None
    first, second = (half.origin for half in halves)
    if (first, second) == ("Sub", "Add"):
        return "corners"
    return "centres" if first in _ARITHMETIC and second == "Sub" else None


def _without_stride(graph: Graph, box: Segment) -> list[Segment]:
    """The pieces of a segment before its multiplication by the stride."""
    node = graph.producers.get(box.tensor)
    if node is None or node.op_type not in {"Mul", "Div"}:
        return [box]
    for name in node.input:
        maker, shape = graph.maker(name), graph.shapes.get(name, ())
        if maker is None or len(shape) <= box.axis or shape[box.axis] != box.channels:
            continue
        pieces = graph.segments(name, box.axis)
        if pieces and all(piece.origin in _ARITHMETIC for piece in pieces):
            return pieces
    return [box]


def ends_with_label(graph: Graph, name: str, behind: int = 0) -> bool | None:
    """Whether the sixth of a row's columns, and no other, holds whole numbers; `None` where they cannot be followed.

    Args:
        graph: The graph.
        name: An output (1, rows, 6 + behind).
        behind: Columns behind the sixth.
    """
    columns = row_columns(graph, name)
    if sum(column.channels or 0 for column in columns) != 6 + behind:
        return None
    ends = list(accumulate(column.channels or 0 for column in columns))
    place = next(i for i, end in enumerate(ends) if end > 5)
    label = columns[place]
    if label.channels != 1:
        return False if label.origin == "Sigmoid" else None
    whole = [i for i, column in enumerate(columns) if is_whole(graph, column.tensor)]
    return whole == [place]


def row_columns(graph: Graph, name: str) -> list[Segment]:
    """What the rows of an output were joined from, before rows were chosen, padded or moved."""
    while (node := graph.producers.get(name)) is not None and node.input:
        rank = len(graph.shapes.get(name, ()))
        if node.op_type == "Concat":
            along = integer(node, "axis", 0)
            if rank and along % rank == rank - 1:
                return graph.segments(name, rank - 1)
        elif node.op_type not in _ROW_MOVES:
            break
        name = node.input[2] if node.op_type == "ScatterND" and len(node.input) > 2 else node.input[0]
    return []


def is_whole(graph: Graph, name: str, *, through: frozenset[str] = _ROW_MOVES) -> bool:
    """Whether a tensor holds values of an integer type, perhaps cast, chosen and moved.

    Args:
        graph: The graph.
        name: The tensor.
        through: Operators that hand values on, by which it is followed backwards.
    """
    while graph.dtypes.get(name) not in {"int32", "int64"}:
        node = graph.producers.get(name)
        if node is None or node.op_type not in through or not node.input:
            return False
        name = node.input[-1] if node.op_type in {"ScatterND", "Where"} else node.input[0]
    return True
