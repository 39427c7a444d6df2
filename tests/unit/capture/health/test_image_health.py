"""What the gate before the model refuses, and what it lets through."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lineside.capture.health.baseline import LEAST_PICTURES, Baseline, load_baseline
from lineside.capture.health.gate import Ailment, HealthGate, HealthSettings
from lineside.capture.health.measures import measure
from lineside.core.errors import ImageFormatError, SettingsError


def picture(seed: int, *, part_at: tuple[int, int] = (160, 120)) -> np.ndarray:
    """A textured surface with a bright disc on it, and the noise of a sensor."""
    rng = np.random.default_rng(seed)
    image = np.full((240, 320, 3), 90, np.uint8)
    image[::8] = 60
    cv2.circle(image, part_at, 50, (180, 190, 200), -1)
    cv2.putText(image, "LOT", (part_at[0] - 30, part_at[1]), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 20), 2)
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def usual() -> Baseline:
    return Baseline.learned([measure(picture(seed)) for seed in range(40)])


def ailment_of(gate: HealthGate, image: np.ndarray) -> str | None:
    found = gate.check(image)
    return None if found is None else str(found.ailment)


def test_a_usual_picture_can_be_judged(usual):
    gate = HealthGate(baseline=usual)
    assert [ailment_of(gate, picture(seed)) for seed in range(100, 130)] == [None] * 30


@pytest.mark.parametrize("value", [0, 114, 255])
@pytest.mark.parametrize("has_baseline", [False, True])
def test_an_even_picture_is_dead_whatever_its_value(usual, value, has_baseline):
    gate = HealthGate(baseline=usual if has_baseline else None)
    assert ailment_of(gate, np.full((240, 320, 3), value, np.uint8)) == Ailment.DEAD


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda image: cv2.GaussianBlur(image, (0, 0), 2), Ailment.DEFOCUSED),
        (lambda image: (image * 0.3).astype(np.uint8), Ailment.DARK),
        (lambda image: np.clip(image * 1.3 + 60, 0, 240).astype(np.uint8), Ailment.BRIGHT),
        (lambda image: np.where(image > 150, 255, image).astype(np.uint8), Ailment.SATURATED),
        (lambda image: image[:200], Ailment.FORMAT),
        (lambda image: np.repeat(image[..., :1], 3, axis=2), Ailment.FORMAT),
        (lambda image: np.ascontiguousarray(image[..., 1]), Ailment.FORMAT),
    ],
)
def test_what_is_unusual_is_told_apart(usual, change, expected):
    gate = HealthGate(baseline=usual)
    assert ailment_of(gate, change(picture(500))) == expected


def test_a_camera_that_always_sent_grey_values_goes_on_doing_so():
    grey = [np.ascontiguousarray(picture(seed)[..., 1]) for seed in range(30)]
    gate = HealthGate(baseline=Baseline.learned([measure(image) for image in grey]))
    assert ailment_of(gate, np.ascontiguousarray(picture(99)[..., 1])) is None


def test_a_camera_that_was_pushed_is_noticed_within_five_pictures(usual):
    gate = HealthGate(baseline=usual)
    seen = [ailment_of(gate, np.roll(picture(600 + n), (70, 90), (0, 1))) for n in range(5)]
    assert Ailment.SHIFTED in seen


@pytest.mark.parametrize(("value", "expected"), [(2.0, Ailment.DARK), (252.0, Ailment.BRIGHT)])
def test_without_a_baseline_the_absurd_is_refused(value, expected):
    coarse = np.random.default_rng(0).normal(value, 5, (24, 32))
    image = cv2.resize(np.clip(coarse, 0, 249), (320, 240), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    assert ailment_of(HealthGate(), np.repeat(image[..., None], 3, axis=2)) == expected


def test_without_a_baseline_a_blurred_picture_is_let_through():
    assert ailment_of(HealthGate(), cv2.GaussianBlur(picture(1), (0, 0), 3)) is None


def test_the_same_picture_again_is_frozen_and_an_older_one_repeated():
    gate = HealthGate()
    first, second = picture(1), picture(2)
    seen = [ailment_of(gate, image) for image in (first, first, second, first)]
    assert seen == [None, Ailment.FROZEN, None, Ailment.REPEATED]


def test_repeats_are_let_through_where_they_are_wanted():
    gate = HealthGate(HealthSettings(repeats=False))
    assert [ailment_of(gate, picture(1)) for _ in range(3)] == [None] * 3


def test_a_picture_that_was_refused_for_itself_still_counts_as_seen(usual):
    gate = HealthGate(baseline=usual)
    blurred = cv2.GaussianBlur(picture(3), (0, 0), 2)
    assert [ailment_of(gate, blurred), ailment_of(gate, blurred)] == [Ailment.DEFOCUSED, Ailment.FROZEN]


@pytest.mark.parametrize(
    "image",
    [np.zeros((240, 320), np.float32), np.zeros((240, 320, 4), np.uint8), np.zeros((8, 320, 3), np.uint8)],
)
def test_what_is_no_picture_is_a_finding_of_the_gate_and_an_error_of_the_measures(image):
    assert ailment_of(HealthGate(), image) == Ailment.FORMAT
    with pytest.raises(ImageFormatError, match="uint8"):
        measure(image)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(16, 90), st.integers(16, 90), st.just(3)),
        elements=st.integers(0, 255),
    )
)
def test_any_picture_has_finite_measures_and_grey_ones_measure_alike(image):
    measures = measure(image)
    assert np.isfinite([measures.focus, measures.level, measures.contrast, measures.saturated]).all()
    assert np.isfinite(measures.edges).all()
    assert measures.edges.shape == (64, 64)
    grey = np.ascontiguousarray(image[..., 0])
    three, one = measure(np.repeat(grey[..., None], 3, axis=2)), measure(grey)
    assert three.level == pytest.approx(one.level, abs=0.02)
    assert three.saturated == one.saturated


def test_a_baseline_survives_its_file(usual, tmp_path):
    path = tmp_path / "top.json"
    path.write_text(json.dumps(usual.to_dict()))
    read = load_baseline(path)
    assert (read.size, read.pictures, read.focus, read.level) == (usual.size, 40, usual.focus, usual.level)
    np.testing.assert_allclose(read.edges, usual.edges, atol=1 / 12)


def test_too_few_pictures_or_several_sizes_teach_nothing():
    some = [measure(picture(seed)) for seed in range(LEAST_PICTURES)]
    with pytest.raises(SettingsError, match="at least 20 pictures to learn from; got 19"):
        Baseline.learned(some[:-1])
    with pytest.raises(SettingsError, match="one size"):
        Baseline.learned([*some, measure(picture(0)[:200])])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d | {"wdth": 3}, 'wdth: no such key; did you mean "width"'),
        (lambda d: d | {"edges": "AAAA"}, "edges: expected 4096 bytes; got 3"),
        (lambda d: d | {"edges": "§"}, "edges: expected base64"),
        (lambda d: d | {"focus": [1]}, r"focus\[1\]: this key is missing"),
        (lambda d: d | {"baseline": 2}, "baseline: expected 1; got 2"),
    ],
)
def test_a_bad_baseline_is_refused_with_its_key(usual, tmp_path, change, message):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(change(usual.to_dict())))
    with pytest.raises(SettingsError, match=message):
        load_baseline(path)
