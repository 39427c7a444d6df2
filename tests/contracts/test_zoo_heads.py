"""Models that others trained and exported: recognised, or refused for what they are, with and without their names."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from carded import read_carded
from contracts.graph_edits import nameless, write
from contracts.head_rows import picodet
from lineside.core.errors import DeadModelError, ModelError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.recognise import family
from lineside.models.surgery import prepare
from lineside.postprocess.candidates import Selection

KNOWN = {
    "yolox_nano_coco": ("yolox", 80, (8, 16, 32), "fp32"),
    "yolov8n_neu_steel_dynint8": ("yolov8", 6, (8, 16, 32), "int8 (dynamic)"),
    "yolov8n_coco_qdq_640": ("yolov8", 80, (8, 16, 32), "int8 (static)"),
    "yolo26n_coco_dynint8_640": ("yolov10", 80, (), "int8 (dynamic)"),
    "yolov8n-seg_coco_dynint8_320": ("yolov8_seg", 80, (8, 16, 32), "int8 (dynamic)"),
    "yolo11n-pose_coco_fp32_640": ("yolov8_pose", 1, (8, 16, 32), "fp32"),
    "yolov8n-obb_taufibrils_fp32_640": ("yolov8_obb", 1, (8, 16, 32), "fp32"),
    "yolo26n-cls_food101_fp32_224": ("classifier", 101, (), "fp32"),
    "picodet_cdla_800x608": ("picodet", 10, (8, 16, 32, 64), "fp32"),
}
REFUSED = {
    "yolov8n_coco_qdq_320": (DeadModelError, "straight from one DequantizeLinear"),
    "yolov8n_ppe14_qdq_320": (DeadModelError, "straight from one DequantizeLinear"),
}
PREPARED = {
    "yolo26n-cls_food101_fp32_224": "scale folded into the first convolution",
    "yolox_nano_coco": "cast only",
    "yolov8n_neu_steel_dynint8": "cast and division by 255",
    "yolov8n_coco_qdq_640": "scale folded into the first quantiser",
    "yolo26n_coco_dynint8_640": "cast and division by 255; the int8 weights of 102 layers stored as uint8, which "
    "sums up to the same and runs faster",
    "picodet_cdla_800x608": "cast and division by 255, centred",
}
FORMS = pytest.mark.parametrize("form", ["as it came", "without names"])
RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])


@pytest.fixture
def path(request, zoo, tmp_path):
    def of(name, form):
        own = zoo / "models" / f"{name}.onnx"
        if form == "as it came":
            return own
        return write(nameless(onnx.load(own)), tmp_path / "model.onnx")

    return of


@FORMS
@RUNS
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_head_is_recognised(name, run, form, path):
    card = ModelCard.read(path(name, form), run=run)
    assert (card.family, len(card.names), card.head.strides, card.precision) == KNOWN[name]
    assert card.sureness >= (0.9 if run else 0.6)
    bare = form != "as it came" or name.startswith("yolox")
    assert card.names_from == ("numbered" if bare else "metadata")
    if name.startswith("yolox"):
        assert (card.conventions.colour, card.conventions.scale, card.conventions.fit.anchor) == (
            "bgr",
            1,
            "corner",
        )


@FORMS
@RUNS
@pytest.mark.parametrize("name", REFUSED)
def test_another_is_refused_for_what_it_is(name, run, form, path):
    error, text = REFUSED[name]
    with pytest.raises(ModelError) as refusal:
        ModelCard.read(path(name, form), run=run)
    assert type(refusal.value) is error
    assert text in str(refusal.value)


@pytest.mark.parametrize("name", PREPARED)
def test_a_byte_input_is_proven_on_it(name, path):
    reading = read_carded(path(name, "as it came"), run=run_once)
    assert prepare(reading.reading, run_once)[1] == PREPARED[name]


def test_the_boxes_of_a_picodet_are_those_of_the_plain_decoding(path):
    """Its input is no multiple of the coarsest stride."""
    reading = read_carded(path("picodet_cdla_800x608", "as it came"), run=run_once)
    head = reading.card.head
    found = family("picodet").decode(reading.answer, head, Selection(0.02))
    expected = picodet(list(reading.answer), head.classes, head.size, head.strides, 0.02)
    expected = np.array(sorted(expected, key=lambda row: -row[4]))
    assert len(found.xyxy) == len(expected) > 0
    assert np.abs(found.confidence - expected[:, 4]).max() < 1e-4
    assert np.abs(found.xyxy - expected[:, :4]).max() < 0.05


def test_every_model_of_the_zoo_is_told_of_here(zoo):
    assert {p.stem for p in (zoo / "models").glob("*.onnx")} <= {*KNOWN, *REFUSED}
