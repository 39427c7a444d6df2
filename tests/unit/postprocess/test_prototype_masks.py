"""Masks made inside the boxes are those that the whole frame would have given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import ModelOutputError
from lineside.core.geometry import Fit, Letterbox, Size
from lineside.postprocess.masks import prototype_masks

MODEL = Size(height=64, width=96)
STEP = 4


def whole_frame(prototypes, weights, box, letterbox):
    """The sum of the prototypes at every pixel of the frame, and whether the pixel's centre is in the box."""
    cells = np.tensordot(weights.astype(float), prototypes.astype(float), 1)
    height, width = letterbox.frame

    def axis(count, gain, pad, scaled, most):
        at = ((np.arange(count) + 0.5) * gain + pad) / STEP - 0.5
        first, last = pad // STEP, min(-(-(pad + scaled) // STEP), most) - 1
        low = np.floor(at).astype(int)
        return np.clip(low, first, last), np.clip(low + 1, first, last), at - low

    x0, x1, fx = axis(width, letterbox.gain_x, letterbox.left_px, letterbox.scaled.width, cells.shape[1])
    y0, y1, fy = axis(height, letterbox.gain_y, letterbox.top_px, letterbox.scaled.height, cells.shape[0])
    upper = cells[y0][:, x0] * (1 - fx) + cells[y0][:, x1] * fx
    lower = cells[y1][:, x0] * (1 - fx) + cells[y1][:, x1] * fx
    sums = upper * (1 - fy)[:, None] + lower * fy[:, None]
    frame_box = box[None].copy()
    letterbox.to_frame(frame_box)
    left, top, right, bottom = frame_box[0].tolist()
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = ((x >= left) & (x < right))[None, :] & ((y >= top) & (y < bottom))[:, None]
    return sums, inside


@st.composite
def scenes(draw):
    frame = Size(draw(st.integers(1, 200)), draw(st.integers(1, 200)))
    how = draw(
        st.sampled_from([Fit(), Fit(anchor="corner", rounding="floor", gain="single"), Fit(anchor="stretch")])
    )
    boxes = []
    for _ in range(draw(st.integers(1, 3))):
        xs = sorted(draw(st.tuples(*[st.floats(-20, 116, width=16)] * 2)))
        ys = sorted(draw(st.tuples(*[st.floats(-20, 84, width=16)] * 2)))
        boxes.append((xs[0], ys[0], xs[1], ys[1]))
    # A pixel whose centre is on a box's edge may be counted either way.
    return Letterbox.fit(frame, MODEL, how), np.array(boxes, np.float32) + np.float32(0.0123)


@given(scenes(), st.integers(0, 2**32 - 1))
def test_every_mask_is_the_whole_frames_cut_to_its_box(scene, seed):
    letterbox, boxes = scene
    rng = np.random.default_rng(seed)
    prototypes = rng.standard_normal((5, MODEL.height // STEP, MODEL.width // STEP)).astype(np.float32)
    weights = rng.standard_normal((len(boxes), 5)).astype(np.float32)
    masks = prototype_masks(prototypes, weights, boxes, letterbox)
    assert masks.size == letterbox.frame
    for mask, row, box in zip(masks.dense(), weights, boxes, strict=True):
        sums, inside = whole_frame(prototypes, row, box, letterbox)
        settled = np.abs(sums) > 0.15  # OpenCV interpolates in steps of a thirty-second of a cell
        assert np.array_equal(mask[settled], (inside & (sums > 0))[settled])
        assert not mask[~inside].any()


def test_a_mask_has_the_shape_that_the_prototypes_show():
    """A disc of 20 frame pixels around (100, 60), in a frame of twice the model's size."""
    letterbox = Letterbox.fit(Size(height=128, width=192), MODEL, Fit())
    y, x = np.mgrid[: MODEL.height // STEP, : MODEL.width // STEP] * 8.0 + 4
    prototypes = (20 - np.hypot(x - 100, y - 60)).astype(np.float32)[None]
    box = np.array([[38, 18, 62, 42]], np.float32)
    (crop,) = prototype_masks(prototypes, np.ones((1, 1), np.float32), box, letterbox).crops
    assert crop.shape == (48, 48)
    assert np.count_nonzero(crop) == pytest.approx(np.pi * 20**2, rel=0.04)


@pytest.mark.parametrize(
    "box", [(10, 10, 10, 30), (10, 10, 10.1, 10.1), (200, 10, 220, 30), (-50, -50, -20, -20)]
)
def test_a_box_without_a_pixel_has_an_empty_mask(box):
    letterbox = Letterbox.fit(MODEL, MODEL, Fit())
    masks = prototype_masks(
        np.ones((2, 16, 24), np.float32), np.ones((1, 2), np.float32), np.array([box], np.float32), letterbox
    )
    assert masks.area_px().tolist() == [0]
    assert masks.polygons() == [[]]


def test_no_objects_have_no_masks():
    masks = prototype_masks(
        np.ones((2, 16, 24), np.float32),
        np.empty((0, 2), np.float32),
        np.empty((0, 4), np.float32),
        Letterbox.fit(MODEL, MODEL, Fit()),
    )
    assert len(masks) == 0
    assert masks.dense().shape == (0, *MODEL)


def test_halves_are_summed_in_full_precision():
    rng = np.random.default_rng(5)
    prototypes = rng.standard_normal((32, 16, 24)).astype(np.float16)
    weights = rng.standard_normal((1, 32)).astype(np.float32)
    box = np.array([[3, 5, 80, 60]], np.float32)
    letterbox = Letterbox.fit(Size(200, 300), MODEL, Fit())
    half = prototype_masks(prototypes, weights, box, letterbox)
    full = prototype_masks(prototypes.astype(np.float32), weights, box, letterbox)
    assert np.array_equal(half.dense(), full.dense())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("boxes", [np.array([[3, 5, 30, 40]], np.float32), np.empty((0, 4), np.float32)])
def test_a_prototype_that_is_not_finite_is_refused_wherever_it_is(value, kind, boxes):
    prototypes = np.ones((2, 16, 24), kind)
    prototypes[1, 15, 23] = value
    with pytest.raises(ModelOutputError, match="mask prototype that is NaN or infinite"):
        prototype_masks(
            prototypes, np.ones((len(boxes), 2), np.float32), boxes, Letterbox.fit(MODEL, MODEL, Fit())
        )


def test_a_coefficient_that_is_not_finite_is_refused():
    with pytest.raises(ModelOutputError, match="mask coefficient"):
        prototype_masks(
            np.ones((2, 16, 24), np.float32),
            np.array([[1, np.nan]], np.float32),
            np.array([[3, 5, 30, 40]], np.float32),
            Letterbox.fit(MODEL, MODEL, Fit()),
        )
