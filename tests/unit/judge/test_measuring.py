"""Sizes, distances and the calibration behind their millimetres."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside import Detections, Size
from lineside.core.documents import parsed
from lineside.core.errors import ImageError, SettingsError
from lineside.core.frame import Frame
from lineside.core.inspection import View
from lineside.core.masks import Masks
from lineside.core.verdict import Reason, Verdict
from lineside.judge.calibration import CalibrationTable, Plane, checkerboard_points
from lineside.judge.judge import Judge, open_rule
from lineside.judge.judgement import UndecidableError
from lineside.judge.measures import measured
from lineside.judge.rule import About
from lineside.testing.rules import PICTURE, seen

NAMES = ("cap", "hole")
ROWS = np.arange(1)
STRAIGHT = Plane(np.diag([0.1, 0.2, 1.0]))


def judged(table, *found, planes=None, view=None, **more):
    about = About(NAMES, ("top",), planes=planes or {})
    judge = Judge([open_rule(table, about)], names=NAMES, cameras=["top"])
    return judge([view or seen("top", NAMES, *found, **more)])


def aslant(angle=0.5):
    """From millimetres to pixels of a camera that looks at the plane aslant."""
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    camera = np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]])
    return camera @ np.column_stack([turn[:, 0], turn[:, 1], [-40, -30, 200]])


def project(matrix, points):
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def masked(disc_px):
    bitmap = np.hypot(*(np.indices((101, 101)) - 50)) <= disc_px / 2
    return Detections(
        xyxy=np.array([[100, 100, 201, 201]], np.float32),
        confidence=np.array([0.9], np.float32),
        class_id=np.array([0], np.int32),
        names=NAMES,
        size=PICTURE,
        masks=Masks((bitmap,), np.array([[100, 100]], np.int32), PICTURE),
    )


@pytest.mark.parametrize(
    ("measure", "px", "mm"),
    [("width", 40, 4), ("height", 20, 4), ("length", 40, 4), ("breadth", 20, 4), ("area", 800, 16), ("diameter", 30, 4)],
)  # fmt: skip
def test_what_is_measured_of_a_box(measure, px, mm):
    found = seen("top", NAMES, ("cap", 0.9, (100, 100, 140, 120))).detections
    assert measured(found, ROWS, measure, None)[0] == pytest.approx(px)
    assert measured(found, ROWS, measure, STRAIGHT)[0] == pytest.approx(mm)


def test_an_oriented_box_is_measured_along_its_own_sides():
    turned = Detections(
        xyxy=np.array([[100, 100, 200, 200]], np.float32),
        confidence=np.array([0.9], np.float32),
        class_id=np.array([0], np.int32),
        names=NAMES,
        size=PICTURE,
        xywhr=np.array([[150, 150, 80, 30, 0.6]], np.float32),
    )
    for measure, value in (("width", 80), ("height", 30), ("area", 2400), ("length", 80), ("breadth", 30)):
        assert measured(turned, ROWS, measure, None)[0] == pytest.approx(value, rel=1e-5)


def test_a_mask_is_measured_by_its_pixels():
    assert measured(masked(80), ROWS, "diameter", None)[0] == pytest.approx(80, abs=0.5)
    assert measured(masked(80), ROWS, "area", None)[0] == pytest.approx(np.pi * 40**2, rel=0.01)
    assert measured(masked(80), ROWS, "area", STRAIGHT)[0] == pytest.approx(np.pi * 40**2 * 0.02, rel=0.01)


def test_the_area_of_a_mask_on_a_plane_seen_aslant_is_that_of_its_outline():
    matrix = aslant()
    plane = Plane.through(
        px := project(matrix, mm := np.array([[0, 0], [80, 0], [80, 60], [0, 60.0]])), mm, 0.1
    )
    assert px.min() > 0
    corners = np.array([(100, 100), (201, 100), (201, 201), (100, 201)], float)
    whole = masked(1000)
    seen_mm2 = measured(whole, ROWS, "area", plane)[0]
    outline = plane.to_mm(corners, PICTURE)
    assert seen_mm2 == pytest.approx(abs(cv2.contourArea(outline.astype(np.float32))), rel=1e-3)


@given(st.floats(-0.9, 0.9), st.integers(4, 12))
def test_a_plane_through_known_points_gives_them_back(angle, count):
    matrix = aslant(angle)
    mm = np.array([[0, 0], [80, 0], [80, 60], [0, 60.0]] + [[7.0 * n, 5.0 * n] for n in range(1, count - 3)])
    plane = Plane.through(project(matrix, mm), mm, 1e-3)
    assert np.allclose(plane.to_mm(project(matrix, mm), PICTURE), mm, atol=1e-6)
    inside = np.array([[13.0, 44.0]])
    assert np.allclose(plane.to_mm(project(matrix, inside), PICTURE), inside, atol=1e-6)


def test_many_points_are_fitted_and_the_worst_is_named():
    matrix = aslant()
    grid = np.stack(np.meshgrid(np.linspace(0, 80, 40), np.linspace(0, 60, 50)), axis=-1).reshape(-1, 2)
    px = project(matrix, grid) + np.random.default_rng(3).normal(0, 0.2, grid.shape)
    plane = Plane.through(px, grid, 0.5)
    assert np.allclose(plane.to_mm(project(matrix, grid), PICTURE), grid, atol=0.02)
    assert 0.05 < plane.error_mm < 0.5
    px[777] += 8
    with pytest.raises(SettingsError, match=r"points\[777\] is .* mm off"):
        Plane.through(px, grid, 0.5)


@pytest.mark.parametrize(
    ("px", "words"),
    [
        ([(0, 0), (10, 0), (20, 0), (0, 10)], "on one line"),
        ([(0, 0), (10, 0), (10, 0), (0, 10)], "on one line or equal"),
        ([(0, 0), (100, 0), (0, 100), (100, 100), (50, 60)], "off|horizon"),
    ],
)
def test_points_that_span_no_plane_are_refused(px, words):
    mm = [(0, 0), (10, 0), (10, 10), (0, 10), (5, 5)]
    table = {"points": [{"px": list(p), "mm": list(m)} for p, m in zip(px, mm, strict=False)]}
    with pytest.raises(SettingsError, match=words):
        parsed(CalibrationTable, table, "caps.toml: camera.top.calibration")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "mm_per_px or points"),
        ({"mm_per_px": 0}, r"mm_per_px\[0\]: expected greater than 0"),
        ({"mm_per_px": "wide"}, "mm_per_px: expected a list"),
        ({"mm_per_px": [0.1, 0.1, 0.1]}, "mm_per_px"),
        ({"points": [{"px": [0, 0], "mm": [0, 0]}] * 3}, "at least 4"),
        ({"mm_per_px": 0.1, "picture": [0, 5]}, "width and height"),
    ],
)
def test_a_wrong_calibration_is_refused(table, words):
    with pytest.raises(SettingsError, match=words):
        parsed(CalibrationTable, table, "calibration")


def test_a_picture_of_another_size_than_the_calibrations_is_not_measured():
    plane = parsed(CalibrationTable, {"mm_per_px": 0.1, "picture": [320, 240]}, "calibration").plane()
    with pytest.raises(UndecidableError, match="pictures of 320x240; this one is 640x480"):
        plane.to_mm(np.zeros((1, 2)), PICTURE)
    table = {"kind": "size", "classes": ["cap"], "measure": "width", "unit": "mm", "at_most": 5}
    said = judged(table, ("cap", 0.9, (100, 100, 140, 120)), planes={"top": plane})
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.RULE_ERROR)


def test_beyond_the_horizon_nothing_is_measured():
    plane = Plane(np.array([[1, 0, 0], [0, 1, 0], [0, -0.01, 1.0]]))
    with pytest.raises(UndecidableError, match="horizon"):
        plane.to_mm(np.array([[0.0, 200.0]]), PICTURE)


def test_a_checkerboard_gives_the_plane_it_lies_in():
    squares = np.kron(np.indices((8, 11)).sum(axis=0) % 2, np.ones((40, 40))) * 200 + 30
    board = np.pad(squares, 40, constant_values=230).astype(np.uint8)
    matrix = np.array([[0.9, 0.1, 40], [0.02, 0.8, 50], [0.0001, 0.0003, 1]])
    picture = cv2.warpPerspective(board, matrix, (640, 480), borderValue=230)
    px, mm = checkerboard_points(picture, 10, 7, 5.0)
    plane = Plane.through(px, mm, 0.1)
    assert plane.error_mm < 0.05
    ends = project(matrix, np.array([[79.5, 79.5], [439.5, 79.5]]))  # 9 squares apart
    apart = np.linalg.norm(np.diff(plane.to_mm(ends, PICTURE), axis=0))
    assert apart == pytest.approx(45, abs=0.1)
    with pytest.raises(ImageError, match="no checkerboard with 4x4"):
        checkerboard_points(np.zeros((100, 100), np.uint8), 4, 4, 5.0)
    with pytest.raises(SettingsError, match="2 inner corners"):
        checkerboard_points(picture, 1, 4, 5.0)


WIDE = {"kind": "size", "classes": ["cap"], "measure": "width", "at_least": 30, "at_most": 50, "margin": 2}


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        ([("cap", 0.9, (100, 100, 140, 120))], Verdict.PASS, None),
        ([("cap", 0.9, (100, 100, 160, 120))], Verdict.FAIL, None),
        ([("cap", 0.9, (100, 100, 127, 120))], Verdict.FAIL, None),
        ([("cap", 0.9, (100, 100, 151, 120))], Verdict.UNKNOWN, Reason.MARGINAL),
        ([("cap", 0.9, (100, 100, 131, 120))], Verdict.UNKNOWN, Reason.MARGINAL),
        ([], Verdict.UNKNOWN, Reason.RULE_ERROR),
        ([("cap", 0.9, (0, 100, 40, 120))], Verdict.UNKNOWN, Reason.RULE_ERROR),
        ([("cap", 0.9, (0, 100, 60, 120))], Verdict.FAIL, None),  # it is even wider than what is seen of it
        ([("cap", 0.9, (0, 100, 20, 120))], Verdict.UNKNOWN, Reason.RULE_ERROR),
    ],
)
def test_a_size_is_right_wrong_or_too_near_to_call(found, verdict, reason):
    said = judged(WIDE, *found)
    assert (said.verdict, said.reason) == (verdict, reason)


def test_a_size_tells_what_was_measured():
    assert (
        judged(WIDE, ("cap", 0.9, (100, 100, 160, 120))).detail
        == "top: cap 0.90: width 60 px, expected 30 to 50"
    )
    millimetres = {**WIDE, "unit": "mm", "at_least": 3, "at_most": 5, "margin": 0.2}
    said = judged(millimetres, ("cap", 0.9, (100, 100, 160, 120)), planes={"top": STRAIGHT})
    assert said.detail == "top: cap 0.90: width 6 mm, expected 3 to 5"


def test_without_an_object_an_optional_size_is_right():
    assert judged({**WIDE, "optional": True}).verdict is Verdict.PASS
    assert judged({**WIDE, "optional": True}, truncated=True).reason is Reason.TRUNCATED


def test_millimetres_need_a_calibration_of_each_camera():
    with pytest.raises(SettingsError, match=r"\[camera.top.calibration\]"):
        judged({**WIDE, "unit": "mm"})
    with pytest.raises(SettingsError, match="at_least or at_most"):
        judged({"kind": "size", "classes": ["cap"], "measure": "width"})
    with pytest.raises(SettingsError, match="room for the margin"):
        judged({**WIDE, "margin": 11})


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        ([("cap", 0.9, (100, 100, 140, 140)), ("hole", 0.9, (220, 100, 260, 140))], Verdict.PASS, None),
        ([("cap", 0.9, (100, 100, 140, 140)), ("hole", 0.9, (300, 100, 340, 140))], Verdict.FAIL, None),
        ([("cap", 0.9, (100, 100, 140, 140)), ("hole", 0.9, (231, 100, 271, 140))], Verdict.UNKNOWN, Reason.MARGINAL),
        ([("cap", 0.9, (100, 100, 140, 140))], Verdict.UNKNOWN, Reason.RULE_ERROR),
        ([("cap", 0.9, (0, 100, 140, 140)), ("hole", 0.9, (220, 100, 260, 140))], Verdict.UNKNOWN, Reason.RULE_ERROR),
    ],
)  # fmt: skip
def test_a_distance_is_right_wrong_or_unknown(found, verdict, reason):
    table = {"kind": "distance", "between": ["cap", "hole"], "at_least": 100, "at_most": 130, "margin": 2}
    said = judged(table, *found)
    assert (said.verdict, said.reason) == (verdict, reason)


def test_a_distance_between_two_of_a_class_along_an_axis_in_millimetres():
    table = {"kind": "distance", "between": ["hole", "hole"], "along": "y", "unit": "mm", "at_most": 5}
    holes = [("hole", 0.9, (100, 100, 120, 120)), ("hole", 0.8, (300, 120, 320, 140))]
    said = judged(table, *holes, planes={"top": STRAIGHT})
    assert said.verdict is Verdict.PASS
    assert judged({**table, "at_most": 3}, *holes, planes={"top": STRAIGHT}).detail == (
        "top: hole: 4 mm, expected at most 3"
    )
    three = judged(table, *holes, ("hole", 0.7, (400, 120, 420, 140)), planes={"top": STRAIGHT})
    assert three.reason is Reason.RULE_ERROR


def test_a_small_view_of_a_classifier_is_never_measured():
    size = Size(height=40, width=40)
    found = seen("top", NAMES, ("cap", 0.9, (0, 0, 40, 40)), size=size).detections
    view = View("top", frame=Frame(np.zeros((40, 40, 3), np.uint8), "top", 0), detections=found)
    assert judged(WIDE, view=view).reason is Reason.RULE_ERROR
