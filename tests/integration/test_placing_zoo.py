"""On models of others, too, the report on a session counts the nodes that the profiler sees run."""

from __future__ import annotations

import pytest

from lineside import Detector
from lineside.models.probe import planar, probe_picture
from profiled import nodes_by_provider
from zoo import needs_zoo

pytestmark = needs_zoo

MODELS = (
    "picodet_cdla_800x608",
    "yolo11n-pose_coco_fp32_640",
    "yolo26n-cls_food101_fp32_224",
    "yolov8n-obb_taufibrils_fp32_640",
    "yolov8n-seg_coco_dynint8_320",
    "yolov8n_coco_qdq_640",
    "yolox_nano_coco",
)


@pytest.mark.parametrize("name", MODELS)
def test_the_counts_of_the_report_are_the_profilers(zoo, tmp_path, name):
    detector = Detector(zoo / "models" / f"{name}.onnx", cache=tmp_path)
    (prepared,) = tmp_path.glob("*/model.onnx")
    card = detector.card
    feeds = card.input.feeds(planar(probe_picture(card.input.size), card.conventions))
    assert detector.truth.placing.nodes == nodes_by_provider(str(prepared), feeds, tmp_path)
    assert sum(detector.truth.placing.nodes.values()) > 100
