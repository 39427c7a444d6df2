"""Whole data sets through the real detector, against figures that others measured."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lineside import Detector
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.evaluation.settings import EvaluationSettings
from zoo import needs_zoo

pytestmark = needs_zoo


class Case(NamedTuple):
    """A model on a data set, and what others measured."""

    model: str
    truth: str
    iou: float
    map50_95: float
    map50: float
    tolerance: float


CASES = [
    Case("yolov8n_neu_steel_dynint8", "neu180", 0.7, 0.337, 0.663, 0.002),
    Case("yolox_nano_coco", "coco79", 0.65, 0.3114, 0.4906, 0.001),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model)
def test_a_data_set_gives_the_published_figures(zoo, tmp_path, case):
    detector = Detector(zoo / "models" / f"{case.model}.onnx", cache=tmp_path)
    dataset = open_dataset(zoo / "truth" / f"{case.truth}.json", model_names=detector.names)
    result = evaluate(detector, dataset, EvaluationSettings(iou=case.iou))
    assert result.map50_95 == pytest.approx(case.map50_95, abs=case.tolerance)
    assert result.map50 == pytest.approx(case.map50, abs=case.tolerance)
