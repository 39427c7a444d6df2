"""Masks of a public data set, judged: its own truth is right, and a real model's figure is sensible."""

from __future__ import annotations

import numpy as np
import pytest

from lineside import Detector
from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.core.masks import Masks
from lineside.evaluation.coco_metrics import library
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.evaluation.settings import EvaluationSettings
from zoo import needs_zoo

pytestmark = needs_zoo


class Oracle:
    """Answers the true masks of each picture in turn; regions of crowds are left out."""

    def __init__(self, dataset):
        self.names = dataset.names
        self.card = self
        self._pictures = iter(dataset.pictures)

    def to_dict(self):
        return {"file": "oracle", "task": "segment"}

    def __call__(self, image, **_):
        truth = next(self._pictures).truth
        size = Size(*image.shape[:2])
        kept = np.flatnonzero(~truth.ignored)
        mask = library().mask
        planes = [
            mask.decode(mask.merge(mask.frPyObjects(truth.outlines[i], *size))).astype(bool) for i in kept
        ]
        return Detections(
            truth.xyxy[kept].astype(np.float32),
            np.linspace(1, 0.5, len(kept), dtype=np.float32),
            truth.class_index[kept].astype(np.int32),
            self.names,
            size,
            masks=Masks(tuple(planes), np.zeros((len(kept), 2), np.int32), size),
        )


@pytest.fixture
def coco79(zoo):
    return open_dataset(zoo / "truth" / "coco79.json", images=zoo / "images" / "coco79", task="segment")


def test_the_truth_itself_is_right(coco79):
    evaluation = evaluate(Oracle(coco79), coco79)
    assert evaluation.map50_95 == pytest.approx(1)
    assert evaluation.coco.ignored > 0


def test_a_models_masks_are_nearly_as_good_as_its_boxes(zoo, coco79, tmp_path):
    detector = Detector(zoo / "models" / "yolov8n-seg_coco_dynint8_320.onnx", cache=tmp_path)
    evaluation = evaluate(detector, coco79, EvaluationSettings(multi_label=False))
    # 0.264 and 0.425, where measured; the model was quantised by whoever exported it.
    assert evaluation.map50_95 == pytest.approx(0.264, abs=0.02)
    assert evaluation.map50 == pytest.approx(0.425, abs=0.02)
    assert evaluation.map50 < float(np.nanmean(evaluation.boxes.ap50))
