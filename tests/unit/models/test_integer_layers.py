"""Weights of convolutions on integers in another type: the same sums, to the last bit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.graph_edits import write
from lineside import Detector
from lineside.engine import run_once
from lineside.models.file import ModelFile
from lineside.models.integer_layers import store_weights_unsigned
from lineside.models.reading import read_model
from lineside.models.surgery import prepare
from lineside.testing.graphs import anchor_free, dynamic_int8

RNG = np.random.default_rng(7)


def _layer(weights, zero=None, *, zero_name="zero"):
    """One ConvInteger on bytes."""
    constants = [numpy_helper.from_array(weights, "weights")]
    inputs = ["x", "weights", "", zero_name] if zero is not None else ["x", "weights"]
    if zero is not None:
        constants.append(numpy_helper.from_array(zero, zero_name))
    graph = helper.make_graph(
        [helper.make_node("ConvInteger", inputs, ["y"], pads=[1, 1, 1, 1])],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [1, len(weights), 8, 8])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def _answer(model):
    picture = np.random.default_rng(1).integers(0, 256, (1, 3, 8, 8), dtype=np.uint8)
    return run_once(model.SerializeToString(), {"x": picture})[0]


@pytest.mark.parametrize("zero", [None, 0, 5, -128, 127])
def test_the_sums_stay_the_same(zero):
    weights = RNG.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
    model = _layer(weights, None if zero is None else np.array(zero, np.int8))
    before = _answer(model)
    assert store_weights_unsigned(model) == 1
    types = {tensor.data_type for tensor in model.graph.initializer}
    assert types == {TensorProto.UINT8}
    np.testing.assert_array_equal(_answer(model), before)


def test_what_is_unsigned_already_or_no_constant_stays():
    unsigned = _layer(RNG.integers(0, 256, (4, 3, 3, 3), dtype=np.uint8), np.array(128, np.uint8))
    computed = _layer(np.zeros((4, 3, 3, 3), np.int8))
    computed.graph.input.append(helper.make_tensor_value_info("weights", TensorProto.INT8, [4, 3, 3, 3]))
    for model in (unsigned, computed, anchor_free()):
        kept = model.SerializeToString()
        assert store_weights_unsigned(model) == 0
        assert model.SerializeToString() == kept


def test_weights_that_two_layers_share_are_stored_once():
    model = _layer(RNG.integers(-128, 128, (3, 3, 3, 3)).astype(np.int8), np.array(0, np.int8))
    second = onnx.NodeProto()
    second.CopyFrom(model.graph.node[0])
    second.output[0] = "z"
    model.graph.node.append(second)
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.INT32, [1, 3, 8, 8]))
    assert store_weights_unsigned(model) == 2
    assert len(model.graph.initializer) == 2


def test_a_dynamic_int8_file_is_prepared_with_it_and_says_so(tmp_path):
    path = write(dynamic_int8(), tmp_path / "model.onnx")
    reading = read_model(ModelFile.read(path), run=run_once)
    data, how = prepare(reading, run_once)
    layers = sum(node.op_type == "ConvInteger" for node in reading.subject.model.graph.node)
    assert f"the int8 weights of {layers} layers stored as uint8" in how
    prepared = onnx.load_model_from_string(data)
    assert not any(t.data_type == TensorProto.INT8 for t in prepared.graph.initializer)
    got = run_once(data, reading.subject.picture.feeds(reading.planes))
    for expected, other in zip(reading.answer, got, strict=True):
        np.testing.assert_array_equal(other, expected)
    assert "stored as uint8" in Detector(path, cache=tmp_path / "cache").card.evidence[-1]
