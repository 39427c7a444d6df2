"""Lens correction, rotation, crop and mask."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from lineside.capture.adjust import Adjustment, AdjustmentSettings, refuse_outside
from lineside.core.errors import ImageFormatError, SettingsError
from lineside.core.frame import Frame
from lineside.core.geometry import Size


def frame(height: int = 60, width: int = 80) -> Frame:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Frame(image, "top", 7, captured_s=1.5, part=3)


def adjusted(source: Frame, **asked: object) -> np.ndarray:
    return Adjustment(AdjustmentSettings.model_validate(asked)).apply(source).image


def test_by_default_the_frame_stays_itself():
    source = frame()
    assert Adjustment(AdjustmentSettings()).apply(source) is source


@pytest.mark.parametrize(("degrees", "quarters"), [(90, -1), (180, 2), (270, 1)])
def test_rotation_is_clockwise(degrees, quarters):
    source = frame()
    np.testing.assert_array_equal(adjusted(source, rotate=degrees), np.rot90(source.image, quarters))


def test_mirror_comes_after_rotation_and_the_crop_after_both():
    source = frame()
    expected = np.rot90(source.image, -1)[:, ::-1][10:40, 5:45]
    crop = {"left": 5, "top": 10, "width": 40, "height": 30}
    got = adjusted(source, rotate=90, mirror="horizontal", crop=crop)
    np.testing.assert_array_equal(got, expected)
    assert got.flags.c_contiguous


def test_a_mask_paints_a_copy_and_keeps_all_else():
    source = frame()
    before = source.image.copy()
    got = adjusted(source, mask=[[(0, 0), (20, 0), (20, 20), (0, 20)]], mask_value=7)
    assert (got[:20, :20] == 7).all()
    np.testing.assert_array_equal(got[25:], before[25:])
    np.testing.assert_array_equal(source.image, before)


def test_what_is_known_of_the_frame_travels_on():
    got = Adjustment(AdjustmentSettings(rotate=90)).apply(frame())
    assert (got.stream, got.sequence, got.captured_s, got.part) == ("top", 7, 1.5, 3)


def test_a_lens_without_distortion_changes_nothing_and_one_with_it_moves_corners_not_the_centre():
    image = np.zeros((101, 101, 3), np.uint8)
    image[50, 50] = image[5, 5] = 255
    source = Frame(image, "top", 0)
    lens = {"focal_px": (100, 100), "centre_px": (50, 50)}
    np.testing.assert_array_equal(adjusted(source, lens=lens | {"distortion": (0, 0, 0, 0)}), image)
    moved = adjusted(source, lens=lens | {"distortion": (0.3, 0, 0, 0)})
    assert moved[50, 50].min() > 200
    assert moved[5, 5].max() < 200


def test_a_crop_outside_the_picture_is_refused_with_the_camera():
    crop = {"left": 70, "top": 0, "width": 20, "height": 20}
    with pytest.raises(
        ImageFormatError, match="camera top: crop: expected it within the picture of 80x60; it ends at 90x20"
    ):
        Adjustment(AdjustmentSettings.model_validate({"crop": crop}), "top").apply(frame())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"rotate": 90, "crop": {"left": 50, "top": 0, "width": 20, "height": 20}},
            "picture of 60x80; it ends at 70x20",
        ),
        (
            {"mask": [[(0, 0), (90, 0), (0, 9)]]},
            r"mask\[0\]: expected corners within the picture of 80x60; got 90, 0",
        ),
    ],
)
def test_what_cannot_fit_is_said_before_the_first_picture(asked, message):
    settings = AdjustmentSettings.model_validate(asked)
    with pytest.raises(SettingsError, match=message):
        refuse_outside(settings, Size(60, 80), "camera.top.adjust")


@pytest.mark.parametrize(
    "asked",
    [
        {"rotate": 45},
        {"mask": [[(0, 0), (1, 1)]]},
        {"lens": {"focal_px": (0, 1), "centre_px": (1, 1), "distortion": (0,) * 4}},
    ],
)
def test_settings_that_mean_nothing_are_refused(asked):
    with pytest.raises(ValidationError):
        AdjustmentSettings.model_validate(asked)
