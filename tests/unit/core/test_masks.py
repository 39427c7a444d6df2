"""Masks as bitmaps and places say the same as whole pictures, run lengths and outlines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from faster_coco_eval.core import mask as coco
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.core.masks import Masks


@st.composite
def some_masks(draw):
    size = Size(draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    crops, corners = [], []
    for _ in range(draw(st.integers(0, 4))):
        x, y = draw(st.integers(0, size.width)), draw(st.integers(0, size.height))
        shape = (draw(st.integers(0, size.height - y)), draw(st.integers(0, size.width - x)))
        crops.append(draw(arrays(bool, shape)))
        corners.append((x, y))
    return Masks(tuple(crops), np.array(corners, np.int32).reshape(-1, 2), size)


@given(some_masks())
def test_run_lengths_are_what_coco_reads(masks):
    dense = masks.dense()
    for plane, runs, text in zip(dense, masks.rle(), masks.rle(compressed=True), strict=True):
        assert sum(runs["counts"]) == masks.size.height * masks.size.width
        assert all(run > 0 for run in runs["counts"][1:])
        from_runs = coco.frPyObjects(runs, *masks.size)
        for encoded in (from_runs, text):
            assert np.array_equal(coco.decode(encoded), plane)
        counts = from_runs["counts"]
        assert text["counts"] == (counts.decode() if isinstance(counts, bytes) else counts)


def test_long_runs_are_written_in_as_many_characters_as_they_need():
    size = Size(3000, 4000)
    crop = np.zeros((2000, 2), bool)
    crop[3:1999, 0] = True
    masks = Masks((crop,), np.array([[3001, 500]], np.int32), size)
    (text,) = masks.rle(compressed=True)
    assert np.array_equal(coco.decode(text), masks.dense()[0])
    assert len(text["counts"]) < 20


@given(some_masks())
def test_areas_and_choices_are_those_of_the_whole_pictures(masks):
    dense = masks.dense()
    assert np.array_equal(masks.area_px(), dense.sum(axis=(1, 2)))
    for index in (slice(1, None), np.arange(len(masks))[::-1], np.arange(len(masks)) % 2 == 0):
        assert np.array_equal(masks[index].dense(), dense[index])


@given(some_masks())
def test_outlines_go_around_every_pixel_and_reach_no_other_but_holes(masks):
    for plane, outlines in zip(masks.dense(), masks.polygons(), strict=True):
        assert bool(outlines) == plane.any()
        filled = np.zeros(plane.shape, np.uint8)
        for outline in outlines:
            cv2.fillPoly(filled, [outline], 1)
        assert filled[plane].all()
        around = np.zeros(plane.shape, np.uint8)
        outer, _ = cv2.findContours(plane.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(around, outer, -1, 1, cv2.FILLED)
        assert np.array_equal(filled, around)


def test_the_largest_outline_comes_first():
    crop = np.zeros((20, 30), bool)
    crop[1:3, 1:4] = crop[5:18, 8:28] = True
    (outlines,) = Masks((crop,), np.array([[5, 7]], np.int32), Size(40, 50)).polygons()
    assert [outline.min(axis=0).tolist() for outline in outlines] == [[13, 12], [6, 8]]


@pytest.mark.parametrize(
    ("crop", "corner", "said"),
    [
        (np.ones((4, 4), np.uint8), (0, 0), "expected bool"),
        (np.ones(4, bool), (0, 0), "expected bool"),
        (np.ones((4, 4), bool), (7, 0), "4x4 at 7, 0 reaches beyond the picture of 10x8"),
        (np.ones((4, 4), bool), (0, 5), "reaches beyond"),
        (np.ones((4, 4), bool), (-1, 0), "reaches beyond"),
    ],
)
def test_a_bitmap_that_is_none_is_refused(crop, corner, said):
    with pytest.raises(SettingsError, match=said):
        Masks((crop,), np.array([corner], np.int32), Size(8, 10))


def test_as_many_corners_as_bitmaps():
    with pytest.raises(SettingsError, match=r"expected int32 \(1, 2\)"):
        Masks((np.ones((1, 1), bool),), np.zeros((2, 2), np.int32), Size(8, 10))
