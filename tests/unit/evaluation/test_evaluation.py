from __future__ import annotations

import pytest

from lineside.core.errors import DatasetError, ImageFileError, SettingsError, UnknownNameError
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.evaluation.settings import EvaluationSettings

CATEGORIES = {1: "scratch", 2: "dent"}
A, B = [10, 10, 20, 20], [40, 10, 20, 20]  # x, y, width, height
A_XYXY, B_XYXY = [10, 10, 30, 30], [40, 10, 60, 30]


def test_the_figures_of_a_small_data_set(coco, replay):
    dataset = open_dataset(coco({1: [(1, A), (2, B)], 2: [(1, A)], 3: [], 4: []}, CATEGORIES))
    detector = replay(
        ("dent", "scratch"),
        {1: [(1, 0.75, A_XYXY), (0, 0.5, B_XYXY)], 2: [(1, 0.625, A_XYXY)], 3: [(0, 0.25, B_XYXY)]},
    )
    evaluation = evaluate(detector, dataset, EvaluationSettings(max_escape=0.0))
    assert (evaluation.map50_95, evaluation.map50, evaluation.map75) == (1, 1, 1)
    assert (evaluation.mean_precision, evaluation.mean_recall, evaluation.mean_f1) == (1, 1, 1)
    assert evaluation.names == ("scratch", "dent")
    assert [s.quality for s in evaluation.scores] == ["bad", "bad", "good", "good"]
    assert [s.score for s in evaluation.scores] == [0.75, 0.625, 0.25, None]
    rates = evaluation.suggestion.rates
    assert (rates.threshold, rates.escape, rates.overkill) == (0.44, 0.0, 0.0)
    assert evaluation.confusion.counts.tolist() == [[2, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_the_detector_is_asked_as_the_settings_say(coco, replay):
    detector = replay(("scratch", "dent"), {})
    dataset = open_dataset(coco({1: [], 2: []}, CATEGORIES))
    evaluate(detector, dataset)
    assert detector.asked == [(0.001, 0.7, 300, True)] * 2
    evaluate(detector, dataset, EvaluationSettings(0.01, 0.5, 50, multi_label=False))
    assert detector.asked[2:] == [(0.01, 0.5, 50, False)] * 2


def test_defects_are_the_chosen_classes(coco, replay):
    dataset = open_dataset(coco({1: [(1, A)], 2: [(2, A)]}, CATEGORIES))
    detector = replay(("scratch", "dent"), {1: [(1, 0.9, A_XYXY)], 2: [(0, 0.5, A_XYXY)]})
    evaluation = evaluate(detector, dataset, EvaluationSettings(defects=("scratch",)))
    assert [(s.quality, s.score) for s in evaluation.scores] == [("bad", None), ("good", 0.5)]
    assert any("--single-label" in note for note in evaluation.notes)


def test_small_true_boxes_are_ignored_and_said_so(coco, replay):
    dataset = open_dataset(coco({1: [(1, [10, 10, 4, 4])], 2: [(1, A)], 3: []}, CATEGORIES))
    detector = replay(("scratch", "dent"), {1: [(0, 0.9, [10, 10, 14, 14])], 2: [(0, 0.5, A_XYXY)]})
    evaluation = evaluate(detector, dataset, EvaluationSettings(min_size_px=5))
    assert [s.quality for s in evaluation.scores] == ["neither", "bad", "good"]
    assert evaluation.map50 == 1
    assert any("under 5 px" in note for note in evaluation.notes)


def test_detections_of_classes_that_the_data_set_does_not_label_are_left_out_and_said_so(coco, replay):
    dataset = open_dataset(coco({1: []}, {1: "dent"}))
    evaluation = evaluate(replay(("label", "dent"), {1: [(0, 0.9, A_XYXY)]}), dataset)
    assert evaluation.scores[0].score is None
    assert any(
        "1 classes of the model are not in the data set" in n and "label" in n for n in evaluation.notes
    )


def test_a_data_set_of_good_pictures_has_overkill_and_nothing_else(coco, replay):
    dataset = open_dataset(coco({1: [], 2: []}, CATEGORIES))
    evaluation = evaluate(replay(("scratch", "dent"), {1: [(0, 0.5, A_XYXY)]}), dataset)
    assert (evaluation.map50_95, evaluation.operating_point, evaluation.mean_f1) == (None, None, None)
    assert evaluation.suggestion.rates is None
    assert evaluation.curve.at(0.25).overkill == 0.5
    assert evaluation.curve.at(0.25).escape is None


def test_detections_that_were_cut_off_are_told(coco, replay):
    dataset = open_dataset(coco({1: [(1, A)], 2: []}, CATEGORIES))
    detector = replay(("scratch", "dent"), {}, truncated={2})
    notes = evaluate(detector, dataset, EvaluationSettings(defects=("dent",))).notes
    assert any(
        "In 1 pictures a cap (of 300 boxes) cut detections off. The weakest were lost" in n for n in notes
    )


def test_pictures_without_label_files_are_told(yolo, replay):
    dataset = open_dataset(yolo({1: "0 0.5 0.5 0.5 0.5", 2: None}), model_names=("dent",))
    notes = evaluate(replay(("dent",), {}), dataset).notes
    assert any(note.startswith("1 of 2 pictures have no label file") for note in notes)
    assert any("its label numbers were read as the model's classes" in note for note in notes)


def test_classes_matched_by_order_are_told(coco, replay):
    dataset = open_dataset(coco({1: [(2, A)]}, {2: "dent", 9: "hole"}))
    evaluation = evaluate(replay(("class 0", "class 1"), {1: [(0, 0.9, A_XYXY)]}), dataset)
    assert evaluation.map50 == 1
    assert evaluation.notes[0].startswith("The classes were matched by order")


def test_progress_is_told_after_each_picture(coco, replay):
    done = []
    dataset = open_dataset(coco({1: [], 2: [], 3: []}, CATEGORIES))
    evaluate(replay(("scratch", "dent"), {}), dataset, on_picture=lambda: done.append(1))
    assert len(done) == 3


def test_a_damaged_picture_ends_the_evaluation(coco, replay):
    dataset = open_dataset(coco({1: [], 2: []}, CATEGORIES))
    dataset.pictures[1].path.write_bytes(b"")
    with pytest.raises(ImageFileError, match=r"2\.png"):
        evaluate(replay(("scratch", "dent"), {}), dataset)


def test_a_picture_of_another_size_ends_the_evaluation(coco, replay, paint):
    dataset = open_dataset(coco({1: []}, CATEGORIES))
    paint(dataset.pictures[0].path, 1, size=(20, 20))
    with pytest.raises(DatasetError, match="the data set says 64x48, the picture is 20x20"):
        evaluate(replay(("scratch", "dent"), {}), dataset)


def test_classes_are_checked_before_the_first_picture(coco, replay):
    detector = replay(("scratch", "hole"), {})
    dataset = open_dataset(coco({1: []}, CATEGORIES))
    with pytest.raises(DatasetError, match='"dent"'):
        evaluate(detector, dataset)
    with pytest.raises(UnknownNameError, match='"hole"'):
        evaluate(replay(("scratch", "dent"), {}), dataset, EvaluationSettings(defects=("hole",)))
    assert detector.asked == []


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        ({"confidence": 1.0}, "--confidence: expected 0 to below 1, got 1"),
        ({"confidence": float("nan")}, "--confidence"),
        ({"iou": 0.0}, "--iou"),
        ({"max_detections": 0}, "--max-detections"),
        ({"max_escape": 1.5}, "--max-escape"),
        ({"min_size_px": -1}, "--min-size"),
    ],
)
def test_settings_out_of_range_are_refused(setting, option):
    with pytest.raises(SettingsError, match=option):
        EvaluationSettings(**setting)
