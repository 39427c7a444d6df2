"""Files that others exported: converted they find what they found before, on real pictures."""

from __future__ import annotations

import numpy as np
import pytest

from lineside import Detector
from lineside.capture.sources import open_sources
from lineside.core.errors import ModelError
from lineside.engine import run_once
from lineside.models.conversion.convert import Wishes, convert
from lineside.models.conversion.proof import Original
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from zoo import find_zoo, needs_zoo

pytestmark = needs_zoo
MODELS = sorted((find_zoo() / "models").glob("*.onnx")) if find_zoo() else []
# Old and newer operator sets, Constant nodes, normalisation apart, integers: what each is known to need.
STEPS = {
    "yolov8n_coco_qdq_640": {"opset", "fold"},
    "yolov8n_neu_steel_dynint8": {"opset", "fold", "unsigned"} - {"unsigned"},
    "yolox_nano_coco": {"opset"},
    "yolo26n_coco_dynint8_640": {"opset", "fold", "unsigned"},
    "yolov8n-seg_coco_dynint8_320": {"opset", "fold", "unsigned"},
    "picodet_cdla_800x608": {"fold"},
    "yolo11n-pose_coco_fp32_640": set(),
    "yolov8n-obb_taufibrils_fp32_640": set(),
    "yolo26n-cls_food101_fp32_224": set(),
}
DEAD = {"yolov8n_coco_qdq_320", "yolov8n_ppe14_qdq_320"}


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_a_converted_file_finds_what_the_file_found(model, tmp_path):
    if model.stem in DEAD:
        with pytest.raises(ModelError, match="dead export"):
            read_model(ModelFile.read(model), run=run_once)
        return
    conversion = convert(
        Original(read_model(ModelFile.read(model), run=run_once), None, run_once), Wishes(), run_once
    )
    assert {outcome.step for outcome in conversion.outcomes if outcome.done} == STEPS[model.stem]
    path = tmp_path / model.name
    path.write_bytes(conversion.data)
    old, new = (Detector(each, cache=tmp_path / "cache") for each in (model, path))
    assert (new.card.family, new.card.task, new.names) == (old.card.family, old.card.task, old.names)
    for frame in list(open_sources([str(find_zoo() / "images" / "misc")])[0])[:6]:
        expected, got = old(frame.image), new(frame.image)
        if old.card.task == "classify":
            np.testing.assert_array_equal(got.class_id, expected.class_id)
            continue
        assert len(got) == len(expected)
        np.testing.assert_allclose(got.xyxy, expected.xyxy, atol=0.05)
        np.testing.assert_allclose(got.confidence, expected.confidence, atol=1e-4)
