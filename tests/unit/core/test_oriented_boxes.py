"""Oriented boxes: corners, the upright boxes around them, and one rotation for one rectangle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.oriented import corners, upright, within_half_turn

lengths = st.floats(0, 2000, width=32)
boxes = st.tuples(
    st.floats(-3000, 3000, width=32),
    st.floats(-3000, 3000, width=32),
    lengths,
    lengths,
    st.floats(-20, 20, width=32),
)


@given(st.lists(boxes, max_size=5))
def test_corners_are_the_sides_turned_about_the_centre(drawn):
    xywhr = np.array(drawn, np.float32).reshape(-1, 5)
    found = corners(xywhr)
    assert found.dtype == np.float32
    for (x, y, w, h, angle), four in zip(xywhr.astype(float).tolist(), found, strict=True):
        for (dx, dy), point in zip(((w, h), (w, -h), (-w, -h), (-w, h)), four, strict=True):
            right = x + dx / 2 * math.cos(angle) - dy / 2 * math.sin(angle)
            down = y + dx / 2 * math.sin(angle) + dy / 2 * math.cos(angle)
            assert point == pytest.approx((right, down), abs=0.01)


@given(st.lists(boxes, max_size=5))
def test_the_upright_box_touches_the_corners(drawn):
    xywhr = np.array(drawn, np.float32).reshape(-1, 5)
    four, around = corners(xywhr), upright(xywhr)
    assert around.dtype == np.float32
    assert np.allclose(around[:, :2], four.min(axis=1), atol=0.01)
    assert np.allclose(around[:, 2:], four.max(axis=1), atol=0.01)


@given(st.lists(boxes, max_size=5))
def test_a_rotation_within_half_a_turn_gives_the_same_rectangle(drawn):
    xywhr = np.array(drawn, np.float32).reshape(-1, 5)
    before = xywhr.copy()
    within_half_turn(xywhr)
    assert np.array_equal(xywhr[:, :4], before[:, :4])
    assert ((xywhr[:, 4] >= -math.pi / 4 - 1e-6) & (xywhr[:, 4] <= 3 * math.pi / 4 + 1e-6)).all()
    for one, other in zip(corners(before), corners(xywhr), strict=True):
        turned = np.roll(other, 2, axis=0)
        assert min(np.abs(one - other).max(), np.abs(one - turned).max()) < 0.02


def test_a_rotation_that_is_within_half_a_turn_stays_as_it_is():
    xywhr = np.array([[5, 5, 2, 1, angle] for angle in (-0.785, 0, 1.5732, 2.356)], np.float32)
    before = xywhr.copy()
    within_half_turn(xywhr)
    assert np.array_equal(xywhr, before)
