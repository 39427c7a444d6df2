"""A real classifier that others trained, against probabilities that its own framework computed."""

from __future__ import annotations

import json

import numpy as np

from lineside import Detector
from lineside.capture.pictures import read_picture
from zoo import needs_zoo

pytestmark = needs_zoo

NAME = "yolo26n-cls_food101_fp32_224"


def test_every_probability_is_that_of_the_models_own_reference(zoo, tmp_path):
    expected = json.loads((zoo / "expected" / f"{NAME}.json").read_text())
    detector = Detector(zoo / "models" / f"{NAME}.onnx", cache=tmp_path)
    for case in expected["cases"]:
        image = read_picture(zoo / case["image"])
        every = detector(image, max_detections=len(detector.names))
        probabilities = np.zeros(len(detector.names))
        probabilities[every.class_id] = every.confidence
        np.testing.assert_allclose(probabilities, case["probs"], rtol=0, atol=2e-5)
        best = detector(image)
        assert best.class_id.tolist() == case["top5"]
        assert best.truncated
