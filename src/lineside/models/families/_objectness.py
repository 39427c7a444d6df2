"""What the families with objectness share: rows of a box, an objectness, and a score a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.spec import as_float32
from lineside.postprocess.candidates import check_boxes, check_scores
from lineside.postprocess.objectness import pick_with_objectness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.spec import HeadSpec
    from lineside.postprocess.candidates import Selection


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Objectness times class scores, (rows, classes)."""
    rows = _rows(outputs, spec)
    return np.asarray(rows[:, 4:5] * rows[:, 5:])


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
    index, classes, confidence = pick_with_objectness(rows[:, 4], rows[:, 5:], want)
    return index, as_float32(rows[index, :4]).T, classes, confidence


def _rows(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    value: NDArray[Any] = outputs[spec.output][0]
    return value.T if spec.channels_first else value
