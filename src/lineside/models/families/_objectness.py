"""What the families with objectness share: rows of a box, an objectness, and a score a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.evidence import are_corners, between_0_and_1, follow_grid, in_pixels
from lineside.models.graph import CONVOLUTIONS
from lineside.models.spec import as_float32
from lineside.postprocess.candidates import check_boxes, check_scores
from lineside.postprocess.objectness import pick_with_objectness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.head import GridLayout, Head
    from lineside.models.spec import HeadSpec
    from lineside.models.tracing import Segment
    from lineside.postprocess.candidates import Selection


def layouts(head: Head) -> list[GridLayout]:
    """The readings of a single output as one box a cell with an objectness and at least one class."""
    if len(head.shapes) != 1:
        return []
    return [layout for layout in head.layouts(0) if layout.anchors == 1 and layout.channels >= 6]


def rows_text(layout: GridLayout) -> str:
    """The reason that a grid's shape is."""
    return f"{layout.rows} rows are one box a cell at strides {', '.join(map(str, layout.strides))}"


def is_raw(boxes: Sequence[Segment]) -> bool:
    """Whether box values come straight from a convolution; a quantised one ends with the bias's Add."""
    return any(p.origin in CONVOLUTIONS | {"Add"} for p in boxes)


def are_decoded(head: Head, layout: GridLayout, rows: NDArray[np.float32]) -> bool:
    """Whether probe rows are centres and sizes in pixels along the grid, then probabilities."""
    return (
        in_pixels(rows)
        and between_0_and_1(rows[:, 4:])
        and not are_corners(rows)
        and follow_grid(rows, layout, head.size)
    )


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Objectness times class scores, (rows, classes)."""
    rows = _rows(outputs, spec)
    return np.asarray(rows[:, 4:5] * rows[:, 5 : 5 + spec.classes])


def chosen(
    outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp], NDArray[np.float32]]:
    """The rows above the confidence.

    Returns:
        Row numbers (N,), their four box values as float32 (4, N), classes (N,) and scores float32 (N,).

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    rows = _rows(outputs, spec)
    check_boxes(rows[:, :4])
    check_scores(rows[:, 4])
    index, classes, confidence = pick_with_objectness(rows[:, 4], rows[:, 5 : 5 + spec.classes], want)
    return index, as_float32(rows[index, :4]).T, classes, confidence


def _rows(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    value: NDArray[Any] = outputs[spec.output][0]
    return value.T if spec.channels_first else value
