"""Classifiers: folders of pictures, top-1 and top-5, and what is taken for what."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from lineside.core.errors import DatasetError
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.evaluation.report import write_report
from lineside.evaluation.settings import EvaluationSettings
from lineside.evaluation.tables import print_tables
from task_replay import TaskReplay

NAMES = ("a", "b", "c", "d", "e", "f", "g")


@pytest.fixture
def folders(tmp_path, paint):
    """Writes a folder for each class: their pictures' numbers by name."""

    def write(classes, root="set"):
        for name, numbers in classes.items():
            (tmp_path / root / name).mkdir(parents=True)
            for number in numbers:
                paint(tmp_path / root / name / f"{number}.png", number)
        return tmp_path / root

    return write


def ranked(*order):
    """An answer of all classes, best first."""
    rest = [k for k in range(len(NAMES)) if k not in order]
    return [(k, 0.9 / 2**place) for place, k in enumerate([*order, *rest])]


def judged(path, answers, *, names=NAMES, **settings):
    return evaluate(
        TaskReplay("classify", names, answers),
        open_dataset(path, task="classify"),
        EvaluationSettings(**settings),
    )


def test_accuracy_is_counted_over_the_pictures(folders):
    path = folders({"a": [1, 2], "b": [3], "g": [4]})
    evaluation = judged(path, {1: ranked(0), 2: ranked(1, 0), 3: ranked(1), 4: ranked(0, 1, 2, 3, 4)})
    top = evaluation.top
    assert (top.top1, top.top5) == (0.5, 0.75)
    assert top.recall.tolist() == [0.5, 1, 0]
    assert top.precision.tolist() == [0.5, 0.5, pytest.approx(np.nan, nan_ok=True)]
    assert top.f1.tolist() == [0.5, pytest.approx(2 / 3), 0]
    assert top.among_five.tolist() == [2, 1, 0]
    assert evaluation.confusion.counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert (evaluation.map50, evaluation.operating_point, evaluation.boxes) == (None, None, None)


def test_every_class_is_asked_for_however_weak(folders):
    detector = TaskReplay("classify", NAMES, {})
    evaluate(detector, open_dataset(folders({"a": [1]}), task="classify"))
    assert (detector.asked[0]["confidence"], detector.asked[0]["max_detections"]) == (0.0, 7)


def test_an_answer_that_the_data_set_does_not_have_is_wrong(folders):
    evaluation = judged(folders({"a": [1], "b": [2]}), {1: ranked(6, 0), 2: ranked(1)})
    assert (evaluation.top.top1, evaluation.top.top5) == (0.5, 1.0)
    assert evaluation.confusion.counts.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert any("5 classes of the model have no folder" in note for note in evaluation.notes)


def test_without_an_answer_a_picture_is_wrong(folders):
    assert judged(folders({"a": [1], "b": [2]}), {2: ranked(1)}).top.top1 == 0.5


def test_escape_and_overkill_need_a_class_that_is_a_defect(folders):
    path = folders({"a": [1, 2], "b": [3, 4]})
    answers = {1: ranked(0, 1), 2: ranked(1, 0), 3: ranked(1), 4: ranked(0, 2, 3, 1)}
    bare = judged(path, answers)
    assert not bare.defects.any()
    assert any("--defects" in note for note in bare.notes)
    evaluation = judged(path, answers, defects=("b",))
    assert [score.quality for score in evaluation.scores] == ["good", "good", "bad", "bad"]
    assert [score.score for score in evaluation.scores] == pytest.approx([0.45, 0.9, 0.9, 0.1125])
    rates = evaluation.curve.at(0.5)
    assert (rates.escape, rates.overkill) == (0.5, 0.5)


@pytest.mark.parametrize("defects", [(), ("b",)])
def test_the_report_shows_what_a_classifier_is_judged_by(folders, tmp_path, defects):
    evaluation = judged(
        folders({"a": [1], "b": [2]}), {1: ranked(1, 0), 2: ranked(2, 1)}, defects=defects, max_escape=0.0
    )
    document = write_report(evaluation, tmp_path / "report")
    assert document == json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert document["task"] == "classify"
    assert document["accuracy"] == {"top1": 0.0, "top5": 1.0}
    assert document["map50"] is None
    assert document["confusion"]["labels"] == ["a", "b", "another class"]
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    files = {file.name for file in (tmp_path / "report").iterdir()}
    assert "top-1 accuracy" in text
    assert {"accuracy.png", "confusion.png"} <= files
    assert "average_precision.png" not in files
    assert ("escape_overkill.png" in files) == ("## Escape and overkill" in text) == bool(defects)
    shown = StringIO()
    print_tables(evaluation, Console(file=shown, width=120))
    assert "top-5 accuracy" in shown.getvalue()
    assert ("Suggested threshold" in shown.getvalue()) == bool(defects)


def test_numbered_folders_are_ordered_by_their_numbers(folders):
    names = tuple(str(k) for k in range(11))
    dataset = open_dataset(folders({name: [1] for name in names}), task="classify")
    assert dataset.names == names
    detector = TaskReplay("classify", tuple(f"class {k}" for k in range(11)), {1: [(10, 0.9)]})
    assert evaluate(detector, dataset).top.first.tolist() == [0] * 10 + [1]


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ({}, "no folder in it"),
        ({"a": [1], "b": []}, "b: no pictures"),
        ({"train/a": [1], "val/a": [2]}, "looks like a data set's splits"),
    ],
)
def test_another_layout_is_refused(folders, tmp_path, classes, told):
    (tmp_path / "set").mkdir()
    with pytest.raises(DatasetError, match=told):
        open_dataset(folders(classes), task="classify")


def test_a_picture_without_a_class_is_refused(folders, paint):
    path = folders({"a": [1]})
    paint(path / "9.png", 9)
    with pytest.raises(DatasetError, match=r"9\.png: a picture that lies in no class's folder"):
        open_dataset(path, task="classify")


def test_other_data_sets_are_refused_for_a_classifier_and_folders_for_others(folders, coco, replay):
    with pytest.raises(DatasetError, match="the model is a classifier"):
        open_dataset(coco({1: []}, {1: "a"}), task="classify")
    dataset = open_dataset(folders({"a": [1]}, "other"), task="classify")
    with pytest.raises(DatasetError, match="opened as folders, and the model's task is detect"):
        evaluate(replay(NAMES, {}), dataset)
    with pytest.raises(DatasetError, match="no such data set"):
        open_dataset(dataset.path / "gone", task="classify")
