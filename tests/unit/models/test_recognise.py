from __future__ import annotations

import pytest

from contracts.graph_edits import write
from lineside.core.errors import PluginError, UnknownNameError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.recognise import family, family_named
from lineside.testing.graphs import GraphSpec, anchor_free, end_to_end, static_int8, yolov5, yolox


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("yolo11", "yolov8"),
        ("YOLOv9", "yolov8"),
        ("yolo12", "yolov8"),
        (" yolov8 ", "yolov8"),
        ("yolov7", "yolov5"),
        ("yolo26", "yolov10"),
        ("yolo-x", "yolox"),
    ],
)
def test_versions_mean_the_family_that_decodes_them(alias, name):
    assert family_named(alias) == name


@pytest.mark.parametrize(
    ("name", "near"), [("yolov88", '"yolov8"'), ("yolo2", '"yolo26"'), ("resnet", "known: ")]
)
def test_an_unknown_name_is_answered_with_the_near_ones(name, near):
    with pytest.raises(UnknownNameError) as refusal:
        family_named(name)
    assert str(refusal.value).startswith(f'family: unknown "{name}"')
    assert near in str(refusal.value)


def test_a_family_that_does_not_exist_cannot_be_loaded():
    with pytest.raises(PluginError, match='no plug-in "yolov99" among the families'):
        family("yolov99")


@pytest.mark.parametrize(
    ("build", "alias", "family_name"),
    [
        (anchor_free, "yolo13", "yolov8"),
        (yolov5, "yolov3", "yolov5"),
        (end_to_end, "yolo26", "yolov10"),
        (yolox, "yolo-x", "yolox"),
    ],
)
def test_an_alias_sets_the_family(build, alias, family_name, tmp_path):
    path = write(build(GraphSpec()), tmp_path / "model.onnx")
    card = ModelCard.read(path, facts=ModelFacts(family=alias), run=run_once)
    assert (card.family, card.sureness) == (family_name, 1.0)
    assert card.evidence[0] == f"family set by hand: {alias}"


def test_the_card_says_what_the_file_is(tmp_path):
    path = write(anchor_free(), tmp_path / "model.onnx")
    card = ModelCard.read(path, run=run_once)
    assert (card.file, card.size_bytes) == ("model.onnx", path.stat().st_size)
    assert (card.precision, card.opset, card.producer) == ("fp32", 18, "lineside.testing")
    assert card.description == "Ultralytics YOLOv8n model trained on parts.yaml"
    assert (card.names, card.names_from) == (("class0", "class1", "class2"), "metadata")
    assert (card.nms_inside, card.nms_free, card.warnings) == (False, False, ())
    assert card.flops
    assert card.parameters > 10_000
    assert len(card.sha256) == 64


@pytest.mark.parametrize(
    ("model", "precision"),
    [
        (anchor_free(GraphSpec(precision="fp16")), "fp16"),
        (anchor_free(GraphSpec(precision="fp16_float_io")), "fp16"),
        (static_int8(), "int8 (static)"),
    ],
    ids=["half", "half inside", "static"],
)
def test_the_precision_is_that_of_the_weights(model, precision, tmp_path):
    assert ModelCard.read(write(model, tmp_path / "model.onnx")).precision == precision
