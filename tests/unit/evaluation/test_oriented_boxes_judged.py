"""Oriented boxes: read from what annotators write, and judged by their exact overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import DatasetError
from lineside.core.oriented import corners
from lineside.evaluation.coco_details import rectangles
from lineside.evaluation.coco_metrics import oriented_overlaps
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from task_replay import TaskReplay

WIDTH, HEIGHT = 64, 48
TURN = math.radians(30)
TRUE = [30, 24, 24, 10, TURN]


def points_of(xywhr):
    return corners(np.array([xywhr], np.float64))[0].astype(float)


def upright_of(points):
    low, high = points.min(axis=0), points.max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def annotated(xywhr, **more):
    points = points_of(xywhr)
    return (1, upright_of(points), {"segmentation": [points.ravel().tolist()], **more})


def along(xywhr, by):
    """The box moved along its own width."""
    x, y, w, h, r = xywhr
    return [x + by * math.cos(r), y + by * math.sin(r), w, h, r]


def judged(path, answers, names=("part",)):
    return evaluate(TaskReplay("obb", names, answers), open_dataset(path, task="obb", model_names=names))


@pytest.mark.parametrize(("by", "share"), [(0, 1.0), (24 * 0.2422, 0.3), (24 * 0.35, 0.0)])
def test_the_overlap_is_that_of_the_turned_rectangles(coco, by, share):
    # Moved by 0.2422 of its width: an IoU of (1 - 0.2422) / (1 + 0.2422) = 0.61, so 0.50, 0.55 and 0.60 hold.
    evaluation = judged(coco({1: [annotated(TRUE)]}, {1: "part"}), {1: [(0, 0.9, along(TRUE, by))]})
    assert evaluation.coco.measure == "oriented"
    assert evaluation.map50_95 == pytest.approx(share)
    assert evaluation.boxes is None


def test_a_box_of_the_same_outline_that_is_turned_the_other_way_is_wrong(coco):
    evaluation = judged(coco({1: [annotated(TRUE)]}, {1: "part"}), {1: [(0, 0.9, [30, 24, 24, 10, -TURN])]})
    assert evaluation.map50 == 0
    assert evaluation.confusion.counts.tolist() == [[0, 1], [1, 0]]


def test_width_and_height_may_change_places(coco):
    evaluation = judged(
        coco({1: [annotated(TRUE)]}, {1: "part"}), {1: [(0, 0.9, [30, 24, 10, 24, TURN + math.pi / 2])]}
    )
    assert evaluation.map50_95 == 1
    assert evaluation.confusion.counts.tolist() == [[1, 0], [0, 0]]


def test_an_ignored_region_swallows_what_lies_in_it(coco):
    region = [30, 24, 40, 20, TURN]
    path = coco({1: [annotated(region, ignore=1)], 2: [annotated(TRUE)]}, {1: "part"})
    answers = {1: [(0, 0.9, [30, 24, 8, 6, TURN])], 2: [(0, 0.5, TRUE)]}
    evaluation = judged(path, answers)
    assert evaluation.map50_95 == 1
    assert evaluation.confusion.counts.tolist() == [[1, 0], [0, 0]]


def test_yolo_lines_hold_four_corners(yolo):
    points = points_of(TRUE) / [WIDTH, HEIGHT]
    line = " ".join(map(str, [0, *points.ravel()]))
    evaluation = judged(yolo({1: line, 2: ""}), {1: [(0, 0.9, TRUE)]})
    assert evaluation.map50_95 == 1
    assert [score.quality for score in evaluation.scores] == ["bad", "good"]


def test_a_closed_polygon_of_coco_is_read_as_its_four_corners(coco):
    points = points_of(TRUE).ravel().tolist()
    row = (1, upright_of(points_of(TRUE)), {"segmentation": [[*points, *points[:2]]]})
    assert judged(coco({1: [row]}, {1: "part"}), {1: [(0, 0.9, TRUE)]}).map50_95 == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("0 0.5 0.5 0.25 0.5", "expected four corners"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "oriented boxes is judged"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 3", "fractions of the picture"),
        ("0 0.1 0.1 0.2 0.1 0.3 0.1 0.4 0.1", "around an area"),
    ],
)
def test_a_line_without_its_corners_is_refused(yolo, line, told):
    with pytest.raises(DatasetError, match=rf"1\.txt:1: .*{told}"):
        open_dataset(yolo({1: line}), task="obb", model_names=("part",))


@pytest.mark.parametrize("segmentation", [None, [], [[1, 1, 5, 1, 5, 5]], [[1] * 8, [2] * 8], {"counts": []}])
def test_a_truth_without_oriented_boxes_is_refused_with_its_place(coco, segmentation):
    path = coco({1: [(1, [1, 1, 9, 9], {"segmentation": segmentation})]}, {1: "part"})
    with pytest.raises(DatasetError, match=r"annotations\[0\] \(id 1\): no oriented box"):
        open_dataset(path, task="obb")


sides = st.floats(2, 500)


@given(x=st.floats(-3000, 3000), y=st.floats(-3000, 3000), w=sides, h=sides, r=st.floats(-7, 7))
def test_four_corners_become_the_rectangle_that_they_are_of(x, y, w, h, r):
    box = np.array([[x, y, w, h, r]])
    points = corners(box).astype(np.float64)
    found = rectangles(points)
    assert found[0, :2] == pytest.approx([x, y], abs=0.01)
    assert oriented_overlaps(found, box, region=False)[0, 0] > 0.99


def test_the_share_of_a_region_is_of_the_found_box():
    found, region = np.array([[10, 10, 4, 2, 0.3]]), np.array([[10, 10, 40, 20, 0.3]])
    assert oriented_overlaps(found, region, region=True)[0, 0] == pytest.approx(1)
    assert oriented_overlaps(region, found, region=True)[0, 0] == pytest.approx(0.01)
