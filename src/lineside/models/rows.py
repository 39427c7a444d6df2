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
    same = [a.shape == b.shape for a, b in zip(expected, got, strict=True)]
    scores = _scores(expected)
    if not all(same) or scores is None:
        return list(got)
    count = len(scores)
    places = [number for number, output in enumerate(expected) if _rows_of(output) == count]
    wanted = np.concatenate([_table(expected[place]) for place in places], axis=1)
    found = np.concatenate([_table(got[place]) for place in places], axis=1)
    order = np.arange(count)
    spare = count // _CUT_OFF
    kept: list[int] = []
    for first, end in _runs(scores, within):
        for row, other in _pairs(wanted[first:end], found[first:end]):
            order[first + row] = first + other
            is_other = np.abs(wanted[first + row] - found[first + other]).max() > within
            if end == count and is_other and len(kept) < spare and scores[first + row] - scores[-1] <= within:
                kept.append(first + row)
    moved = list(got)
    for place in places:
        moved[place] = got[place][:, order]
        moved[place][:, kept] = expected[place][:, kept]
    return moved


def _rows_of(output: NDArray[Any]) -> int:
    """How many rows an output may have; 0 where it has none."""
    return output.shape[1] if output.ndim in {2, 3} and output.shape[0] == 1 else 0


def _table(output: NDArray[Any]) -> NDArray[np.float64]:
    table: NDArray[np.float64] = output[0].reshape(output.shape[1], -1).astype(np.float64)
    return table


def _scores(answer: Sequence[NDArray[Any]]) -> NDArray[np.float64] | None:
    """The column that the rows are sorted by, or `None`."""
    for output in answer:
        if _rows_of(output) < 2:
            continue
        columns: list[NDArray[np.float64]] = list(_table(output).T)
        for column in columns:
            if column[0] > column[-1] and column[-1] >= 0 and column[0] <= 1 and (np.diff(column) <= 0).all():
                return column
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
