"""What is said of an operator that the runtime lacks for a type of numbers."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.graph_edits import write
from lineside.core.errors import UnsupportedModelError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.testing.graphs import GraphSpec, anchor_free


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
