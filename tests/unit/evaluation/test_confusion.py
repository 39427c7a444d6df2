from __future__ import annotations

import numpy as np

from lineside.evaluation.confusion import confusion

A, B, C = [10, 10, 30, 30], [40, 10, 60, 30], [10, 34, 20, 44]
NEAR_A = [11, 11, 31, 31]


def _counts(one, classes=2, lowest=0.001):
    return confusion([one], classes, lowest).counts.tolist()


def test_rows_are_truth_and_columns_what_was_found(examined):
    one = examined([(0, A), (1, B), (1, C)], [(0, 0.9, A), (0, 0.8, B), (1, 0.7, [50, 34, 60, 44])])
    assert _counts(one) == [
        [1, 0, 0],
        [1, 0, 1],  # one taken for class 0, one missed
        [0, 1, 0],  # one false alarm of class 1
    ]


def test_detections_under_the_confidence_do_not_count(examined):
    assert _counts(examined([(0, A)], [(0, 0.24, A)])) == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_the_confidence_is_told_where_the_detector_was_asked_for_more(examined):
    matrix = confusion([examined([(0, A)], [(0, 0.5, A)])], 1, 0.4)
    assert (matrix.confidence, matrix.iou) == (0.4, 0.5)


def test_the_closest_pair_goes_first_and_the_other_is_a_false_alarm(examined):
    one = examined([(0, A)], [(1, 0.9, NEAR_A), (0, 0.5, A)])
    assert _counts(one) == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_a_box_of_several_classes_counts_once_in_its_best(examined):
    one = examined([(0, A)], [(0, 0.6, A), (1, 0.9, A)])
    assert _counts(one) == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_an_ignored_region_is_neither_missed_nor_a_false_alarm(examined):
    inside = [12, 12, 16, 16]
    one = examined([(0, A, True)], [(0, 0.9, inside), (1, 0.9, [20, 20, 24, 24])])
    assert _counts(one) == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_empty_pictures_count_nothing(examined):
    matrix = confusion([examined([], []), examined([], [])], 3, 0.001)
    assert matrix.counts.shape == (4, 4)
    assert not matrix.counts.any()


def test_every_true_box_and_every_kept_detection_is_counted_once(examined):
    generator = np.random.default_rng(7)
    corners = generator.integers(0, 20, (40, 2))
    boxes = [[int(x), int(y), int(x) + 20, int(y) + 20] for x, y in corners]
    truths = [(int(k), box) for k, box in zip(generator.integers(0, 3, 15), boxes[:15], strict=True)]
    found = [(i % 3, 0.3 + i / 100, [*box[:3], box[3] + i / 100]) for i, box in enumerate(boxes[15:])]
    counts = confusion([examined(truths, found)], 3, 0.001).counts
    assert counts[:3].sum() == 15
    assert counts[:, :3].sum() == 25
