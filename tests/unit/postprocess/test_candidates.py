"""Candidates: which rows are chosen, and which answers of a model are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lineside.core.errors import ModelOutputError
from lineside.postprocess.candidates import (
    Selection,
    best_first,
    check_boxes,
    check_scores,
    from_centres,
    pick,
)
from lineside.postprocess.objectness import pick_with_objectness

FLOATS = (np.float32, np.float16)


def score_blocks(dtype=np.float32):
    """Class scores (classes, rows), with many equal and many just at the usual thresholds."""
    values = st.one_of(
        st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=np.dtype(dtype).itemsize * 8)
    )
    shapes = st.tuples(st.integers(1, 6), st.integers(0, 12))
    return npst.arrays(dtype, shapes, elements=values)


def wanted_masks(classes):
    return st.one_of(st.none(), npst.arrays(bool, classes))


def triples(picked):
    rows, classes, scores = picked
    assert scores.dtype == np.float32
    return sorted(zip(rows.tolist(), classes.tolist(), scores.tolist(), strict=True))


def allowed(classes, k):
    return classes is None or bool(classes[k])


@given(st.data(), st.sampled_from([0.0, 0.25, 0.5, 0.999, 1.0]), st.booleans(), st.sampled_from(FLOATS))
def test_pick_is_the_plain_loop(data, confidence, multi_label, dtype):
    scores = data.draw(score_blocks(dtype))
    classes = data.draw(wanted_masks(len(scores)))
    expected = []
    for row, column in enumerate(scores.T):
        candidates = range(len(column)) if multi_label else [int(column.argmax())]
        expected += [
            (row, k, float(column[k])) for k in candidates if column[k] > confidence and allowed(classes, k)
        ]
    got = pick(scores, Selection(confidence, classes, multi_label))
    assert triples(got) == sorted(expected)


@given(st.data(), st.sampled_from([0.0, 0.25, 0.5, 0.999]), st.booleans())
def test_pick_with_objectness_is_the_plain_loop(data, confidence, multi_label):
    scores = data.draw(score_blocks()).T
    objectness = data.draw(npst.arrays(np.float32, len(scores), elements=st.floats(0, 1, width=32)))
    classes = data.draw(wanted_masks(scores.shape[1]))
    products = scores * objectness[:, None]
    expected = []
    for row, values in enumerate(products):
        candidates = range(len(values)) if multi_label else [int(values.argmax())]
        expected += [
            (row, k, float(values[k])) for k in candidates if values[k] > confidence and allowed(classes, k)
        ]
    got = pick_with_objectness(objectness, scores, Selection(confidence, classes, multi_label))
    assert triples(got) == sorted(expected)


def test_a_row_whose_best_class_is_unwanted_is_dropped_and_not_relabelled():
    scores = np.array([[0.9, 0.1], [0.6, 0.7]], np.float32)
    only_second = Selection(0.25, np.array([False, True]))
    assert triples(pick(scores, only_second)) == [(1, 1, pytest.approx(0.7))]
    objectness = np.ones(2, np.float32)
    assert triples(pick_with_objectness(objectness, scores.T, only_second)) == [(1, 1, pytest.approx(0.7))]


def test_with_several_labels_a_row_keeps_its_wanted_ones():
    scores = np.array([[0.9], [0.6]], np.float32)
    assert triples(pick(scores, Selection(0.25, np.array([False, True]), multi_label=True))) == [
        (0, 1, pytest.approx(0.6))
    ]


def test_a_score_at_the_confidence_is_not_above_it():
    scores = np.array([[0.25, np.nextafter(np.float32(0.25), 1)]], np.float32)
    assert pick(scores, Selection(0.25))[0].tolist() == [1]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1.01, 2.0, 640.0])
@pytest.mark.parametrize("place", [(0, 0), (2, 4), (1, 2)])
def test_one_score_that_is_none_refuses_the_whole_answer(dtype, multi_label, bad, place):
    scores = np.full((3, 5), 0.1, dtype)
    scores[place] = bad
    with pytest.raises(ModelOutputError, match="expected 0 to 1"):
        pick(scores, Selection(0.25, multi_label=multi_label))


@pytest.mark.parametrize("bad", [-np.inf, -4.0])
@pytest.mark.parametrize("multi_label", [True, False])
def test_scores_far_below_zero_are_no_probabilities_and_not_nothing_found(bad, multi_label):
    with pytest.raises(ModelOutputError):
        pick(np.full((3, 5), bad, np.float32), Selection(0.25, multi_label=multi_label))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1.01])
def test_a_bad_class_score_of_a_likely_row_refuses_the_whole_answer(bad):
    scores = np.full((3, 4), 0.5, np.float32)
    scores[1, 2] = bad
    with pytest.raises(ModelOutputError):
        pick_with_objectness(np.array([0.1, 0.9, 0.2], np.float32), scores, Selection(0.25))


def test_scores_that_rounding_lifts_over_one_are_still_scores():
    check_scores(np.array([1.0005], np.float32))


def test_no_rows_are_no_fault():
    assert triples(pick(np.empty((3, 0), np.float32), Selection(0.25))) == []
    check_scores(np.empty(0, np.float32))
    check_boxes(np.empty((4, 0), np.float32))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "bad",
    [
        (np.nan,),
        (np.inf,),
        (-np.inf,),
        (np.inf, -np.inf),
    ],
)
def test_a_box_that_is_not_finite_refuses_the_whole_answer(dtype, bad):
    boxes = np.full((4, 50), 300, dtype)
    boxes.reshape(-1)[: len(bad)] = bad
    with pytest.raises(ModelOutputError, match="NaN or infinite box values"):
        check_boxes(boxes)


def test_the_largest_half_precision_boxes_are_no_fault():
    check_boxes(np.full((4, 8400), 65504, np.float16))


@pytest.mark.parametrize("dtype", FLOATS)
def test_centres_become_corners_in_float32_best_first(dtype):
    boxes = np.array([[100, 320.25], [50, 33.5], [20, 7.25], [10, 1.5]], dtype)
    found = from_centres(boxes, np.array([2, 5]), np.array([0.3, 0.9], np.float32), Selection(0.25))
    assert (found.xyxy.dtype, found.confidence.dtype, found.class_id.dtype) == (
        np.float32,
        np.float32,
        np.int32,
    )
    # 320.25 - 3.625 has no half precision form: the arithmetic is float32 whatever the model answers.
    np.testing.assert_array_equal(
        found.xyxy, np.array([[316.625, 32.75, 323.875, 34.25], [90, 45, 110, 55]], np.float32)
    )
    assert found.class_id.tolist() == [5, 2]
    assert not found.truncated


def test_candidates_own_their_arrays():
    boxes = np.array([[100.0], [50], [20], [10]], np.float32)
    scores = np.array([0.5], np.float32)
    found = from_centres(boxes, np.array([0]), scores, Selection(0.25))
    boxes[:] = 0
    scores[:] = 0
    assert found.xyxy.tolist() == [[90, 45, 110, 55]]
    assert found.confidence.tolist() == [0.5]


@pytest.mark.parametrize(("limit", "cut"), [(1, True), (2, True), (3, False), (4, False)])
def test_the_limit_keeps_the_best_and_tells(limit, cut):
    boxes = np.ones((4, 3), np.float32)
    scores = np.array([0.3, 0.9, 0.5], np.float32)
    found = from_centres(boxes, np.arange(3), scores, Selection(0.25, limit=limit))
    assert found.class_id.tolist() == [1, 2, 0][:limit]
    assert found.truncated is cut


@given(npst.arrays(np.float32, st.integers(0, 40), elements=st.floats(0, 1, width=32)), st.integers(1, 50))
def test_best_first_is_a_stable_descending_sort(scores, limit):
    order, cut = best_first(scores, limit)
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    assert order.tolist() == expected[:limit]
    assert cut is (len(scores) > limit)


@pytest.mark.parametrize("count", [511, 512, 513, 3000])
def test_many_scores_are_sorted_like_few(count):
    rng = np.random.default_rng(count)
    scores = rng.choice(np.float32([0.0, 1e-40, 0.25, 0.5, 1.0, *rng.random(200)]), count)
    order, _ = best_first(scores, count)
    assert order.dtype == np.intp
    np.testing.assert_array_equal(order, (-scores).argsort(kind="stable"))


@given(st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_matter_where_scores_differ(order):
    rng = np.random.default_rng(5)
    boxes = rng.uniform(5, 90, (4, 12)).astype(np.float32)
    scores = np.linspace(0.2, 0.9, 12, dtype=np.float32)
    classes = np.arange(12)
    one = from_centres(boxes, classes, scores, Selection(0.25, limit=9))
    order = np.array(order)
    other = from_centres(boxes[:, order], classes[order], scores[order], Selection(0.25, limit=9))
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    np.testing.assert_array_equal(one.class_id, other.class_id)
    np.testing.assert_array_equal(one.confidence, other.confidence)
