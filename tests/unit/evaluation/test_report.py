from __future__ import annotations

import json
import os
import sys

import cv2
import pytest

from lineside.core.errors import NotInstalledError, OutputError
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.evaluation.fonts import DEFAULT_FAMILY, labels_for
from lineside.evaluation.plots import library
from lineside.evaluation.report import prepare_folder, write_report
from lineside.evaluation.settings import EvaluationSettings

A = [10, 10, 20, 20]
A_XYXY = [10, 10, 30, 30]
PLOTS = {"average_precision.png", "confusion.png", "escape_overkill.png", "precision_recall.png"}


@pytest.fixture
def judged(coco, replay):
    def judge(truths, answers, names=("scratch", "dent"), **settings):
        dataset = open_dataset(coco(truths, {k + 1: name for k, name in enumerate(names)}))
        return evaluate(replay(names, answers), dataset, EvaluationSettings(**settings))

    return judge


@pytest.fixture
def mixed(judged):
    answers = {1: [(0, 0.75, A_XYXY)], 2: [(1, 0.125, A_XYXY)], 3: [(1, 0.5, A_XYXY)]}
    return judged({1: [(1, A)], 2: [(2, A)], 3: [], 4: []}, answers, max_escape=0.5)


def _picture_size(file):
    image = cv2.imread(str(file))
    assert image is not None
    return image.shape[:2]


def test_the_folder_holds_the_figures_the_text_and_the_plots(mixed, tmp_path):
    document = write_report(mixed, tmp_path / "new" / "report")
    files = {file.name for file in (tmp_path / "new" / "report").iterdir()}
    assert files == PLOTS | {"escapes.png", "report.json", "report.md"}
    assert json.loads((tmp_path / "new" / "report" / "report.json").read_text(encoding="utf-8")) == document
    for name in PLOTS | {"escapes.png"}:
        assert min(_picture_size(tmp_path / "new" / "report" / name)) > 300


def test_the_document_says_what_was_measured_and_how(mixed, tmp_path):
    document = write_report(mixed, tmp_path)
    assert document["schema"] == 1
    assert document["model"] == {"file": "replay.onnx", "family": "replay"}
    assert document["dataset"]["pictures"] == 4
    assert document["settings"]["multi_label"] is True
    assert document["map50"] == pytest.approx(0.75)
    assert [c["name"] for c in document["classes"]] == ["scratch", "dent"]
    assert document["confusion"]["labels"] == ["scratch", "dent", "background"]
    rates = document["rates"]
    assert (rates["bad"], rates["good"], rates["neither"]) == (2, 2, 0)
    assert rates["suggestion"]["rates"]["threshold"] == 0.62
    assert rates["suggestion"]["rates"]["escape"] == 0.5
    assert rates["suggestion"]["rates"]["overkill"] == 0.0
    assert {at["threshold"] for at in rates["at"]} >= {0.25, 0.62}
    assert len(rates["curve"]["threshold"]) == len(rates["curve"]["escaped"])
    assert document["pictures"][3] == {"name": "4.png", "quality": "good", "score": None}


def test_what_is_not_available_is_null(judged, tmp_path):
    document = write_report(judged({1: []}, {1: [(0, 0.5, A_XYXY)]}), tmp_path)
    assert document["map50_95"] is None
    assert document["best_f1"] is None
    assert document["classes"][0]["ap50"] is None
    assert document["rates"]["suggestion"]["rates"] is None
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| mAP50-95 | not available |" in text
    assert "No threshold is suggested" in text


def test_the_text_names_every_picture_of_the_folder(mixed, tmp_path):
    write_report(mixed, tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for file in tmp_path.glob("*.png"):
        if file.parent == tmp_path and file.stem not in "1234":
            assert f"]({file.name})" in text
    assert "**Suggested threshold: 0.62**" in text
    assert "replay.onnx on truth.json" in text


def test_pictures_of_an_earlier_report_do_not_stay(mixed, judged, tmp_path):
    folder = tmp_path / "report"
    write_report(mixed, folder)
    write_report(judged({1: []}, {}), folder)
    assert {file.name for file in folder.glob("*.png")} == {"confusion.png", "escape_overkill.png"}


def test_the_worst_overkills_are_shown(judged, tmp_path):
    answers = {n: [(0, 0.5 + n / 100, A_XYXY)] for n in range(1, 15)}
    truths = {n: [] for n in range(1, 15)} | {20: [(1, A)]}
    write_report(judged(truths, answers | {20: [(0, 0.25, A_XYXY)]}), tmp_path / "report")
    assert _picture_size(tmp_path / "report" / "overkills.png")[0] > 600
    assert not (tmp_path / "report" / "escapes.png").exists()


def test_names_mean_nothing_to_plots_or_tables(judged, tmp_path):
    names = ("a $x^ b$", "划痕", "[bold]|`<b>", "a" * 60)
    write_report(judged({1: [(1, A), (2, A)]}, {1: [(0, 0.75, A_XYXY)]}, names=names), tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert r"\[bold]\|\`\<b>" in text
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["classes"][1]["name"] == "划痕"


def test_many_classes_fit_the_plots(judged, tmp_path):
    names = tuple(f"kind of defect {k}" for k in range(30))
    truths = {1: [(k + 1, [k, k, 10, 10]) for k in range(30)]}
    write_report(judged(truths, {1: [(3, 0.75, [3, 3, 13, 13])]}, names=names), tmp_path)
    assert _picture_size(tmp_path / "average_precision.png")[0] > 1000


def test_a_name_that_no_font_can_write_is_drawn_as_its_number():
    labels = labels_for(("dent", "\U000f0000", "a$"))
    assert labels == (DEFAULT_FAMILY, ("dent", "#1", r"a\$"))


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--report"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="--report"):
        prepare_folder(tmp_path / "file" / "below")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="--report"):
        prepare_folder(tmp_path)


def test_preparing_leaves_nothing_behind(tmp_path):
    prepare_folder(tmp_path / "report")
    assert list((tmp_path / "report").iterdir()) == []


def test_a_missing_plot_package_is_told_with_the_line_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'lineside\[eval\]'"):
        library()
