from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.evaluation.coco_metrics import CocoMetrics, Matches
from lineside.evaluation.operating_point import best_f1

rows = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1), st.booleans()), max_size=30)


def _metrics(rows, truths):
    nothing = np.zeros(0)
    matches = Matches(
        np.array([row[0] for row in rows], np.intp),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.bool_),
    )
    return CocoMetrics(nothing, nothing, nothing, nothing, nothing, np.array(truths), 0, matches)


def _f1(rows, truths, k, threshold):
    found = [row for row in rows if row[0] == k and row[1] >= threshold]
    right = sum(row[2] for row in found)
    return 2 * right / (len(found) + truths[k])


@given(rows)
def test_no_threshold_of_the_grid_has_a_higher_mean_f1(rows):
    truths = [30, 31]  # at least as many as can be right
    point = best_f1(_metrics(rows, truths), 0.001)
    means = [np.mean([_f1(rows, truths, k, step / 1000) for k in (0, 1)]) for step in range(1, 1001)]
    assert point.f1.mean() == pytest.approx(max(means))
    assert point.f1 == pytest.approx([_f1(rows, truths, k, point.threshold) for k in (0, 1)])


def test_precision_and_recall_belong_to_the_threshold():
    point = best_f1(_metrics([(0, 0.8, True), (0, 0.6, True), (0, 0.4, False), (0, 0.2, False)], [2]), 0.001)
    assert point.threshold == 0.5  # the middle of those above 0.4 and up to 0.6
    assert (point.precision.tolist(), point.recall.tolist(), point.f1.tolist()) == ([1], [1], [1])


def test_a_class_that_is_not_found_has_no_precision_and_one_without_truth_no_recall():
    point = best_f1(_metrics([(0, 0.8, True), (2, 0.9, False)], [1, 5, 0]), 0.001)
    assert np.isnan(point.precision).tolist() == [False, True, False]
    assert np.isnan(point.recall).tolist() == [False, False, True]
    assert np.isnan(point.f1).tolist() == [False, False, True]


def test_without_truth_there_is_no_best_threshold():
    assert best_f1(_metrics([(0, 0.8, False)], [0]), 0.001) is None


def test_where_nothing_is_right_the_threshold_is_the_lowest():
    assert best_f1(_metrics([(0, 0.8, False)], [3]), 0.0015).threshold == 0.0015
