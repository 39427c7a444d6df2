"""Keypoints come back to the frame, and nothing that is none passes."""

from __future__ import annotations

import numpy as np
import pytest

from lineside.core.errors import ModelOutputError
from lineside.core.geometry import Fit, Letterbox, Size
from lineside.postprocess.finite import check_finite
from lineside.postprocess.keypoints import frame_keypoints

# 200x100 in 96x64: scaled to 96x48, 8 px above and below, 0.48 model pixels a frame pixel.
BOX = Letterbox.fit(Size(height=100, width=200), Size(height=64, width=96), Fit())


def test_points_lose_the_padding_and_the_gain():
    values = np.array([[48, 32, 0.75, 0, 8, 0.25]], np.float32)
    found = frame_keypoints(values, (2, 3), BOX)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([[[100, 50, 0.75], [0, 0, 0.25]]]), abs=1e-4)


def test_points_without_a_visibility_are_visible():
    found = frame_keypoints(np.array([[48, 32, 96, 56, 0, 8]], np.float32), (3, 2), BOX)
    assert found == pytest.approx(np.array([[[100, 50, 1], [200, 100, 1], [0, 0, 1]]]), abs=1e-4)


def test_points_outside_the_picture_are_put_on_its_edge():
    found = frame_keypoints(np.array([[-5, 0, 1, 300, 63, 1]], np.float32), (2, 3), BOX)
    assert found[0, :, :2].tolist() == [[0, 0], [200, 100]]


def test_the_models_answer_stays_as_it_is():
    values = np.array([[48, 32, 0.75]], np.float32)
    frame_keypoints(values, (1, 3), BOX)
    assert values.tolist() == [[48, 32, 0.75]]


def test_no_objects_have_no_keypoints():
    assert frame_keypoints(np.empty((0, 51), np.float32), (17, 3), BOX).shape == (0, 17, 3)


@pytest.mark.parametrize("visibility", [-0.1, 1.1, 40.0])
def test_a_visibility_that_is_no_probability_is_refused(visibility):
    with pytest.raises(ModelOutputError, match="visibility"):
        frame_keypoints(np.array([[48, 32, visibility]], np.float32), (1, 3), BOX)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_found(kind, turned, value):
    values = np.full((7, 5), -1, kind)
    check_finite(values.T if turned else values, "value")
    values[6, 2] = value
    with pytest.raises(ModelOutputError, match="a value that is NaN or infinite"):
        check_finite(values.T if turned else values, "value")


@pytest.mark.parametrize("large", [6e4, 3e38])
def test_large_values_are_no_fault(large):
    check_finite(np.full(1000, large, np.float16 if large < 1e5 else np.float32), "value")
    check_finite(np.empty((0, 3), np.float32), "value")
