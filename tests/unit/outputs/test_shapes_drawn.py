"""Masks, oriented boxes and keypoints in annotated pictures, and in tables."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.core.masks import Masks
from lineside.outputs.overlay import PALETTE, draw
from lineside.outputs.records import Record
from lineside.outputs.shapes import COCO_SKELETON, draw_keypoints, draw_masks, draw_oriented
from lineside.outputs.tables import Csv

GREY = 90


@pytest.fixture
def grey():
    return np.full((240, 320, 3), GREY, np.uint8)


def touched(canvas):
    return (canvas != GREY).any(axis=2)


def one(**details):
    return Detections(
        np.array([[40, 60, 200, 180]], np.float32),
        np.array([0.75], np.float32),
        np.zeros(1, np.int32),
        ("cap",),
        Size(240, 320),
        **details,
    )


def disc():
    y, x = np.mgrid[:81, :81] - 40
    return Masks((np.hypot(x, y) < 40,), np.array([[60, 70]], np.int32), Size(240, 320))


def test_a_mask_tints_its_own_pixels_and_no_other(grey):
    masks = disc()
    draw_masks(grey, masks, [PALETTE[0]], 1)
    inside = masks.dense()[0]
    assert touched(grey)[inside].all()
    outside = touched(grey) & ~inside
    assert not outside.any()
    middle = grey[110, 100].astype(float)
    assert middle == pytest.approx(0.55 * GREY + 0.45 * np.array(PALETTE[0]), abs=1)


def test_the_first_of_two_masks_is_on_top(grey):
    crops = (np.ones((20, 20), bool), np.ones((20, 20), bool))
    masks = Masks(crops, np.array([[50, 50], [60, 50]], np.int32), Size(240, 320))
    draw_masks(grey, masks, [PALETTE[0], PALETTE[1]], 1)
    tint = 0.55 * GREY + 0.45 * np.array(PALETTE[1])
    assert grey[60, 65] == pytest.approx(0.55 * tint + 0.45 * np.array(PALETTE[0]), abs=2)


def test_an_empty_mask_draws_nothing(grey):
    masks = Masks((np.zeros((0, 0), bool),), np.array([[5, 5]], np.int32), Size(240, 320))
    draw_masks(grey, masks, [PALETTE[0]], 1)
    assert not touched(grey).any()


def test_an_oriented_box_is_drawn_turned(grey):
    turned = np.array([[120, 120, 100, 40, np.pi / 4]], np.float32)
    picture = draw(grey, one(xywhr=turned))
    lines = (picture == PALETTE[0]).all(axis=2)
    lines[:85] = False  # the label
    y, x = np.nonzero(lines)
    along = ((x - 120) + (y - 120)) / np.sqrt(2)
    across = ((y - 120) - (x - 120)) / np.sqrt(2)
    on_edge = np.minimum(np.abs(np.abs(along) - 50), np.abs(np.abs(across) - 20))
    assert len(on_edge) > 100
    assert on_edge.max() < 2.5


@pytest.mark.parametrize("place", [1e9, -1e9, 5000])
def test_a_corner_far_outside_is_drawn_to(place, grey):
    draw_oriented(grey, np.array([[place, 100], [200, 200], [100, 200], [50, 50]], np.float32), PALETTE[0], 2)
    assert touched(grey).any()


def test_only_visible_keypoints_are_drawn(grey):
    points = np.array([[50, 50, 0.9], [150, 150, 0.2], [250, 60, 0.5]], np.float32)
    draw_keypoints(grey, points, PALETTE[2], 2)
    assert touched(grey)[50, 50]
    assert touched(grey)[60, 250]
    assert not touched(grey)[100:].any()


def test_the_keypoints_of_a_person_are_joined_where_both_ends_are_visible(grey):
    points = np.zeros((17, 3), np.float32)
    points[5], points[6], points[7] = (60, 60, 1), (160, 60, 1), (60, 160, 0.1)
    draw_keypoints(grey, points, PALETTE[2], 1)
    assert touched(grey)[60, 110]  # shoulder to shoulder
    assert not touched(grey)[110, 60]  # shoulder to elbow
    assert len({frozenset(pair) for pair in COCO_SKELETON}) == 19


def test_another_number_of_keypoints_has_no_skeleton(grey):
    points = np.array([[60, 60, 1], [160, 60, 1]], np.float32)
    draw_keypoints(grey, points, PALETTE[2], 1)
    assert not touched(grey)[60, 110]


def test_all_of_it_at_once_leaves_the_picture_itself_alone(grey):
    before = grey.copy()
    points = np.full((1, 17, 3), 100, np.float32)
    points[..., 2] = 1
    draw(grey, one(masks=disc(), keypoints=points))
    assert np.array_equal(grey, before)


def rows_of(detections):
    stream = io.StringIO()
    with Csv(stream) as table:
        table.write(Record("a.png", 0, detections))
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def test_csv_has_the_oriented_box_and_the_keypoints():
    (plain,) = rows_of(one())
    assert {
        plain[name] for name in ("box_cx", "box_cy", "box_width", "box_height", "box_rotation", "keypoints")
    } == {""}
    points = np.array([[[50.5, 60, 0.25], [1234.5678, 2, 1]]], np.float32)
    (row,) = rows_of(one(keypoints=points, xywhr=np.array([[120, 120.5, 100, 40, 0.7853982]], np.float32)))
    names = ("box_cx", "box_cy", "box_width", "box_height", "box_rotation")
    assert [float(row[name]) for name in names] == [120, 120.5, 100, 40, 0.785398]
    assert row["keypoints"] == "50.5 60.0 0.25;1234.568 2.0 1.0"
    assert row["x1"] == "40.0"


def test_csv_rows_without_an_object_are_as_long():
    (row,) = rows_of(one()[:0])
    assert row["status"] == "empty"
    assert None not in row.values()
