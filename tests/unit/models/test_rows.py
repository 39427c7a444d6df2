"""Rows that are sorted by score: which of two equal ones comes first says nothing, all else does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.engine.reference import share_off
from lineside.models.rows import in_order_of
from lineside.models.surgery import difference

ROWS = 60


def ranked(seed: int = 1, steps: int = 20) -> np.ndarray:
    """Corners, scores that are equal in runs, classes: (1, ROWS, 6)."""
    dice = np.random.default_rng(seed)
    scores = np.sort(dice.integers(1, steps + 1, ROWS) / (steps + 1))[::-1]
    boxes = dice.uniform(0, 640, (ROWS, 4))
    classes = dice.integers(0, 80, ROWS)
    return np.concatenate([boxes, scores[:, None], classes[:, None]], axis=1).astype(np.float32)[None]


def shuffled(answer: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """The same rows, those of equal score in another order, all rounded a little otherwise."""
    rows = answer[0]
    order = np.lexsort((dice.random(ROWS), -rows[:, 4]))
    return (rows[order] + dice.uniform(-2e-6, 2e-6, rows.shape)).astype(np.float32)[None]


@given(st.integers(0, 10_000))
def test_the_order_of_equal_scores_is_no_difference(seed):
    answer = ranked(seed)
    other = shuffled(answer, np.random.default_rng(seed + 1))
    assert difference([answer], [other]) is None
    assert share_off([answer], [other]) < 1e-5


def test_the_same_holds_where_boxes_scores_and_classes_are_outputs_of_their_own():
    answer = ranked()
    other = shuffled(answer, np.random.default_rng(2))
    assert not np.array_equal(answer[..., 5], other[..., 5])

    def apart(rows):
        return [np.rint(rows[..., 5]).astype(np.int64), rows[..., :4].copy(), rows[..., 4].copy()]

    assert difference(apart(answer), apart(other)) is None


@pytest.mark.parametrize(("column", "by"), [(0, 1.0), (4, 0.004), (5, 1.0)])
def test_one_number_that_is_another_is_a_difference_in_any_order(column, by):
    answer = ranked()
    other = shuffled(answer, np.random.default_rng(3))
    other[0, 20, column] += by
    assert "output 0 differs" in difference([answer], [other])
    assert share_off([answer], [other]) > 1e-5


def test_rows_of_another_score_do_not_change_places():
    answer = ranked(steps=10_000)
    other = answer[:, ::-1].copy()
    assert difference([answer], [other]) is not None


def test_at_the_end_a_few_rows_of_the_last_score_may_be_others_and_no_more():
    answer = np.concatenate([ranked(), ranked(2)], axis=1)
    answer[0, :, 4] = np.sort(answer[0, :, 4])[::-1]
    answer[0, -6:, 4] = answer[0, -1, 4]
    for count, same in ((1, True), (2, True), (3, False)):
        other = answer.copy()
        other[0, -count:, :4] += 100
        assert (difference([answer], [other]) is None) is same


@pytest.mark.parametrize(("column", "number"), [(4, 0.9), (0, np.inf), (0, np.nan)])
def test_at_the_end_no_row_of_another_score_and_none_without_numbers_is_let_through(column, number):
    answer = ranked()
    answer[0, -6:, 4] = answer[0, -1, 4]
    other = answer.copy()
    other[0, -1, column] = number
    assert difference([answer], [other]) is not None
    assert share_off([answer], [other]) > 1e-5


def test_an_answer_of_equal_scores_alone_is_compared_as_it_is():
    answer = ranked()
    answer[..., 4] = 0.5
    assert difference([answer], [answer[:, ::-1].copy()]) is not None


def test_what_has_no_rows_comes_back_as_it_is():
    grid = np.random.default_rng(4).random((1, 84, 100), np.float32)
    planes = np.zeros((1, 8, 4, 4), np.float32)
    for got in ([grid[..., ::-1], planes], [grid[:, :5], planes]):
        moved = in_order_of([grid, planes], got, 1e-3)
        assert all(a is b for a, b in zip(moved, got, strict=True))


def test_numbers_that_are_none_stay_a_difference():
    answer = ranked()
    other = answer.copy()
    other[0, 7, 2] = np.nan
    assert difference([answer], [other]) is not None
