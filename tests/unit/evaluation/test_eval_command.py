from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from lineside.cli.eval import report_on
from lineside.core.detections import Detections
from lineside.core.errors import OutputError
from lineside.core.geometry import Size
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.settings import EvaluationSettings


class Sees:
    """A detector that sees one scratch in every bright picture."""

    names = ("scratch",)
    card = None

    def __init__(self):
        self.card = self
        self.calls = 0

    def to_dict(self):
        return {"file": "sees.onnx"}

    def __call__(self, image, *, confidence, iou, max_detections, multi_label):
        self.calls += 1
        found = int(image.max() > 100)
        return Detections(
            np.tile(np.float32([[10, 10, 30, 30]]), (found, 1)),
            np.full(found, 0.75, np.float32),
            np.zeros(found, np.int32),
            self.names,
            Size(*image.shape[:2]),
        )


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "set" / "labels").mkdir()
    for name, level, label in (("bad", 200, "0 0.4 0.4 0.4 0.4"), ("good", 20, "")):
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{name}.png"), np.full((50, 50, 3), level, np.uint8))
        (tmp_path / "set" / "labels" / f"{name}.txt").write_text(label)
    return open_dataset(tmp_path / "set", model_names=("scratch",))


def test_json_is_one_document_on_stdout_and_the_same_as_the_report(dataset, tmp_path, capsys):
    report_on(Sees(), dataset, EvaluationSettings(), tmp_path / "report", as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert document["map50_95"] == pytest.approx(1.0)


def test_the_tables_are_shown_with_the_place_of_the_report(dataset, tmp_path, capsys):
    report_on(Sees(), dataset, EvaluationSettings(), tmp_path / "report", as_json=False)
    shown = capsys.readouterr().out
    assert "mAP50-95" in shown
    assert str(tmp_path / "report" / "report.md") in shown


def test_a_report_that_cannot_be_written_is_told_before_the_pictures_are_judged(dataset, tmp_path):
    (tmp_path / "report").write_text("")
    detector = Sees()
    with pytest.raises(OutputError, match="--report"):
        report_on(detector, dataset, EvaluationSettings(), tmp_path / "report", as_json=True)
    assert detector.calls == 0
