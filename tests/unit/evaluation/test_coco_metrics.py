from __future__ import annotations

import sys

import numpy as np
import pytest

from lineside.core.errors import NotInstalledError
from lineside.evaluation.coco_metrics import library, measure, overlaps

A, B = [10, 10, 30, 30], [40, 10, 60, 30]
SHIFTED = [10, 10, 30, 24]  # IoU 0.7 with A


def test_right_boxes_have_full_precision(examined):
    metrics = measure([examined([(0, A), (1, B)], [(0, 0.9, A), (1, 0.8, B)])], 2, 300)
    assert metrics.ap50_95.tolist() == [1, 1]
    assert metrics.matches.right.tolist() == [True, True]


def test_a_box_counts_up_to_the_overlap_that_it_reaches(examined):
    metrics = measure([examined([(0, A)], [(0, 0.9, SHIFTED)])], 1, 300)
    assert metrics.ap50[0] == 1
    assert metrics.ap75[0] == 0
    assert metrics.ap50_95[0] == pytest.approx(0.5)  # right at 0.50 to 0.70


def test_a_class_without_truth_has_no_precision_and_does_not_lower_the_mean(examined):
    metrics = measure([examined([(0, A)], [(0, 0.9, A), (1, 0.9, B)])], 3, 300)
    assert metrics.ap50.tolist()[0] == 1
    assert np.isnan(metrics.ap50[1:]).all()
    assert np.isnan(metrics.precision[1:]).all()
    assert metrics.truths.tolist() == [1, 0, 0]


def test_a_missed_box_halves_the_recall(examined):
    metrics = measure([examined([(0, A), (0, B)], [(0, 0.9, A)])], 1, 300)
    assert metrics.ap50[0] == pytest.approx(51 / 101)  # recalls 0.00 to 0.50
    assert metrics.recall[[0, 50, 100]].tolist() == [0, 0.5, 1]
    assert metrics.precision[0, [50, 51]].tolist() == [1, 0]


def test_a_wrong_class_and_a_second_box_are_wrong(examined):
    metrics = measure([examined([(0, A)], [(1, 0.9, A), (0, 0.8, A), (0, 0.7, A)])], 2, 300)
    assert metrics.matches.right.tolist() == [False, True, False]


def test_detections_in_an_ignored_region_count_neither_way(examined):
    inside = [12, 12, 16, 16]
    found = [(0, 0.9, inside), (0, 0.8, [20, 20, 24, 24]), (0, 0.7, B)]
    metrics = measure([examined([(0, A, True), (0, B)], found)], 1, 300)
    assert metrics.ap50[0] == 1
    assert metrics.ignored == 1
    assert metrics.truths.tolist() == [1]
    assert metrics.matches.confidence == pytest.approx([0.7])


def test_an_ignored_region_swallows_its_own_class_only(examined):
    metrics = measure([examined([(0, A, True), (1, B)], [(1, 0.9, A), (1, 0.8, B)])], 2, 300)
    assert metrics.matches.right.tolist() == [False, True]
    assert metrics.ap50[1] == pytest.approx(0.5)


def test_only_ignored_truth_is_no_truth(examined):
    metrics = measure([examined([(0, A, True)], [(0, 0.9, A)])], 1, 300)
    assert np.isnan(metrics.ap50[0])


def test_more_than_a_hundred_parts_in_one_picture_all_count(examined):
    boxes = [[x, y, x + 3, y + 3] for x in range(0, 60, 4) for y in range(0, 40, 4)]
    found = [(0, 0.9 - i / 1000, box) for i, box in enumerate(boxes)]
    one = examined([(0, box) for box in boxes], found)
    assert len(boxes) > 100
    assert measure([one], 1, 300).ap50[0] == 1
    assert measure([one], 1, 75).ap50[0] == pytest.approx(51 / 101)


@pytest.mark.parametrize("found", [[], [(0, 0.9, A)]])
def test_pictures_without_any_truth_are_measured(examined, found):
    metrics = measure([examined([], found), examined([], [])], 1, 300)
    assert np.isnan(metrics.ap50_95).all()
    assert metrics.matches.right.sum() == 0


def test_overlaps_are_intersection_over_union_or_over_the_found_box():
    found, true = np.array([A], np.float32), np.array([SHIFTED, B], np.float64)
    np.testing.assert_allclose(overlaps(found, true, region=False), [[0.7, 0]])
    np.testing.assert_allclose(overlaps(true.astype(np.float32), found, region=True), [[1], [0]])
    assert overlaps(found[:0], true, region=False).shape == (0, 2)


def test_a_missing_package_is_told_with_the_line_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'lineside\[eval\]'"):
        library()
