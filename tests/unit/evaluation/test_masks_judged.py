"""Masks: read from what annotators write, and judged by their own overlap."""

from __future__ import annotations

import faster_coco_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.core.errors import DatasetError, ModelOutputError
from lineside.core.geometry import Size
from lineside.core.masks import Masks
from lineside.evaluation.coco_details import outline_of
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from task_replay import TaskReplay

HEIGHT, WIDTH = 48, 64
BOX = [10, 10, 20, 20]  # x, y, width, height
SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]


def plane(left, top, right, bottom):
    drawn = np.zeros((HEIGHT, WIDTH), bool)
    drawn[top:bottom, left:right] = True
    return drawn


def frame(left, top, right, bottom):
    """A mask with a hole, so that its box is larger than it."""
    drawn = plane(left, top, right, bottom)
    drawn[top + 2 : bottom - 2, left + 2 : right - 2] = False
    return drawn


def judged(path, answers, names=("scratch",)):
    return evaluate(
        TaskReplay("segment", names, answers), open_dataset(path, task="segment", model_names=names)
    )


def test_masks_are_judged_by_their_own_overlap_and_boxes_beside_them(coco):
    path = coco({1: [(1, BOX, {"segmentation": [SQUARE]})]}, {1: "scratch"})
    # 12 of 20 columns, and one pixel at the far corner that makes its box the true one: an IoU of 0.6.
    found = plane(10, 10, 22, 30)
    found[29, 29] = True
    evaluation = judged(path, {1: [(0, 0.9, found)]})
    assert evaluation.task == "segment"
    assert evaluation.coco.measure == "masks"
    assert (evaluation.map50, evaluation.map75) == (1, 0)
    assert evaluation.map50_95 == pytest.approx(0.3)  # 0.50, 0.55 and 0.60 of ten thresholds
    assert evaluation.boxes.ap50_95.tolist() == [1]


@pytest.mark.parametrize("form", ["polygons", "runs", "text"])
def test_the_truth_is_read_in_each_form(coco, form):
    mask = plane(10, 10, 30, 30)
    runs = Masks((mask,), np.zeros((1, 2), np.int32), Size(HEIGHT, WIDTH)).rle()[0]
    text = faster_coco_eval.mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    written = {
        "polygons": [SQUARE],
        "runs": runs,
        "text": {"size": [HEIGHT, WIDTH], "counts": text["counts"].decode()},
    }[form]
    path = coco({1: [(1, BOX, {"segmentation": written})]}, {1: "scratch"})
    assert judged(path, {1: [(0, 0.9, mask)]}).map50_95 == 1


def test_a_mask_in_several_pieces_is_one_object(coco):
    pieces = [[2, 2, 12, 2, 12, 12, 2, 12], [40, 30, 60, 30, 60, 40, 40, 40]]
    path = coco({1: [(1, [2, 2, 58, 38], {"segmentation": pieces})]}, {1: "scratch"})
    assert judged(path, {1: [(0, 0.9, plane(2, 2, 12, 12) | plane(40, 30, 60, 40))]}).map50_95 == 1


def test_a_crowd_swallows_the_masks_that_lie_in_it(coco):
    crowd = Masks((plane(0, 0, 64, 48),), np.zeros((1, 2), np.int32), Size(HEIGHT, WIDTH)).rle()[0]
    path = coco(
        {
            1: [
                (1, BOX, {"segmentation": [SQUARE]}),
                (1, [0, 0, 64, 48], {"segmentation": crowd, "iscrowd": 1}),
            ]
        },
        {1: "scratch"},
    )
    evaluation = judged(path, {1: [(0, 0.9, plane(40, 5, 50, 15)), (0, 0.8, plane(10, 10, 30, 30))]})
    assert evaluation.map50_95 == 1


def test_the_best_f1_counts_masks_not_boxes(coco):
    path = coco({1: [(1, BOX, {"segmentation": [SQUARE]})]}, {1: "scratch"})
    evaluation = judged(path, {1: [(0, 0.9, frame(10, 10, 30, 30))]})
    assert evaluation.boxes.ap50.tolist() == [1]
    assert evaluation.map50 == 0
    assert evaluation.mean_recall == 0


