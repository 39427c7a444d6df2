"""Undecoded anchor heads on the host: from the levels' values to candidates.

Rows are chosen by their objectness first; sigmoids, exponentials and the grid are worked out for what is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.evidence import cell_centres
from lineside.models.families._raw_levels import ANCHORS
from lineside.models.spec import as_float32
from lineside.postprocess.candidates import Candidates, check_scores, from_centres
from lineside.postprocess.finite import check_finite
from lineside.postprocess.objectness import pick_with_objectness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.models.spec import HeadSpec
    from lineside.postprocess.candidates import Selection

Pairs = tuple[tuple[float, float], ...]

_LARGEST_LOG = 20.0  # exp(20) anchors: far beyond any picture, and finite
_MARGIN = 1e-3  # by which rows are taken before their product is compared exactly


def level(output: NDArray[Any], form: str) -> NDArray[Any]:
    """The first picture's part of an output as (anchors, cells, values), a view.

    Args:
        output: One level, with its batch.
        form: Its axes, one of `_raw_levels.FORMS`.
    """
    value: NDArray[Any] = output[0]
    if form == "a h w v":
        return value.reshape(ANCHORS, -1, value.shape[-1])
    if form in {"av h w", "a v h w"}:
        return value.reshape(ANCHORS, -1, value.shape[-2] * value.shape[-1]).transpose(0, 2, 1)
    return value.reshape(value.shape[0] * value.shape[1], ANCHORS, -1).transpose(1, 0, 2)


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Objectness times class scores, (rows, classes)."""
    products = []
    for index in (spec.output, *spec.others):
        values = as_float32(level(outputs[index], _form(spec))[..., 4:])
        values = _sigmoid(values) if _done_of(spec) == "logits" else values
        products.append((values[..., :1] * values[..., 1:]).reshape(-1, spec.classes))
    return np.concatenate(products)


def decode(
    outputs: Sequence[NDArray[Any]],
    spec: HeadSpec,
    want: Selection,
    *,
    squares: bool,
    stretch: tuple[float, ...],
) -> Candidates:
    """Candidates of one picture in model pixels.

    Args:
        outputs: The run's outputs.
        spec: The head.
        want: The selection.
        squares: True where sizes are anchor * (2 * sigmoid)**2, False where they are anchor * exp(value).
        stretch: By what the sigmoid of the centre is stretched about its middle, a factor a level.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    done = _done_of(spec)
    floor = _logit(want.confidence) if done == "logits" else want.confidence
    taken, places, start = [], [], 0
    for index in (spec.output, *spec.others):
        boxes = level(outputs[index], _form(spec))
        check_finite(boxes[..., :5], "box value or objectness")
        if done != "logits":
            check_scores(boxes[..., 4])
        at = (boxes[..., 4] > floor).ravel().nonzero()[0]
        cells = boxes.shape[1]
        taken.append(as_float32(boxes[at // cells, at % cells]))
        places.append(at + start)
        start += ANCHORS * cells
    values, place = np.concatenate(taken), np.concatenate(places)
    check_finite(values, "class score")
    probable = _sigmoid(values[:, 4:]) if done == "logits" else values[:, 4:]
    rows, classes, confidence = pick_with_objectness(probable[:, 0], probable[:, 1:], want)
    grid = _grid(spec.size, spec.strides, spec.anchor_px, stretch)
    centred = _decoded(values[rows, :4].T, done, grid, place[rows], squares=squares)
    return from_centres(centred, classes, confidence, want)


def _decoded(
    raw: NDArray[np.float32], done: str, grid: _Grid, place: NDArray[np.intp], *, squares: bool
) -> NDArray[np.float32]:
    """Centre and size in model pixels, float32 (4, N), of raw box values (4, N)."""
    boxes = np.empty_like(raw)
    centre = raw[:2] if done in {"centres", "all"} else _sigmoid(raw[:2])
    stride, stretch = grid.stride[place], grid.stretch[place]
    # The sigmoid is stretched about a half: an object on a cell's border needs no infinite value.
    boxes[:2] = (centre * stretch - (stretch - 1) / 2 + grid.corner[:, place]) * stride
    if squares:
        side = raw[2:] if done == "all" else _sigmoid(raw[2:])
        boxes[2:] = (2 * side) ** 2
    else:
        np.exp(np.minimum(raw[2:], _LARGEST_LOG), out=boxes[2:])
    boxes[2:] *= grid.anchor[:, place]
    return boxes


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """What belongs to each row of a head, level by level, anchor by anchor, line by line."""

    corner: NDArray[np.float32]
    stride: NDArray[np.float32]
    anchor: NDArray[np.float32]
    stretch: NDArray[np.float32]


@lru_cache(maxsize=16)
def _grid(size: Size, strides: tuple[int, ...], anchors: Pairs, stretch: tuple[float, ...]) -> _Grid:
    x, y, stride = cell_centres(size, strides, ANCHORS)
    cells = [(size.height // s) * (size.width // s) for s in strides]
    sides = np.repeat(np.array(anchors, np.float32), np.repeat(cells, ANCHORS), axis=0)
    factor = np.repeat(np.array(stretch, np.float32), np.multiply(cells, ANCHORS))
    corner = np.stack([x, y]) / stride - np.float32(0.5)
    return _Grid(corner, stride, np.ascontiguousarray(sides.T), factor)


def _form(spec: HeadSpec) -> str:
    return spec.form.partition(": ")[0]


def _done_of(spec: HeadSpec) -> str:
    return spec.form.partition(": ")[2]


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # the exponential of a very unlikely one is infinite, and its sigmoid 0
        return np.asarray(1 / (1 + np.exp(-values)))


def _logit(confidence: float) -> float:
    """What an objectness must be above before its sigmoid, a little below that for the sake of rounding."""
    if not 0 < confidence < 1:
        return -math.inf if confidence <= 0 else math.inf
    return math.log(confidence / (1 - confidence)) - _MARGIN
