"""Keypoints: read from what annotators write, and judged by their object keypoint similarity."""

from __future__ import annotations

import numpy as np
import pytest

from lineside.core.errors import DatasetError
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from task_replay import TaskReplay

WIDTH, HEIGHT = 64, 48
BOX, XYXY = [10, 10, 40, 30], [10, 10, 50, 40]
AREA = 1000.0
POINTS = np.array([[15, 15, 2], [30, 20, 2], [45, 35, 1]], float)


def judged(path, answers, names=("part",)):
    dataset = open_dataset(path, task="pose", model_names=names, keypoints=3)
    return evaluate(TaskReplay("pose", names, answers), dataset)


def annotated(points=POINTS, **more):
    return (1, BOX, {"keypoints": points.ravel().tolist(), "area": AREA, **more})


def moved(by, points=POINTS):
    return points + np.array([by, 0, 0])


def distance_of(oks, sigma=1 / 3):
    """How far every point must be off for this similarity."""
    return float(np.sqrt(-np.log(oks) * 2 * AREA * (2 * sigma) ** 2))


@pytest.mark.parametrize(("oks", "share"), [(0.99, 1.0), (0.72, 0.5), (0.51, 0.1), (0.49, 0.0)])
def test_the_similarity_is_what_its_formula_says(coco, oks, share):
    path = coco({1: [annotated()]}, {1: "part"})
    evaluation = judged(path, {1: [(0, 0.9, (XYXY, moved(distance_of(oks))))]})
    assert evaluation.coco.measure == "keypoints"
    assert evaluation.map50_95 == pytest.approx(share)
    assert evaluation.boxes.ap50_95.tolist() == [1]


def test_a_persons_joints_have_the_constants_of_coco(coco):
    joints = np.column_stack([np.linspace(12, 48, 17), np.linspace(12, 38, 17), np.full(17, 2)])
    sigmas = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
    off = 3.0
    oks = np.exp(-(off**2) / (2 * AREA * (2 * sigmas) ** 2)).mean()
    path = coco({1: [annotated(joints)]}, {1: "person"})
    dataset = open_dataset(path, task="pose", keypoints=17)
    answers = {1: [(0, 0.9, (XYXY, moved(off, joints)))]}
    evaluation = evaluate(TaskReplay("pose", ("person",), answers), dataset)
    assert evaluation.map50_95 == pytest.approx((np.arange(0.5, 1, 0.05) <= oks).mean())
    assert 0 < evaluation.map50_95 < 1


