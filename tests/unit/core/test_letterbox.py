"""The letterbox against the arithmetic of the references, and the way there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.geometry import Fit, Letterbox, Size

ULTRALYTICS = Fit()
YOLOX = Fit(anchor="corner", rounding="floor", gain="single")
STRETCH = Fit(anchor="stretch")
FITS = {"ultralytics": ULTRALYTICS, "yolox": YOLOX, "stretch": STRETCH}

sides = st.integers(1, 4096)
model_sides = st.sampled_from([32, 160, 320, 416, 640, 800, 1280])
frames = st.builds(Size, height=sides, width=sides)
models = st.builds(Size, height=model_sides, width=model_sides)


def ultralytics(frame, model):
    """`LetterBox` (scaled size and padding) and `scale_boxes` (gains), as they are written there."""
    r = min(model.height / frame.height, model.width / frame.width)
    new_unpad = round(frame.width * r), round(frame.height * r)
    dw, dh = (model.width - new_unpad[0]) / 2, (model.height - new_unpad[1]) / 2
    top, bottom = round(dh - 0.1), round(dh + 0.1)
    left, right = round(dw - 0.1), round(dw + 0.1)
    gains = new_unpad[0] / frame.width, new_unpad[1] / frame.height
    return new_unpad, (left, top, right, bottom), gains


def yolox(frame, model):
    """`preproc` of the YOLOX repository."""
    r = min(model.height / frame.height, model.width / frame.width)
    return (int(frame.width * r), int(frame.height * r)), r


@given(frames, models)
def test_centred_letterbox_is_that_of_ultralytics(frame, model):
    box = Letterbox.fit(frame, model, ULTRALYTICS)
    (width, height), (left, top, right, bottom), gains = ultralytics(frame, model)
    if min(width, height) == 0:  # there the reference fails; one pixel is the least that can be resized to
        assert min(box.scaled) == 1
        return
    assert (box.scaled.width, box.scaled.height) == (width, height)
    assert (box.left_px, box.top_px) == (left, top)
    assert box.left_px + box.scaled.width + right == model.width
    assert box.top_px + box.scaled.height + bottom == model.height
    assert (box.gain_x, box.gain_y) == gains


@given(frames, models)
def test_corner_letterbox_is_that_of_yolox(frame, model):
    box = Letterbox.fit(frame, model, YOLOX)
    (width, height), ratio = yolox(frame, model)
    assert (box.scaled.width, box.scaled.height) == (max(width, 1), max(height, 1))
    assert (box.left_px, box.top_px) == (0, 0)
    assert box.gain_x == box.gain_y == ratio


@pytest.mark.parametrize(
    ("frame", "fit", "scaled", "left_top", "gains"),
    [
        # Literal values, worked out once by hand, so that no formula proves itself.
        (Size(1080, 810), ULTRALYTICS, Size(640, 480), (80, 0), (480 / 810, 640 / 1080)),
        (Size(720, 1280), ULTRALYTICS, Size(360, 640), (0, 140), (0.5, 0.5)),
        (Size(333, 500), ULTRALYTICS, Size(426, 640), (0, 107), (1.28, 426 / 333)),
        (Size(427, 640), ULTRALYTICS, Size(427, 640), (0, 106), (1.0, 1.0)),  # 106 above, 107 below
        (Size(640, 427), ULTRALYTICS, Size(640, 427), (106, 0), (1.0, 1.0)),
        (Size(333, 500), YOLOX, Size(426, 640), (0, 0), (1.28, 1.28)),
        (Size(375, 501), YOLOX, Size(479, 640), (0, 0), (640 / 501, 640 / 501)),
        (Size(375, 501), STRETCH, Size(640, 640), (0, 0), (640 / 501, 640 / 375)),
    ],
)
def test_letterbox_in_640(frame, fit, scaled, left_top, gains):
    box = Letterbox.fit(frame, Size(640, 640), fit)
    assert box.scaled == scaled
    assert (box.left_px, box.top_px) == left_top
    assert (box.gain_x, box.gain_y) == pytest.approx(gains, rel=1e-12)


def test_rounding_is_half_to_even_as_pythons_is():
    # 5 * 0.5 = 2.5 and 7 * 0.5 = 3.5
    assert Letterbox.fit(Size(5, 20), Size(10, 10), ULTRALYTICS).scaled.height == 2
    assert Letterbox.fit(Size(7, 20), Size(10, 10), ULTRALYTICS).scaled.height == 4
    assert Letterbox.fit(Size(7, 20), Size(10, 10), YOLOX).scaled.height == 3


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize(
    "frame", [Size(1, 1), Size(1, 5000), Size(5000, 1), Size(2, 30000), Size(20000, 20000)]
)
def test_extreme_frames_keep_at_least_a_pixel_and_stay_inside(fit, frame):
    model = Size(416, 640)
    box = Letterbox.fit(frame, model, fit)
    assert 1 <= box.scaled.height <= model.height
    assert 1 <= box.scaled.width <= model.width
    assert box.top_px >= 0
    assert box.left_px >= 0
    assert box.top_px + box.scaled.height <= model.height
    assert box.left_px + box.scaled.width <= model.width


def test_a_frame_of_the_models_size_is_left_as_it_is():
    box = Letterbox.fit(Size(416, 640), Size(416, 640), ULTRALYTICS)
    assert (box.scaled, box.left_px, box.top_px, box.gain_x, box.gain_y) == (Size(416, 640), 0, 0, 1.0, 1.0)


@given(
    frames,
    # Sizes that models have; in a model far from square padding eats up the digits of a float32.
    st.sampled_from(
        [Size(320, 320), Size(416, 416), Size(480, 640), Size(640, 640), Size(608, 800), Size(1280, 1280)]
    ),
    st.sampled_from(list(FITS.values())),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=20),
)
def test_boxes_come_back_from_the_model_within_a_thousandth_of_a_pixel(frame, model, fit, shares):
    box = Letterbox.fit(frame, model, fit)
    extent = [frame.width, frame.height] * 2
    boxes = (np.array(shares) * extent).astype(np.float32)
    there = box.to_model(boxes)
    assert there.dtype == np.float32
    box.to_frame(there)
    np.testing.assert_allclose(there, boxes, rtol=0, atol=1e-3)


@given(frames, models, st.sampled_from(list(FITS.values())))
def test_the_frame_covers_its_part_of_the_model_input(frame, model, fit):
    box = Letterbox.fit(frame, model, fit)
    whole = np.array([[0, 0, frame.width, frame.height]], np.float32)
    left, top, right, bottom = box.to_model(whole)[0]
    assert (left, top) == (box.left_px, box.top_px)
    # One factor for both axes misses the whole pixel that the scaled size was cut to by up to one.
    assert right - left == pytest.approx(box.scaled.width, abs=1.001 if fit.gain == "single" else 1e-2)
    assert bottom - top == pytest.approx(box.scaled.height, abs=1.001 if fit.gain == "single" else 1e-2)


def test_boxes_are_clipped_to_the_frame_in_place_and_the_way_there_copies():
    box = Letterbox.fit(Size(100, 200), Size(64, 64), ULTRALYTICS)
    boxes = np.array([[-10, -10, 80, 80], [0, 0, 5, 5]], np.float32)
    box.to_frame(boxes)
    np.testing.assert_array_equal(boxes, np.array([[0, 0, 200, 100], [0, 0, 15.625, 0]], np.float32))
    kept = boxes.copy()
    box.to_model(boxes)
    np.testing.assert_array_equal(boxes, kept)


def test_no_boxes_are_no_trouble():
    box = Letterbox.fit(Size(100, 200), Size(64, 64), ULTRALYTICS)
    empty = np.empty((0, 4), np.float32)
    box.to_frame(empty)
    assert box.to_model(empty).shape == (0, 4)


def test_a_size_reads_as_people_write_it():
    assert str(Size(height=480, width=640)) == "640x480"


CROP = Fit(anchor="crop", rounding="floor")


def resized_and_cropped(frame, side):
    """torchvision's `Resize(side)` and `CenterCrop(side)`: width and height, and what is cut off left and above."""
    short, long = sorted(frame)
    longer = int(side * long / short)
    width, height = (side, longer) if frame.width <= frame.height else (longer, side)
    return (width, height), (round((width - side) / 2.0), round((height - side) / 2.0))


