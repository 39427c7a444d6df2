"""Sprites lie where they are laid, and what hangs over an edge is cut off."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.capture.plant.sprite import Block, Pose, Sprite, lay, whole

COLOUR = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
COVER = np.random.default_rng(2).random((9, 7), dtype=np.float32)


def sprite(cover=COVER, shadow=0.0):
    return Sprite.of(COLOUR, cover, shadow, (3.0, 4.0))


def background(height=40, width=30):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(x=st.integers(-40, 80), y=st.integers(-40, 80))
@settings(max_examples=60)
def test_a_block_touches_its_window_and_no_other_pixel(x, y):
    image = background()
    before = image.copy()

    window, through = Block.of(sprite()).lay(image, (x, y))

    untouched = np.ones(image.shape[:2], bool)
    if not window.is_empty:
        untouched[window.top : window.bottom, window.left : window.right] = False
        assert through.shape == window.of(image).shape
    np.testing.assert_array_equal(image[untouched], before[untouched])


@given(x=st.integers(-5, 35), y=st.integers(-5, 45))
@settings(max_examples=60)
def test_a_block_and_a_warped_sprite_at_a_whole_pixel_are_the_same(x, y):
    one, other = background(), background()

    Block.of(sprite()).lay(one, (x, y))
    lay(other, sprite(), Pose(np.eye(2), (float(x), float(y))))

    np.testing.assert_allclose(one.astype(int), other.astype(int), atol=1)


def test_cover_hides_and_shadow_darkens_what_lies_below():
    image = np.full((20, 20, 3), 200, np.uint8)
    cover = np.zeros((9, 7), np.float32)
    cover[:, :3] = 1

    lay(image, sprite(cover, shadow=0.5), Pose(np.eye(2), (10.0, 10.0)))

    np.testing.assert_allclose(image[7:14, 7:9].astype(int), COLOUR[1:8, :2].astype(int), atol=1)
    np.testing.assert_allclose(image[7:14, 11:13], 100, atol=1)
    assert (image[:, 15:] == 200).all()


@given(turn=st.floats(-7, 7), scale=st.floats(0.3, 3), x=st.floats(-20, 60), y=st.floats(-20, 60))
@settings(max_examples=60)
def test_a_pose_places_the_points_that_its_warp_does(turn, scale, x, y):
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    pose = Pose(matrix, (x, y))
    affine = pose.affine((3.0, 4.0), whole(background()))

    np.testing.assert_allclose(affine @ (3.0, 4.0, 1.0), (x, y), atol=1e-9)
    np.testing.assert_allclose(affine @ (5.0, 1.0, 1.0), pose.place(2.0, -3.0), atol=1e-9)
