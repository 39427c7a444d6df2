"""The crop of a classifier against Pillow, which the models were trained with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lineside.core.geometry import Fit, Letterbox, Size
from lineside.models.spec import Conventions
from lineside.preprocess.letterbox import Slot

CROP = Fit(anchor="crop", rounding="floor")
CONVENTIONS = Conventions(fit=CROP)
MODEL = Size(height=64, width=64)
sides = st.integers(1, 400)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def reference(image, side, *, steps=True):
    """torchvision's Resize of a PIL image to `side`, and its CenterCrop; in steps: the width before the height.

    At some sizes Pillow 13 itself takes the height first, and rounds in between.
    """
    height, width = image.shape[:2]
    longer = int(side * max(height, width) / min(height, width))
    size = (side, longer) if width <= height else (longer, side)
    resized = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    for sides in ((size[0], height), size) if steps else (size,):
        resized = resized.resize(sides, Image.Resampling.BILINEAR)
    left, top = (round((length - side) / 2.0) for length in size)
    return np.asarray(resized)[top : top + side, left : left + side].transpose(2, 0, 1)[None]


@settings(max_examples=60)
@given(height=sides, width=sides, seed=st.integers(0, 1000))
def test_planes_are_pillows_to_the_last_grey_level(height, width, seed):
    image = noise(height, width, seed)
    slot = Slot(MODEL, CONVENTIONS)
    slot.fill(image)
    np.testing.assert_array_equal(slot.planes, reference(image, 64))


@settings(max_examples=30)
@given(height=sides, width=sides)
def test_in_whatever_order_pillow_works_the_difference_is_one_grey_level(height, width):
    image = noise(height, width)
    slot = Slot(MODEL, CONVENTIONS)
    slot.fill(image)
    assert np.abs(slot.planes.astype(int) - reference(image, 64, steps=False)).max() <= 1


@pytest.mark.parametrize("size", [(1080, 1920), (720, 1280), (224, 224), (448, 448), (300, 225), (1000, 3)])
def test_pictures_of_common_sizes_at_the_usual_input(size):
    image = noise(*size)
    slot = Slot(Size(224, 224), CONVENTIONS)
    slot.fill(image)
    np.testing.assert_array_equal(slot.planes, reference(image, 224))


def test_a_fine_pattern_becomes_grey_instead_of_stripes():
    image = np.zeros((640, 640, 3), np.uint8)
    image[::2] = 255
    slot = Slot(MODEL, CONVENTIONS)
    slot.fill(image)
    assert np.abs(slot.planes[..., 2:-2, :].astype(int) - 128).max() <= 2


@settings(max_examples=30)
@given(frames=st.lists(st.tuples(sides, sides), min_size=2, max_size=4))
def test_nothing_of_the_last_frame_is_left_when_the_size_changes(frames):
    slot = Slot(MODEL, CONVENTIONS)
    for number, (height, width) in enumerate(frames):
        image = noise(height, width, number)
        slot.fill(image)
        np.testing.assert_array_equal(slot.planes, reference(image, 64))


def test_the_channel_order_is_the_models():
    image = noise(100, 80)
    planes = {}
    for colour in ("rgb", "bgr"):
        slot = Slot(MODEL, Conventions(colour=colour, fit=CROP))
        slot.fill(image)
        planes[colour] = slot.planes
    np.testing.assert_array_equal(planes["rgb"], planes["bgr"][:, ::-1])


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 40_000)])
def test_the_smallest_and_the_longest_pictures(size):
    image = noise(*size)
    slot = Slot(MODEL, CONVENTIONS)
    box = slot.fill(image)
    assert box.scaled.height >= 64
    assert box.scaled.width >= 64
    middle = image[size[0] // 2, size[1] // 2]
    if min(size) == max(size):
        np.testing.assert_array_equal(slot.planes[0, :, 32, 32], middle[::-1])


def test_an_input_that_is_not_square_is_covered_with_the_proportions_kept():
    image = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    slot = Slot(Size(height=50, width=60), CONVENTIONS)
    box = slot.fill(image)
    assert box == Letterbox.fit(Size(100, 200), Size(50, 60), CROP)
    assert box.scaled == Size(height=50, width=100)
    assert box.left_px == -20
    # Column x of the input shows the frame's columns around 2 * (x + 20).
    assert np.abs(slot.planes[0, 0, 25].astype(int) - (2 * np.arange(60) + 40.5)).max() <= 1
