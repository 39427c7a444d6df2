from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely import affinity

from lineside import Detections, Size
from lineside.core.documents import parsed
from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.judge.judgement import UndecidableError
from lineside.judge.polygons import contains, is_simple, shared_area, signed_area
from lineside.judge.regions import Region, RegionTable
from lineside.judge.rule import About
from lineside.testing.rules import PICTURE, seen

NAMES = ("cap", "dent")
NONE = np.arange(0)


ABOUT = About(NAMES)


def region_of(about=ABOUT, **table):
    return Region.of(parsed(RegionTable, table, "region"), about)


def boxes(*corners, **more):
    return seen(
        "top", NAMES, *[("dent", 0.9 - n / 100, box) for n, box in enumerate(corners)], **more
    ).detections


def held(region, detections):
    return region.holds(detections, np.arange(len(detections))).tolist()


coordinates = st.integers(0, 40).map(float)
points = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8)
sides = st.integers(1, 25).map(float)


@given(points, coordinates, coordinates, sides, sides)
def test_areas_and_insides_are_those_of_shapely(corners, x, y, width, height):
    polygon = shapely.Polygon(corners)
    array = np.array(corners)
    assume(polygon.is_valid and polygon.area > 0 and len(set(corners)) == len(corners))
    box = shapely.box(x, y, x + width, y + height)
    assert abs(signed_area(array)) == pytest.approx(polygon.area)
    square = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    assert shared_area(array, square) == pytest.approx(polygon.intersection(box).area, abs=1e-9)
    assert shared_area(array, square[::-1]) == pytest.approx(polygon.intersection(box).area, abs=1e-9)
    assert contains(array, square).tolist() == [polygon.covers(shapely.Point(p)) for p in square]


@given(points, st.tuples(coordinates, coordinates, sides, sides), st.floats(-3, 3))
def test_the_share_of_a_turned_box_is_that_of_shapely(corners, box, angle):
    polygon = shapely.Polygon(corners)
    assume(polygon.is_valid and polygon.area > 0 and len(set(corners)) == len(corners))
    x, y, width, height = box
    turned = affinity.rotate(shapely.box(x, y, x + width, y + height), angle, use_radians=True)
    array = np.array(turned.exterior.coords)[:-1]
    expected = polygon.intersection(turned).area
    assert shared_area(np.array(corners), array) == pytest.approx(expected, abs=1e-6)


@given(points)
def test_a_polygon_is_simple_where_shapely_says_so(corners):
    assume(len(set(corners)) == len(corners))
    assert is_simple(np.array(corners)) == shapely.LinearRing(corners).is_simple


@given(
    st.tuples(st.integers(150, 450), st.integers(150, 330), st.integers(40, 120), st.integers(40, 120)),
    st.floats(-0.75, 2.25, width=32),
    st.sampled_from(["px", "share"]),
    st.sampled_from(["centre", "top_left", "top_right", "bottom_left", "bottom_right"]),
)
def test_an_anchored_region_moves_grows_and_turns_with_its_object(box, angle, unit, origin):
    x, y, width, height = box
    detections = Detections(
        xyxy=np.array([[x - 60, y - 60, x + 60, y + 60]], np.float32),
        confidence=np.array([0.9], np.float32),
        class_id=np.array([0], np.int32),
        names=NAMES,
        size=PICTURE,
        xywhr=np.array([[x, y, width, height, angle]], np.float32),
    )
    shape = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.2], [0.1, 0.4]]
    region = region_of(polygon=shape, unit=unit, anchor={"class": "cap", "origin": origin})
    place = {"centre": (0, 0)}.get(origin) or (
        (-0.5 if "left" in origin else 0.5) * width,
        (-0.5 if "top" in origin else 0.5) * height,
    )
    scale = (width, height) if unit == "share" else (1, 1)
    expected = affinity.scale(shapely.Polygon(shape), *scale, origin=(0, 0))
    expected = affinity.translate(expected, *place)
    expected = affinity.translate(
        affinity.rotate(expected, float(np.float32(angle)), origin=(0, 0), use_radians=True), x, y
    )
    assert np.allclose(region.outline(detections), list(expected.exterior.coords)[:-1], atol=1e-3)


def test_a_region_on_an_upright_object_is_not_turned():
    region = region_of(rectangle=[0, 0, 1, 1], unit="share", anchor={"class": "cap", "origin": "top_left"})
    found = seen(
        "top", NAMES, ("cap", 0.9, (100, 100, 200, 300)), ("dent", 0.8, (110, 280, 130, 298))
    ).detections
    assert region.outline(found).tolist() == [[100, 100], [200, 100], [200, 300], [100, 300]]
    assert held(region, found) == [True, True]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ({"inside": "centre"}, [True, True, False, False]),
        ({"inside": "whole"}, [True, False, False, False]),
        ({"inside": "overlap", "overlap": 0.1}, [True, True, True, False]),
        ({"inside": "overlap"}, [True, True, False, False]),
    ],
)
def test_when_an_object_is_in_a_region(inside, expected):
    region = region_of(rectangle=[100, 100, 200, 200], **inside)
    found = boxes((100, 100, 150, 150), (190, 150, 209, 160), (190, 150, 230, 160), (300, 300, 310, 310))
    assert held(region, found) == expected