def test_points_that_are_not_labelled_do_not_count(coco):
    partly = POINTS * [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    found = POINTS.copy()
    found[2] = [0, 47, 1]
    assert judged(coco({1: [annotated(partly)]}, {1: "part"}), {1: [(0, 0.9, (XYXY, found))]}).map50_95 == 1


def test_an_object_without_a_labelled_point_is_ignored_and_said_so(coco):
    path = coco({1: [annotated(), (1, [1, 1, 8, 8], {"keypoints": [0] * 9, "area": 64})]}, {1: "part"})
    answers = {1: [(0, 0.9, ([1, 1, 9, 9], np.array([[2, 2, 1]] * 3))), (0, 0.8, (XYXY, POINTS))]}
    evaluation = judged(path, answers)
    assert evaluation.map50_95 == 1
    assert any("1 true objects have no labelled keypoint" in note for note in evaluation.notes)


@pytest.mark.parametrize("values", [2, 3])
def test_yolo_lines_hold_a_box_and_points(yolo, values):
    sides = np.array([WIDTH, HEIGHT])
    points = np.column_stack([POINTS[:, :2] / sides, POINTS[:, 2]])[:, :values]
    line = " ".join(map(str, [0, 30 / WIDTH, 25 / HEIGHT, 40 / WIDTH, 30 / HEIGHT, *points.ravel()]))
    evaluation = judged(yolo({1: line, 2: ""}), {1: [(0, 0.9, (XYXY, POINTS))]})
    assert evaluation.map50_95 == 1
    assert evaluation.boxes.ap50_95.tolist() == [1]


def test_a_point_at_the_origin_of_a_line_without_visibilities_is_not_labelled(yolo):
    dataset = open_dataset(
        yolo({1: "0 0.5 0.5 0.5 0.5 0.4 0.4 0 0 0.6 0.6"}), task="pose", model_names=("part",), keypoints=3
    )
    assert dataset.pictures[0].truth.keypoints[0, :, 2].tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("0 0.5 0.5 0.25 0.5", "expected a box and 3 keypoints"),
        ("0 0.5 0.5 0.25 0.5 0.1 0.1", "expected a box and 3 keypoints"),
        ("0 0.5 0.5 0.25 0.5 0.1 0.1 2 0.2 0.2 2 0.3 0.3 5", "visibility 0, 1 or 2"),
        ("0 0.5 0.5 0.25 0.5 0.1 0.1 2 0.2 0.2 2 0.3 9 2", "fractions of the picture"),
        ("0 0.5 0.5 0.25 0 0.1 0.1 0.2 0.2 0.3 0.3", "an area"),
    ],
)
def test_a_line_without_its_keypoints_is_refused(yolo, line, told):
    with pytest.raises(DatasetError, match=rf"1\.txt:1: .*{told}"):
        open_dataset(yolo({1: line}), task="pose", model_names=("part",), keypoints=3)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "no keypoints, and a model that answers keypoints"),
        ({"keypoints": []}, "each v 0, 1 or 2"),
        ({"keypoints": [1, 2]}, "each v 0, 1 or 2"),
        ({"keypoints": [1, 2, 3]}, "each v 0, 1 or 2"),
        ({"keypoints": [1, 2, float("nan")]}, "each v 0, 1 or 2"),
    ],
)
def test_a_truth_without_keypoints_is_refused_with_its_place(coco, more, told):
    with pytest.raises(DatasetError, match=rf"annotations\[0\] \(id 1\): .*{told}"):
        open_dataset(coco({1: [(1, BOX, more)]}, {1: "part"}), task="pose")


def test_objects_with_different_numbers_of_keypoints_are_refused(coco, yolo):
    path = coco({1: [annotated(), annotated(POINTS[:2])]}, {1: "part"})
    with pytest.raises(DatasetError, match="2 keypoints, and others have 3"):
        open_dataset(path, task="pose")
    line = "0 0.5 0.5 0.5 0.5 0.4 0.4 2"
    with pytest.raises(DatasetError, match="2 keypoints; expected 1"):
        open_dataset(yolo({1: line, 2: line + " 0.5 0.5 2"}), task="pose", model_names=("part",))


def test_a_data_set_of_good_pictures_has_overkill_and_no_keypoints(yolo):
    dataset = open_dataset(yolo({1: "", 2: ""}), task="pose", model_names=("part",))
    evaluation = evaluate(TaskReplay("pose", ("part",), {1: [(0, 0.9, (XYXY, POINTS))]}), dataset)
    assert evaluation.map50 is None
    assert evaluation.curve.at(0.5).overkill == 0.5


def test_a_region_without_any_keypoints_is_ignored(coco):
    path = coco({1: [(1, BOX, {"iscrowd": 1})]}, {1: "part"})
    assert judged(path, {1: [(0, 0.9, (XYXY, POINTS))]}).scores[0].quality == "neither"
    with pytest.raises(DatasetError, match="no keypoints"):
        open_dataset(path, task="pose")


def test_another_number_of_keypoints_than_the_models_is_refused(coco):
    path = coco({1: [annotated(POINTS[:2])]}, {1: "part"})
    with pytest.raises(DatasetError, match="labels 2 keypoints of an object, the model answers 3"):
        judged(path, {1: [(0, 0.9, (XYXY, POINTS))]})
