"""Real models that others trained, against boxes that others computed."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from lineside import Detector
from lineside.capture.pictures import read_picture
from zoo import needs_zoo

pytestmark = needs_zoo

MODELS = (
    "yolox_nano_coco",
    "yolov8n_coco_qdq_640",
    "yolov8n_neu_steel_dynint8",
    "yolo26n_coco_dynint8_640",
)


@pytest.mark.parametrize("name", MODELS)
def test_boxes_are_those_of_the_models_own_reference(zoo, tmp_path, name):
    expected = json.loads((zoo / "expected" / f"{name}.json").read_text())
    detector = Detector(zoo / "models" / f"{name}.onnx", cache=tmp_path)
    for case in expected["cases"]:
        path = zoo / case["image"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == case["sha256"], "another picture"
        found = detector(read_picture(path), confidence=case["conf"], iou=case["iou"])
        assert len(found) == len(case["boxes"]), case["image"]
        boxes = np.reshape(np.array(case["boxes"], np.float64), (-1, 4))
        scores, classes = np.array(case["scores"]), np.array(case["classes"])
        taken = set()
        for box, score, label in zip(boxes, scores, classes, strict=True):
            near = (np.abs(found.xyxy - box).max(axis=1) <= 0.05) & (found.class_id == label)
            near &= np.abs(found.confidence - score) <= 1e-4
            free = [i for i in near.nonzero()[0] if i not in taken]
            assert free, f"{case['image']}: no {expected.get('names', {}).get(str(label), label)} at {box}"
            taken.add(free[0])
        assert found.size == tuple(case["shape"])
        assert not found.truncated


@pytest.mark.parametrize("name", MODELS)
def test_the_preparation_kept_on_disk_answers_bit_by_bit_the_same(zoo, tmp_path, name):
    path = zoo / "models" / f"{name}.onnx"
    picture = read_picture(zoo / "images" / "misc" / "bus.jpg")
    one = Detector(path, cache=tmp_path)
    other = Detector(path, cache=tmp_path)
    assert (one.from_cache, other.from_cache) == (False, True)
    first, second = one(picture, confidence=0.1), other(picture, confidence=0.1)
    np.testing.assert_array_equal(first.xyxy, second.xyxy)
    np.testing.assert_array_equal(first.confidence, second.confidence)
