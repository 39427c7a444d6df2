"""The slot against a letterbox written out step by step, and its buffers over many frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.core.geometry import Fit, Letterbox, Size
from lineside.models.spec import Conventions
from lineside.preprocess.letterbox import Slot, as_bgr

CONVENTIONS = {
    "ultralytics": Conventions(),
    "yolox": Conventions(colour="bgr", scale=1.0, fit=Fit(anchor="corner", rounding="floor", gain="single")),
    "black padding": Conventions(fit=Fit(pad_value=0)),
    "stretch": Conventions(fit=Fit(anchor="stretch")),
}
MODEL = Size(height=96, width=128)
sides = st.integers(1, 300)


def noise(height, width, seed=0, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def reference(image, model, conventions):
    """Resize, pad and transpose as the reference implementations do, with new arrays at each step."""
    fit = conventions.fit
    height, width = image.shape[:2]
    scaled = (model.width, model.height)
    left = top = 0
    if fit.anchor != "stretch":
        ratio = min(model.height / height, model.width / width)
        whole = round if fit.rounding == "round" else int
        scaled = (max(whole(width * ratio), 1), max(whole(height * ratio), 1))
    if fit.anchor == "centre":
        left = round((model.width - scaled[0]) / 2 - 0.1)
        top = round((model.height - scaled[1]) / 2 - 0.1)
    if scaled != (width, height):
        image = cv2.resize(image, scaled, interpolation=cv2.INTER_LINEAR)
    bottom, right = model.height - top - scaled[1], model.width - left - scaled[0]
    grey = (fit.pad_value,) * 3
    padded = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=grey)
    ordered = padded[..., ::-1] if conventions.colour == "rgb" else padded
    return ordered.transpose(2, 0, 1)[None]


@pytest.mark.parametrize("conventions", CONVENTIONS.values(), ids=CONVENTIONS)
@settings(max_examples=50)
@given(height=sides, width=sides, seed=st.integers(0, 1000))
def test_planes_are_those_of_the_reference(conventions, height, width, seed):
    image = noise(height, width, seed)
    slot = Slot(MODEL, conventions)
    slot.fill(image)
    assert slot.planes.shape == (1, 3, *MODEL)
    assert slot.planes.dtype == np.uint8
    np.testing.assert_array_equal(slot.planes, reference(image, MODEL, conventions))


@pytest.mark.parametrize("conventions", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (1, 500), (500, 1), (96, 1), (1, 128), (2000, 3), (4, 40_000), (40_000, 4), (720, 1280)],
)
def test_the_smallest_and_the_longest_pictures(conventions, height, width):
    image = noise(height, width)
    slot = Slot(MODEL, conventions)
    slot.fill(image)
    np.testing.assert_array_equal(slot.planes, reference(image, MODEL, conventions))


@pytest.mark.parametrize("conventions", CONVENTIONS.values(), ids=CONVENTIONS)
@settings(max_examples=25)
@given(frames=st.lists(st.tuples(sides, sides), min_size=2, max_size=6))
def test_no_pixel_of_the_last_frame_is_left_when_the_size_changes(conventions, frames):
    slot = Slot(MODEL, conventions)
    for number, (height, width) in enumerate(frames):
        image = noise(height, width, number)
        slot.fill(image)
        np.testing.assert_array_equal(slot.planes, reference(image, MODEL, conventions))


@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize(
    ("height", "width"), [(720, 1280), (1280, 720), (1280, 1280), (2, 1280), (1280, 2), (1002, 1280)]
)
def test_a_frame_twice_as_large_is_halved_as_the_reference_does(height, width, colour):
    model, conventions = Size(height=640, width=640), Conventions(colour=colour)
    slot = Slot(model, conventions)
    for seed in range(2):
        image = noise(height, width, seed)
        slot.fill(image)
        np.testing.assert_array_equal(slot.planes, reference(image, model, conventions))


@settings(max_examples=50)
@given(height=st.integers(1, 96), width=st.integers(1, 128), fill=st.booleans())
def test_a_small_frame_twice_as_large_is_halved_as_the_reference_does(height, width, fill):
    image = noise(2 * (96 if fill else height), 2 * (width if fill else 128))
    slot = Slot(MODEL, Conventions())
    slot.fill(image)
    np.testing.assert_array_equal(slot.planes, reference(image, MODEL, Conventions()))


def test_a_picture_of_the_models_size_goes_in_pixel_by_pixel():
    image = noise(*MODEL)
    for conventions in CONVENTIONS.values():
        slot = Slot(MODEL, conventions)
        slot.fill(image)
        first_plane = 2 if conventions.colour == "rgb" else 0
        np.testing.assert_array_equal(slot.planes[0, 0], image[..., first_plane])
        np.testing.assert_array_equal(slot.planes[0, 1], image[..., 1])


def test_the_way_back_is_the_letterbox_of_the_frame():
    slot = Slot(MODEL, CONVENTIONS["ultralytics"])
    for size in (Size(100, 50), MODEL, Size(33, 77)):
        assert slot.fill(noise(*size)) == Letterbox.fit(size, MODEL, CONVENTIONS["ultralytics"].fit)


def test_the_buffer_stays_the_same_whatever_comes():
    slot = Slot(MODEL, CONVENTIONS["ultralytics"])
    planes, address = slot.planes, slot.planes.ctypes.data
    for size in (Size(100, 50), Size(100, 50), MODEL, Size(33, 77)):
        slot.fill(noise(*size))
    assert slot.planes is planes
    assert slot.planes.ctypes.data == address
    assert planes.flags.c_contiguous


@pytest.mark.parametrize("size", [MODEL, Size(48, 64), Size(300, 200)])
def test_the_picture_itself_is_never_changed(size):
    image = noise(*size)
    kept = image.copy()
    image.flags.writeable = False
    slot = Slot(MODEL, CONVENTIONS["ultralytics"])
    slot.fill(as_bgr(image))
    slot.fill(as_bgr(noise(*size, seed=1)))
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::2, ::2],
        lambda a: a[::-1],
        lambda a: a[:, ::-1],
        lambda a: a[..., ::-1],
        lambda a: a[10:50, 20:60],
        lambda a: a[::-1][:1],
        lambda a: a[:, :1],
        lambda a: a.transpose(1, 0, 2),
        np.asfortranarray,
        lambda a: np.broadcast_to(a[:1], a.shape),
    ],
)
def test_a_view_is_read_as_what_it_shows(view):
    image = view(noise(80, 90))
    slot = Slot(MODEL, CONVENTIONS["ultralytics"])
    slot.fill(as_bgr(image))
    np.testing.assert_array_equal(slot.planes, reference(image.copy(), MODEL, CONVENTIONS["ultralytics"]))
