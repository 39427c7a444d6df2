from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lineside.postprocess.distributions import boxes_around, mean_distances


def plain(logits):
    """The mean of each side's softmax in double precision, number by number."""
    found = []
    for row in logits.astype(np.float64):
        sides = row.reshape(4, -1)
        weights = np.exp(sides - sides.max(axis=1, keepdims=True))
        found.append([sum(k * w for k, w in enumerate(side)) / side.sum() for side in weights])
    return np.array(found).reshape(-1, 4)


@given(
    st.integers(1, 17).flatmap(
        lambda bins: arrays(
            np.float32, st.tuples(st.integers(0, 6), st.just(4 * bins)), elements=st.floats(-60, 60, width=32)
        )
    )
)
def test_distances_are_the_means_of_their_distributions(logits):
    distances = mean_distances(logits)
    assert distances.dtype == np.float32
    assert distances.shape == (len(logits), 4)
    assert np.abs(distances - plain(logits)).max(initial=0) < 1e-4
    assert ((distances >= 0) & (distances <= logits.shape[1] // 4 - 1 + 1e-5)).all()


def test_a_sure_bin_is_the_distance():
    logits = np.full((1, 32), -20, np.float32)
    for side, bin_ in enumerate((0, 3, 5, 7)):
        logits[0, 8 * side + bin_] = 20
    assert mean_distances(logits)[0] == pytest.approx([0, 3, 5, 7], abs=1e-5)


@pytest.mark.parametrize("top", [1e30, 3e38, -3e38])
def test_logits_of_any_size_overflow_nothing(top):
    logits = np.zeros((2, 32), np.float32)
    logits[:, 2] = top
    assert np.isfinite(mean_distances(logits)).all()


def test_halves_are_read_in_full_precision():
    logits = np.random.default_rng(0).standard_normal((9, 32)).astype(np.float16)
    assert np.abs(mean_distances(logits) - plain(logits)).max() < 1e-4


def test_the_logits_are_left_as_they_are():
    logits = np.random.default_rng(0).standard_normal((3, 32)).astype(np.float32)
    before = logits.copy()
    mean_distances(logits)
    assert np.array_equal(logits, before)


def test_no_rows_are_no_distances():
    assert mean_distances(np.empty((0, 32), np.float32)).shape == (0, 4)
    assert boxes_around(np.empty((0, 2), np.float32), np.empty((0, 4), np.float32)).shape == (0, 4)


def test_boxes_reach_to_all_four_sides_of_their_points():
    points = np.array([[10, 20], [0, 0]], np.float32)
    distances = np.array([[1, 2, 3, 4], [0, 0, 5, 6]], np.float32)
    assert boxes_around(points, distances).tolist() == [[9, 18, 13, 24], [0, 0, 5, 6]]
