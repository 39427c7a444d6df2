"""What a card warns of before anything is measured."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.graph_edits import write
from lineside import Detector
from lineside.core.errors import UnsupportedModelError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.testing.graphs import GraphSpec, anchor_free, dynamic_int8, static_int8


def _signed(model):
    """With int8 activations in place of uint8 ones; what they stand for stays the same."""
    weights = {t.name for t in model.graph.initializer if len(t.dims) == 4}
    zeros = {
        node.input[2]
        for node in model.graph.node
        if node.op_type in {"QuantizeLinear", "DequantizeLinear"} and node.input[0] not in weights
    }
    for tensor in model.graph.initializer:
        if tensor.name in zeros:
            value = numpy_helper.to_array(tensor).astype(np.int16) - 128
            tensor.CopyFrom(numpy_helper.from_array(value.astype(np.int8), tensor.name))
    return model


FORMS = {
    "dynamic int8": (dynamic_int8, "int8 (dynamic)", "dynamic int8 gains no speed on a CPU"),
    "signed static int8": (
        lambda: _signed(static_int8()),
        "int8 (static)",
        "with int8 activations runs slower",
    ),
    "halves": (lambda: anchor_free(GraphSpec(precision="fp16")), "fp16", "half precision gains no speed"),
    "halves inside": (
        lambda: anchor_free(GraphSpec(precision="fp16_float_io")),
        "fp16",
        "half precision gains no speed",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_is_known_to_be_slow_is_told_with_its_cure(form, tmp_path):
    build, precision, text = FORMS[form]
    path = write(build(), tmp_path / "model.onnx")
    for card in (ModelCard.read(path, run=run_once), Detector(path, cache=tmp_path / "cache").card):
        assert card.precision == precision
        hints = [warning for warning in card.warnings if text in warning]
        assert len(hints) == 1
        assert "lineside inspect --measure; the cure: " in hints[0]
        assert "float32" in hints[0]


@pytest.mark.parametrize("build", [anchor_free, static_int8])
def test_a_quick_form_is_not_warned_of(build, tmp_path):
    card = ModelCard.read(write(build(), tmp_path / "model.onnx"), run=run_once)
    assert not any("--measure" in warning for warning in card.warnings)


def test_an_operator_that_takes_no_halves_is_named_with_the_cure(tmp_path):
    model = anchor_free(GraphSpec(precision="fp16"))
    picture = model.graph.input[0].name
    model.graph.node.append(helper.make_node("IsInf", [picture], ["infinite"]))
    with pytest.raises(UnsupportedModelError) as refusal:
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    text = str(refusal.value)
    assert text.startswith("model.onnx: onnxruntime")
    assert "IsInf" in text
    assert "Keep that operator in float32, as it knows no float16" in text


def test_an_operator_that_this_device_lacks_for_a_type_is_named_with_the_cure(tmp_path):
    model = anchor_free(GraphSpec(precision="fp16"))
    layers = [
        helper.make_node("Cast", [model.graph.input[0].name], ["doubles"], to=TensorProto.DOUBLE),
        helper.make_node("Conv", ["doubles", "kernel"], ["more"]),
    ]
    model.graph.initializer.append(numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float64), "kernel"))
    model.graph.node.extend(layers)
    with pytest.raises(UnsupportedModelError) as refusal:
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert "this device has no Conv (version 11) for the types of numbers" in str(refusal.value)
    assert "Export it in float32" in str(refusal.value)
