"""The overlap of oriented boxes against a polygon library, and against the formula of the paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowds import probiou_of, rotated_iou_of
from lineside.postprocess.rotated import overlaps, probiou

PLACE = st.floats(-50, 50, allow_subnormal=False)
SIDE = st.floats(0.5, 80)
TURN = st.one_of(
    st.floats(-2 * math.pi, 2 * math.pi, allow_subnormal=False),
    st.sampled_from([k * math.pi / 4 for k in range(-4, 5)]),
)
BOX = st.tuples(PLACE, PLACE, SIDE, SIDE, TURN)
WHOLE = st.integers(-8, 8)
# Sides on one line and corners on sides: where cutting polygons goes wrong first.
TOUCHING = st.tuples(
    WHOLE,
    WHOLE,
    st.integers(1, 8),
    st.integers(1, 8),
    st.sampled_from([0.0, math.pi / 2, math.pi, math.pi / 4]),
)


def one(measure, a, b):
    return measure(np.array([a], np.float64), np.array([b], np.float64))[0, 0]


@given(BOX, BOX)
def test_the_iou_is_that_of_the_polygons(a, b):
    assert one(overlaps, a, b) == pytest.approx(rotated_iou_of(a, b), abs=1e-9)


@given(TOUCHING, TOUCHING)
def test_the_iou_of_boxes_that_share_sides_and_corners_is_that_of_the_polygons(a, b):
    assert one(overlaps, a, b) == pytest.approx(rotated_iou_of(a, b), abs=1e-9)


@given(BOX, BOX, st.floats(-2000, 2000), st.floats(-math.pi, math.pi))
def test_the_iou_is_the_same_wherever_the_pair_lies_and_however_it_is_turned(a, b, shift, turn):
    def moved(box):
        x, y, width, height, angle = box
        cos, sin = math.cos(turn), math.sin(turn)
        return cos * x - sin * y + shift, sin * x + cos * y - shift, width, height, angle + turn

    assert one(overlaps, moved(a), moved(b)) == pytest.approx(one(overlaps, a, b), abs=1e-8)
    assert one(probiou, moved(a), moved(b)) == pytest.approx(one(probiou, a, b), abs=1e-6)


@pytest.mark.parametrize("measure", [overlaps, probiou])
@given(a=BOX, b=BOX)
def test_an_overlap_is_a_share_and_the_same_both_ways(measure, a, b):
    there, back = one(measure, a, b), one(measure, b, a)
    assert 0 <= there <= 1
    assert there == pytest.approx(back, abs=1e-9)


@pytest.mark.parametrize("measure", [overlaps, probiou])
@given(box=BOX)
def test_a_box_overlaps_itself_wholly_also_when_told_with_its_sides_exchanged(measure, box):
    x, y, width, height, turn = box
    assert one(measure, box, box) == pytest.approx(1, abs=1e-6)
    assert one(measure, box, (x, y, height, width, turn + math.pi / 2)) == pytest.approx(1, abs=1e-6)


@given(BOX, BOX)
def test_the_probiou_is_that_of_the_gaussians(a, b):
    assert one(probiou, a, b) == pytest.approx(probiou_of(a, b), abs=1e-5)


@pytest.mark.parametrize("measure", [overlaps, probiou])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (1, 1), (40, 25)])
def test_every_pair_has_its_overlap(measure, shape):
    rng = np.random.default_rng(5)
    a, b = (
        np.concatenate(
            [rng.uniform(0, 60, (n, 2)), rng.uniform(4, 40, (n, 2)), rng.uniform(0, 3, (n, 1))], axis=1
        ).astype(np.float32)
        for n in shape
    )
    found = measure(a, b)
    assert found.shape == shape
    assert found.dtype == np.float64
    expected = [[one(measure, p, q) for q in b] for p in a]
    np.testing.assert_allclose(found, np.reshape(expected, shape), atol=1e-12)


@pytest.mark.parametrize("measure", [overlaps, probiou])
@pytest.mark.parametrize(
    "flat", [(0, 0, 0, 5, 0.3), (0, 0, 5, 0, 0.3), (0, 0, 0, 0, 0), (0, 0, -3, 4, 0), (0, 0, -3, -4, 0)]
)
def test_a_box_without_an_area_overlaps_nothing(measure, flat):
    assert one(measure, flat, flat) == 0
    assert one(measure, flat, (0, 0, 10, 10, 0.1)) == 0


@pytest.mark.parametrize("measure", [overlaps, probiou])
@pytest.mark.parametrize("wild", [1e6, 1e12, 3e38])
def test_a_box_of_absurd_size_leaves_the_others_numbers(measure, wild):
    boxes = np.array(
        [[0, 0, wild, wild, 0.5], [wild, 0, 10, 10, 0], [5, 5, 10, 10, 0.2], [5, 6, 10, 10, 0.2]]
    )
    found = measure(boxes, boxes)
    assert np.isfinite(found).all()
    assert found[2, 3] == pytest.approx(one(measure, boxes[2], boxes[3]), abs=1e-12)
    assert found[0, 2] < 1e-3
