"""The kind `iou` against the plain algorithm, for as many candidates as its blocks have borders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crowds import candidates, clear_threshold, settle

COUNTS = (2, 3, 127, 128, 129, 255, 256, 257, 384, 385, 500, 1500)


def suppress(found, **how):
    """Which candidates stay, and whether some were cut off."""
    left = settle(found, **how)
    np.testing.assert_array_equal(left.xyxy, found.xyxy[left.rows])
    np.testing.assert_array_equal(left.confidence, found.confidence[left.rows])
    return left.rows, left.truncated


def overlaps(boxes):
    """IoU of every pair, float64; two boxes without any area overlap nothing."""
    b = boxes.astype(np.float64)
    low = np.maximum(b[:, None, :2], b[None, :, :2])
    high = np.minimum(b[:, None, 2:], b[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=2)
    area = np.prod(b[:, 2:] - b[:, :2], axis=1)
    union = area[:, None] + area - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def plain(overlap, class_id, iou, *, class_aware):
    """The textbook: take the surest box, strike what overlaps it too much, go on with the next that is left."""
    alive = np.ones(len(overlap), bool)
    kept = []
    for i in range(len(overlap)):
        if not alive[i]:
            continue
        kept.append(i)
        struck = overlap[i] > iou
        if class_aware:
            struck &= class_id == class_id[i]
        alive &= ~struck
    return kept


def crowd(seed, count, classes):
    """Boxes in clusters, some twice, some reaching out of the picture, on quarters of a pixel."""
    rng = np.random.default_rng([seed, count, classes])
    objects = rng.uniform(-20, 300, (max(count // 12, 1), 2))
    sizes = rng.uniform(4, 60, (len(objects), 2))
    owner = rng.integers(0, len(objects), count)
    low = objects[owner] + rng.normal(0, 5, (count, 2))
    high = low + np.maximum(sizes[owner] * rng.uniform(0.7, 1.4, (count, 2)), 0.5)
    boxes = np.round(np.concatenate([low, high], axis=1) * 4) / 4
    again = rng.random(count) < 0.1
    boxes[again] = boxes[rng.integers(0, count, again.sum())]
    class_id = rng.integers(0, classes, len(objects))[owner]
    class_id[rng.random(count) < 0.2] = rng.integers(0, classes)
    return boxes.astype(np.float32), class_id.astype(np.int32)


def check_against_plain(seed, count, classes, wanted, class_aware):
    boxes, class_id = crowd(seed, count, classes)
    overlap = overlaps(boxes)
    iou = clear_threshold(overlap, wanted)
    kept, cut = suppress(
        candidates(boxes, class_id), kind="iou", iou=iou, class_aware=class_aware, limit=10_000
    )
    assert kept.tolist() == plain(overlap, class_id, iou, class_aware=class_aware)
    assert not cut


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(2, 300),
    classes=st.sampled_from([1, 2, 80]),
    wanted=st.sampled_from([0.1, 0.45, 0.5, 0.7, 0.9]),
    class_aware=st.booleans(),
)
def test_nms_is_the_plain_algorithm(seed, count, classes, wanted, class_aware):
    check_against_plain(seed, count, classes, wanted, class_aware)


@pytest.mark.parametrize("class_aware", [True, False])
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("count", COUNTS)
def test_nms_is_the_plain_algorithm_across_the_borders_of_its_blocks(count, classes, class_aware):
    check_against_plain(7, count, classes, 0.45, class_aware)


@pytest.mark.parametrize("limit", [1, 2, 50, 127, 128, 129, 200])
@pytest.mark.parametrize("class_aware", [True, False])
def test_the_limit_keeps_the_best_and_truncated_says_exactly_when(limit, class_aware):
    boxes, class_id = crowd(3, 1500, 3)
    found = candidates(boxes, class_id)
    everything, _ = suppress(found, kind="iou", iou=0.5, class_aware=class_aware, limit=10_000)
    kept, cut = suppress(found, kind="iou", iou=0.5, class_aware=class_aware, limit=limit)
    assert kept.tolist() == everything[:limit].tolist()
    assert cut is (len(everything) > limit)
    count = len(everything)
    assert suppress(found, kind="iou", iou=0.5, class_aware=class_aware, limit=count)[1] is False
    assert suppress(found, kind="iou", iou=0.5, class_aware=class_aware, limit=count - 1)[1] is True


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 300), st.booleans())
def test_what_stays_stays_when_asked_again(seed, count, class_aware):
    boxes, class_id = crowd(seed, count, 3)
    found = candidates(boxes, class_id)
    kept, _ = suppress(found, kind="iou", iou=0.5, class_aware=class_aware, limit=10_000)
    rest = candidates(boxes[kept], class_id[kept], found.confidence[kept])
    again, _ = suppress(rest, kind="iou", iou=0.5, class_aware=class_aware, limit=10_000)
    assert again.tolist() == list(range(len(kept)))


def test_equal_confidences_keep_their_order_and_the_first_stays():
    boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 1, 10, 11]]
    found = candidates(boxes, scores=np.full(4, 0.5, np.float32))
    kept, _ = suppress(found, kind="iou", iou=0.5, class_aware=False, limit=10)
    assert kept.tolist() == [0, 2]


@pytest.mark.parametrize("count", [2, 200])
def test_of_many_equal_boxes_one_stays(count):
    found = candidates([[5, 5, 20, 20]] * count)
    kept, cut = suppress(found, kind="iou", iou=0.9, class_aware=True, limit=300)
    assert kept.tolist() == [0]
    assert not cut


def test_boxes_that_touch_or_lie_apart_stay_at_any_threshold():
    found = candidates([[0, 0, 10, 10], [10, 0, 20, 10], [0, 10, 10, 20], [-30, -30, -20, -20]])
    kept, _ = suppress(found, kind="iou", iou=0.0, class_aware=False, limit=10)
    assert kept.tolist() == [0, 1, 2, 3]


def test_at_threshold_zero_the_slightest_overlap_is_too_much_and_at_one_none_is():
    found = candidates([[0, 0, 10, 10], [9.75, 9.75, 20, 20], [0, 0, 10, 10]])
    assert suppress(found, kind="iou", iou=0.0, class_aware=False, limit=9)[0].tolist() == [0]
    assert suppress(found, kind="iou", iou=1.0, class_aware=False, limit=9)[0].tolist() == [0, 1, 2]


def test_boxes_of_two_classes_at_one_place_both_stay_only_if_class_aware():
    found = candidates([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]], class_id=[4, 79, 4])
    assert suppress(found, kind="iou", iou=0.5, class_aware=True, limit=9)[0].tolist() == [0, 1]
    assert suppress(found, kind="iou", iou=0.5, class_aware=False, limit=9)[0].tolist() == [0]


FLAT = [[0, 0, 0, 0], [50, 50, 50, 50], [90, 90, 90, 95], [10, 10, 20, 20], [12, 12, 12, 18]]


@pytest.mark.parametrize("ahead", [0, 200])
def test_boxes_without_area_suppress_nothing(ahead):
    # `ahead`: as many boxes far away before them, so that they come in a later block.
    far = [[1000 + 20 * i, 0, 1010 + 20 * i, 10] for i in range(ahead)]
    found = candidates(far + FLAT)
    kept, _ = suppress(found, kind="iou", iou=0.5, class_aware=False, limit=1000)
    assert kept.tolist() == list(range(ahead + len(FLAT)))


@pytest.mark.parametrize("ahead", [0, 200])
def test_a_box_turned_inside_out_suppresses_nothing(ahead):
    far = [[1000 + 20 * i, 0, 1010 + 20 * i, 10] for i in range(ahead)]
    found = candidates([*far, [60, 10, 20, 50], [100, 100, 120, 120], [300, 300, 330, 330]])
    kept, _ = suppress(found, kind="iou", iou=0.5, class_aware=False, limit=1000)
    assert kept.tolist() == list(range(ahead + 3))


@pytest.mark.parametrize("wild", [1e5, 1e9, 1e12, 3e38])
def test_one_box_of_absurd_size_costs_no_other_class_its_boxes(wild):
    found = candidates(
        [[0, 0, wild, wild], [10, 10, 30, 30], [40, 10, 60, 30], [200, 200, 220, 215], [11, 10, 31, 30]],
        class_id=[0, 1, 1, 1, 1],
    )
    kept, _ = suppress(found, kind="iou", iou=0.5, class_aware=True, limit=9)
    assert kept.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("kind", ["none", "iou"])
def test_few_or_no_candidates(kind, count):
    found = candidates([[20 * i, 0, 20 * i + 10, 10] for i in range(count)])
    kept, cut = suppress(found, kind=kind, iou=0.5, class_aware=True, limit=3)
    assert kept.tolist() == list(range(min(count, 3)))
    assert cut is (count > 3)


def test_no_suppression_keeps_overlapping_boxes():
    found = candidates([[0, 0, 10, 10]] * 4)
    assert suppress(found, kind="none", iou=0.5, class_aware=True, limit=9)[0].tolist() == [0, 1, 2, 3]