def test_a_bay_of_a_polygon_is_outside():
    region = region_of(polygon=[[0, 0], [300, 0], [300, 300], [150, 100], [0, 300]], inside="whole")
    assert held(region, boxes((100, 20, 200, 80), (100, 120, 200, 200), (10, 150, 40, 200))) == [
        True,
        False,
        True,
    ]


def test_shares_are_of_the_picture():
    region = region_of(rectangle=[0.5, 0.5, 1, 1], unit="share")
    assert held(region, boxes((400, 300, 410, 310), (100, 100, 110, 110))) == [True, False]
    assert held(region, boxes((110, 60, 120, 70), size=Size(height=100, width=200))) == [True]


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        ([], Reason.RULE_ERROR, "no cap to place the region at"),
        ([("cap", 0.3, (50, 50, 90, 90))], Reason.MARGINAL, "cap 0.30 .* may be there"),
        ([("cap", 0.9, (50, 50, 90, 90)), ("cap", 0.3, (200, 50, 290, 90))], Reason.MARGINAL, "cap 0.30"),
        ([("cap", 0.9, (50, 50, 90, 90)), ("cap", 0.8, (200, 50, 290, 90))], Reason.RULE_ERROR, "2 of cap"),
        ([("cap", 0.9, (0, 50, 90, 90))], Reason.RULE_ERROR, "cut by the picture's edge"),
        ([("cap", 0.9, (5, 5, 205, 205))], Reason.RULE_ERROR, "beyond the picture of 640x480"),
    ],
)
def test_a_region_that_cannot_be_placed_decides_nothing(found, reason, words):
    region = region_of(
        rectangle=[-1, -1, 1, 1], unit="share", anchor={"class": "cap", "marginal": [0.2, 0.5]}
    )
    detections = seen("top", NAMES, *found).detections
    with pytest.raises(UndecidableError, match=words) as doubt:
        region.holds(detections, NONE)
    assert doubt.value.reason is reason


def test_another_anchor_may_be_among_what_was_cut_off():
    region = region_of(rectangle=[-0.5, -0.5, 0.5, 0.5], unit="share", anchor={"class": "cap"})
    with pytest.raises(UndecidableError) as doubt:
        region.holds(seen("top", NAMES, ("cap", 0.9, (50, 50, 90, 90)), truncated=True).detections, NONE)
    assert doubt.value.reason is Reason.TRUNCATED


def test_a_region_outside_of_the_picture_is_refused_where_its_size_is_known_and_else_decides_nothing():
    about = About(
        NAMES, ("top", "side"), sizes={"top": Size(height=480, width=640)}, where="caps.toml: rule[0]"
    )
    with pytest.raises(
        SettingsError, match=r"caps.toml: rule\[0\]: region: .* of top, 640x480; got corners from 600"
    ):
        region_of(about, rectangle=[600, 0, 700, 50])
    region = region_of(rectangle=[600, 0, 700, 50])
    with pytest.raises(UndecidableError, match="beyond the picture"):
        region.holds(boxes((10, 10, 20, 20)), NONE)
    assert held(region, boxes((610, 10, 620, 20), size=Size(height=480, width=800))) == [True]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "a polygon or a rectangle"),
        ({"rectangle": [0, 0, 1, 1], "polygon": [[0, 0], [1, 0], [1, 1]]}, "one of them"),
        ({"rectangle": [5, 0, 1, 1]}, "with an area"),
        ({"rectangle": [0, 0, math.nan, 1]}, "finite"),
        ({"polygon": [[0, 0], [1, 1]]}, "at least 3 entries"),
        ({"polygon": [[0, 0], [4, 4], [4, 0], [0, 4]]}, "do not cross"),
        ({"polygon": [[0, 0], [1, 1], [2, 2]]}, "with an area"),
        ({"rectangle": [0, 0, 2, 1], "unit": "share"}, "from 0 to 1"),
        ({"rectangle": [0, 0, 2, 1], "overlap": 0.3}, "only beside inside"),
        ({"rectangle": [0, 0, 2, 1], "anchor": {"class": "cap", "origin": "middle"}}, "anchor.origin"),
        ({"rectangle": [0, 0, 2, 1], "anchor": {"clas": "cap"}}, 'did you mean "class"'),
    ],
)
def test_a_wrong_region_is_refused_with_a_way_out(table, words):
    with pytest.raises(SettingsError, match=words):
        region_of(**table)
