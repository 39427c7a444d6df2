"""Answers whose rows are sorted by score: a rounding makes two neighbours of nearly the same score change places.

Heads that need no NMS, and files with NMS inside, sort their rows. The same graph on another processor, in a batch, or rewritten in a
way that changes no answer may sort such neighbours otherwise, and cut another of them off at the end. What was found is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_CUT_OFF = 50
"""Of so many rows one may be another at the end, if its score is that of the last."""


def in_order_of(
    expected: Sequence[NDArray[Any]], got: Sequence[NDArray[Any]], within: float
) -> list[NDArray[Any]]:
    """An answer with rows of nearly the same score put where another answer to the same picture has them.

    Nothing else changes: a row that the other answer has not stays one, unless its score is that of the last row, where a fiftieth of
    the rows may be others. Answers that are not sorted, or of other shapes, come back as they are.

    Args:
        expected: The other answer; outputs with rows are (1, K) and (1, K, C).
        got: The answer, in the same outputs.
        within: Scores of rows that follow each other are nearly the same up to this difference.
    """
    place = _sorted_by(expected)
    same = all(a.shape == b.shape and np.isfinite(b).all() for a, b in zip(expected, got, strict=True))
    if place is None or not same:
        return list(got)
    number, column = place
    scores, others = (_table(answer[number])[:, column] for answer in (expected, got))
    count = len(scores)
    ranked = [number for number, output in enumerate(expected) if _rows_of(output) == count]
    wanted, found = (
        np.concatenate([_table(answer[number]) for number in ranked], axis=1) for answer in (expected, got)
    )
    order, kept = np.arange(count), []
    for first, end in _runs(scores, within):
        for row, other in _pairs(wanted[first:end], found[first:end]):
            order[first + row] = first + other
            if np.abs(wanted[first + row] - found[first + other]).max() > within:
                kept.append(first + row)
    last = scores[-1] + within
    kept = [row for row in kept if max(scores[row], others[order[row]]) <= last][: count // _CUT_OFF]
    moved = list(got)
    for number in ranked:
        moved[number] = got[number][:, order]
        moved[number][:, kept] = expected[number][:, kept]
    return moved


def _rows_of(output: NDArray[Any]) -> int:
    """How many rows an output may have; 0 where it has none."""
    return output.shape[1] if output.ndim in {2, 3} and output.shape[0] == 1 else 0


def _table(output: NDArray[Any]) -> NDArray[np.float64]:
    table: NDArray[np.float64] = output[0].reshape(output.shape[1], -1).astype(np.float64)
    return table


def _sorted_by(answer: Sequence[NDArray[Any]]) -> tuple[int, int] | None:
    """The output and its column that the rows are sorted by, or `None`."""
    for number, output in enumerate(answer):
        if _rows_of(output) < 2:
            continue
        table = _table(output)
        is_score = (table[0] > table[-1]) & (table[-1] >= 0) & (table[0] <= 1)
        for column in np.flatnonzero(is_score).tolist():
            if (np.diff(table[:, column]) <= 0).all():
                return number, column
    return None


def _runs(scores: NDArray[np.float64], within: float) -> Iterator[tuple[int, int]]:
    """Where rows of nearly the same score begin and end; runs of one are left out."""
    ends = [*(np.flatnonzero(-np.diff(scores) > within) + 1).tolist(), len(scores)]
    first = 0
    for end in ends:
        if end - first > 1:
            yield first, end
        first = end


def _pairs(wanted: NDArray[np.float64], found: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Each wanted row with the found one that is nearest to it, each of these once; the surest pairs first."""
    off = np.stack([np.abs(found - row).max(axis=1) for row in wanted])
    for row in np.argsort(off.min(axis=1), kind="stable").tolist():
        other = int(off[row].argmin())
        off[:, other] = np.inf
        yield row, other