@given(frames, model_sides)
def test_a_crop_is_that_of_torchvision(frame, side):
    box = Letterbox.fit(frame, Size(side, side), CROP)
    size, cut = resized_and_cropped(frame, side)
    assert (box.scaled.width, box.scaled.height) == size
    assert (-box.left_px, -box.top_px) == cut


@given(frames, models, st.sampled_from([CROP, Fit(anchor="crop"), Fit(anchor="crop", gain="single")]))
def test_a_crop_covers_the_whole_input_with_the_middle_of_the_frame(frame, model, fit):
    box = Letterbox.fit(frame, model, fit)
    assert box.scaled.width >= model.width
    assert box.scaled.height >= model.height
    assert model.width in box.scaled or model.height in box.scaled
    for padding, scaled, side in (
        (box.left_px, box.scaled.width, model.width),
        (box.top_px, box.scaled.height, model.height),
    ):
        assert abs(-2 * padding - (scaled - side)) <= 1


def test_a_box_of_the_crop_comes_back_to_its_place_in_the_frame():
    box = Letterbox.fit(Size(100, 200), Size(50, 50), CROP)
    boxes = np.array([[0, 0, 50, 50], [10, 20, 30, 40]], np.float32)
    box.to_frame(boxes)
    assert boxes.tolist() == [[50, 0, 150, 100], [70, 40, 110, 80]]
