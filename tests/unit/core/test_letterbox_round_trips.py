"""There and back by every convention: each anchor with each rounding and gain, upright boxes and turned ones."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.geometry import Anchor, Fit, Gain, Letterbox, Rounding, Size

FITS = [
    Fit(anchor=anchor, rounding=rounding, gain=gain)
    for anchor, rounding, gain in product(get_args(Anchor), get_args(Rounding), get_args(Gain))
]
EPSILON = float(np.finfo(np.float32).eps)

sides = st.integers(1, 4096)
frames = st.builds(Size, height=sides, width=sides)
models = st.builds(
    Size, height=st.integers(1, 40).map(lambda n: 32 * n), width=st.integers(1, 40).map(lambda n: 32 * n)
)
letterboxes = st.builds(Letterbox.fit, frames, models, st.sampled_from(FITS))
shares = st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 4), min_size=1, max_size=8)
turned = st.lists(
    st.tuples(
        *[st.floats(0, 1, width=32)] * 2, *[st.floats(0.015625, 1, width=32)] * 2, st.floats(-4, 4, width=32)
    ),
    min_size=1,
    max_size=8,
)


def rounding_px(box):
    """What float32 loses on the way there and back, in frame pixels: x and y."""
    reach = [box.frame.width + abs(box.left_px) / box.gain_x, box.frame.height + abs(box.top_px) / box.gain_y]
    return 8 * EPSILON * np.array(reach)


def boxes_in(frame, shares):
    boxes = np.array(shares, np.float64) * ([frame.width, frame.height] * 2)
    boxes = np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )
    return boxes.astype(np.float32)


def oriented_in(model, rows):
    return (np.array(rows, np.float64) * [model.width, model.height, model.width, model.height, 1]).astype(
        np.float32
    )


def way_back(box, points):
    """Points (…, 2) from model pixels to frame pixels, in float64."""
    return (points - [box.left_px, box.top_px]) / [box.gain_x, box.gain_y]


def halves(xywhr):
    """Centres and the vectors along half the width and half the height, float64 (N, 2) each."""
    x, y, w, h, r = xywhr.astype(np.float64).T
    along = np.stack([np.cos(r), np.sin(r)], axis=1)
    across = np.stack([-np.sin(r), np.cos(r)], axis=1)
    return np.stack([x, y], axis=1), along * w[:, None] / 2, across * h[:, None] / 2


@given(letterboxes, shares)
def test_boxes_come_back_from_the_model(box, shares):
    boxes = boxes_in(box.frame, shares)
    there = box.to_model(boxes)
    box.to_frame(there)
    assert (np.abs(there - boxes) <= np.tile(rounding_px(box), 2)).all()


@given(letterboxes, shares)
def test_boxes_of_the_model_end_inside_the_frame_and_in_order(box, shares):
    boxes = boxes_in(box.model, shares)
    box.to_frame(boxes)
    assert (boxes >= 0).all()
    assert (boxes <= np.array([box.frame.width, box.frame.height] * 2, np.float32)).all()
    assert (boxes[:, :2] <= boxes[:, 2:]).all()


@given(letterboxes)
def test_the_whole_frame_covers_the_scaled_picture(box):
    """To one pixel: a single factor ignores that the scaled size was rounded to whole pixels."""
    corners = box.to_model(np.array([[0, 0, box.frame.width, box.frame.height]], np.float32))[0]
    expected = [box.left_px, box.top_px, box.left_px + box.scaled.width, box.top_px + box.scaled.height]
    # Of a frame that is thinner than a pixel there one pixel is left.
    np.testing.assert_allclose(corners, expected, rtol=1e-5, atol=1.001)


@given(letterboxes)
def test_the_input_is_covered_or_padded(box):
    """A crop leaves no padding and no other convention cuts anything off."""
    right = box.model.width - box.left_px - box.scaled.width
    bottom = box.model.height - box.top_px - box.scaled.height
    margins = np.array([box.left_px, box.top_px, right, bottom])
    assert (margins <= 0).all() or (margins >= 0).all()


@given(letterboxes, turned)
def test_turned_boxes_keep_their_centre_and_the_length_and_direction_of_their_sides(box, rows):
    before = oriented_in(box.model, rows)
    after = before.copy()
    box.to_frame_oriented(after)
    centre, along, across = halves(before)
    new_centre, new_along, new_across = halves(after)
    gains = np.array([box.gain_x, box.gain_y])
    reach = (
        np.abs(way_back(box, centre)).max()
        + np.hypot(*(np.abs(along) + np.abs(across)).T / gains[:, None]).max()
    )
    loose = 64 * EPSILON * (reach + rounding_px(box).max() / EPSILON)
    np.testing.assert_allclose(new_centre, way_back(box, centre), rtol=0, atol=loose)
    np.testing.assert_allclose(new_along, along / gains, rtol=1e-4, atol=loose)
    np.testing.assert_allclose(np.hypot(*new_across.T), np.hypot(*(across / gains).T), rtol=1e-4, atol=loose)


@given(letterboxes, shares)
def test_a_box_that_is_not_turned_goes_the_way_of_an_upright_one(box, shares):
    upright = boxes_in(box.model, shares)
    oriented = np.zeros((len(upright), 5), np.float32)
    oriented[:, :2] = (upright[:, :2] + upright[:, 2:]) / 2
    oriented[:, 2:4] = upright[:, 2:] - upright[:, :2]
    box.to_frame_oriented(oriented)
    centre, along, across = halves(oriented)
    corners = np.concatenate([centre - along - across, centre + along + across], axis=1)
    expected = np.concatenate([way_back(box, upright[:, :2]), way_back(box, upright[:, 2:])], axis=1)
    loose = np.maximum(np.abs(expected).max() * 1e-5, np.tile(rounding_px(box), 2) * 4)
    assert (np.abs(corners - expected) <= loose).all()


@given(
    st.builds(Letterbox.fit, frames, models, st.sampled_from([f for f in FITS if f.gain == "single"])), turned
)
def test_with_one_gain_all_corners_of_a_turned_box_go_the_way_of_points(box, rows):
    if box.gain_x != box.gain_y:  # stretched: there one gain is not a choice
        return
    before = oriented_in(box.model, rows)
    after = before.copy()
    box.to_frame_oriented(after)
    for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        centre, along, across = halves(before)
        new_centre, new_along, new_across = halves(after)
        expected = way_back(box, centre + u * along + v * across)
        loose = 1e-5 * np.abs(expected).max() + 8 * rounding_px(box).max()
        np.testing.assert_allclose(new_centre + u * new_along + v * new_across, expected, rtol=0, atol=loose)


@given(letterboxes)
def test_no_turned_boxes_are_no_trouble(box):
    empty = np.empty((0, 5), np.float32)
    box.to_frame_oriented(empty)
    assert empty.shape == (0, 5)
