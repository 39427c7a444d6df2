"""What counts as a picture."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lineside.core.errors import ImageFormatError
from lineside.preprocess.letterbox import as_bgr


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_a_contiguous_bgr_picture_is_taken_as_it_is():
    image = noise(5, 7, 3)
    assert as_bgr(image) is image


def test_grey_is_repeated():
    grey = noise(5, 7)
    for image in (grey, grey[..., None]):
        bgr = as_bgr(image)
        assert bgr.shape == (5, 7, 3)
        assert bgr.flags.c_contiguous
        for channel in range(3):
            np.testing.assert_array_equal(bgr[..., channel], grey)


def test_alpha_is_dropped_and_not_blended():
    image = noise(5, 7, 4)
    image[..., 3] = 0
    bgr = as_bgr(image)
    np.testing.assert_array_equal(bgr, image[..., :3])
    assert bgr.flags.c_contiguous


def test_what_comes_back_holds_no_other_memory_layout():
    assert as_bgr(noise(8, 9, 3)[::2, ::-1]).flags.c_contiguous


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (noise(5, 7, 3).astype(np.uint16), "got uint16 (5, 7, 3). Scale it to 0..255 first"),
        (noise(5, 7, 3).astype(np.float32), "got float32 (5, 7, 3)"),
        (noise(5, 7, 3).astype(np.int8), "got int8"),
        (noise(5, 7) > 9, "got bool (5, 7)"),
        (np.full((2, 2), None), "got object (2, 2)"),
        (noise(0, 7, 3), "no pixels; got uint8 (0, 7, 3)"),
        (noise(5, 0, 3), "no pixels"),
        (noise(0, 0), "no pixels"),
        (noise(5, 7, 0), "one picture; got uint8 (5, 7, 0)"),
        (noise(5, 7, 2), "one picture; got uint8 (5, 7, 2)"),
        (noise(3, 5, 7), "one picture; got uint8 (3, 5, 7)"),
        (noise(1, 5, 7, 3), "one picture; got uint8 (1, 5, 7, 3)"),
        (noise(7), "one picture; got uint8 (7,)"),
        (np.array(7, np.uint8), "one picture; got uint8 ()"),
        ([[[0, 0, 0]]], "got list"),
        (((0, 0), (0, 0)), "got tuple"),
        (None, "got NoneType"),
        ("part.png", "got str"),
        (np.uint8(7), "got uint8"),
        (b"\x89PNG", "got bytes"),
    ],
)
def test_anything_else_is_refused_with_what_it_is(image, said):
    with pytest.raises(ImageFormatError, match=re.escape(said)) as refusal:
        as_bgr(image)
    assert "uint8 (H, W, 3) BGR" in str(refusal.value) or "no pixels" in str(refusal.value)
    assert isinstance(refusal.value, TypeError)