def test_yolo_polygons_are_fractions_of_the_picture(yolo):
    x, y = 1 / WIDTH, 1 / HEIGHT
    line = f"0 {10 * x} {10 * y} {30 * x} {10 * y} {30 * x} {30 * y} {10 * x} {30 * y}"
    evaluation = judged(yolo({1: line, 2: ""}), {1: [(0, 0.9, plane(10, 10, 30, 30))]})
    assert evaluation.map50_95 == 1
    assert [score.quality for score in evaluation.scores] == ["bad", "good"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("0 0.5 0.5 0.25 0.5", "expected a polygon"),
        ("0 0.1 0.1 0.2 0.2", "masks is judged"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "expected a polygon"),
        ("0 0.1 0.1 0.2 0.2 0.3 1.3", "fractions of the picture"),
        ("0 0.1 0.1 0.2 0.1 0.3 0.1", "around an area"),
        ("-1 0.1 0.1 0.2 0.2 0.3 0.3", "a class from 0 up"),
        ("a 0.1 0.1 0.2 0.2 0.3 0.3", "whole class number"),
    ],
)
def test_a_line_without_a_polygon_is_refused(yolo, line, told):
    with pytest.raises(DatasetError, match=rf"labels/1\.txt:1: .*{told}"):
        open_dataset(yolo({1: line}), task="segment", model_names=("scratch",))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "no segmentation, and a model that answers masks"),
        ({"segmentation": []}, "no segmentation"),
        ({"segmentation": [[1, 2, 3, 4]]}, "at least three points"),
        ({"segmentation": [[1, 2, 3, 4, 5, "x"]]}, "at least three points"),
        ({"segmentation": 7}, "at least three points"),
        ({"segmentation": {"size": [48, 64], "counts": [5, 5]}}, "add up to 3072"),
        ({"segmentation": {"size": [64, 48], "counts": [3072]}}, r"size \[48, 64\]"),
        ({"segmentation": {"size": [48, 64], "counts": "\x00\x7f"}}, "run lengths"),
        ({"segmentation": {"size": [48, 64], "counts": "o" * 40}}, "run lengths"),
    ],
)
def test_a_truth_without_masks_is_refused_with_its_place(coco, more, told):
    with pytest.raises(DatasetError, match=rf"annotations\[0\] \(id 1\): .*{told}"):
        open_dataset(coco({1: [(1, BOX, more)]}, {1: "scratch"}), task="segment")


def test_masks_are_read_only_where_they_are_judged(coco):
    path = coco({1: [(1, BOX, {"segmentation": "nonsense"})]}, {1: "scratch"})
    assert open_dataset(path).pictures[0].truth.outlines is None


def test_an_ignored_region_needs_no_mask(coco):
    path = coco({1: [(1, BOX, {"ignore": 1})]}, {1: "scratch"})
    assert judged(path, {1: [(0, 0.9, plane(12, 12, 20, 20))]}).scores[0].quality == "neither"


def test_a_data_set_that_was_opened_without_masks_is_refused(coco):
    dataset = open_dataset(coco({1: [(1, BOX, {"segmentation": [SQUARE]})]}, {1: "scratch"}))
    with pytest.raises(DatasetError, match="without masks"):
        evaluate(TaskReplay("segment", ("scratch",), {}), dataset)


def test_an_answer_without_masks_is_refused(coco):
    class Bare(TaskReplay):
        @staticmethod
        def segment(planes, size):
            return TaskReplay.segment(planes, size)[0], {}

    dataset = open_dataset(coco({1: [(1, BOX, {"segmentation": [SQUARE]})]}, {1: "scratch"}), task="segment")
    with pytest.raises(ModelOutputError, match="masks"):
        evaluate(Bare("segment", ("scratch",), {1: [(0, 0.9, plane(1, 1, 5, 5))]}), dataset)


@settings(max_examples=60)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 999), share=st.floats(0, 1))
def test_the_text_of_run_lengths_is_read_as_the_library_writes_it(height, width, seed, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    text = faster_coco_eval.mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    size = Size(height, width)
    read = outline_of("", {"size": [*size], "counts": text}, size)
    assert read == Masks((mask,), np.zeros((1, 2), np.int32), size).rle()[0]
