"""The same network in float32: nearly the same answers, and nothing left of integers and halves."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineside.engine import run_once
from lineside.models.graph import Graph
from lineside.models.twin import float_twin
from lineside.testing.graphs import GraphSpec, anchor_free, dynamic_int8, end_to_end, static_int8

QUANTISERS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
PICTURE = np.random.default_rng(0).random((1, 3, 128, 160), np.float32)


def _answer(model):
    return run_once(model.SerializeToString(), {"images": PICTURE})[0]


@pytest.mark.parametrize("build", [static_int8, dynamic_int8])
def test_a_quantised_file_becomes_the_float_one(build):
    twin = float_twin(build())
    assert not {node.op_type for node in twin.graph.node} & QUANTISERS
    expected, got = _answer(anchor_free()), _answer(twin)
    # Weights rounded to eight bits: scores within a few hundredths, boxes within a pixel or two.
    np.testing.assert_allclose(got[:, 4:], expected[:, 4:], atol=0.05)
    np.testing.assert_allclose(got[:, :4], expected[:, :4], atol=4)


@pytest.mark.parametrize("precision", ["fp16", "fp16_float_io"])
@pytest.mark.parametrize("build", [anchor_free, end_to_end])
def test_a_file_in_halves_becomes_a_float_one(build, precision):
    twin = float_twin(build(GraphSpec(precision=precision)))
    graph = Graph(twin)
    kinds = {tensor.data_type for tensor in twin.graph.initializer}
    assert TensorProto.FLOAT16 not in kinds
    assert {t.dtype for t in (*graph.inputs, *graph.outputs)} == {"float32"}
    # Sorted, as two nearly equal scores may change places.
    expected, got = (np.sort(_answer(model).ravel()) for model in (build(GraphSpec()), twin))
    np.testing.assert_allclose(got, expected, rtol=2e-2, atol=1)


def test_a_float_file_has_no_twin_and_neither_has_one_of_integers_only():
    assert float_twin(anchor_free()) is None
    model = static_int8()
    model.graph.node[0].op_type = "QLinearConv"
    assert float_twin(model) is None


def test_a_range_from_zero_after_a_layer_stands_for_the_relu_that_was_left_out():
    step, zero = np.array(0.5, np.float32), np.array(0, np.uint8)
    nodes = [
        helper.make_node("Add", ["x", "one"], ["sum"]),
        helper.make_node("QuantizeLinear", ["sum", "step", "zero"], ["whole"]),
        helper.make_node("MaxPool", ["whole"], ["pooled"], kernel_shape=[1, 1]),
        helper.make_node("DequantizeLinear", ["pooled", "step", "zero"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 3])],
        [
            numpy_helper.from_array(np.ones((), np.float32), "one"),
            numpy_helper.from_array(step, "step"),
            numpy_helper.from_array(zero, "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    feeds = {"x": np.array([[[[-9, 2, 3.5]]]], np.float32)}
    twin = float_twin(model)
    for each in (model, twin):
        assert run_once(each.SerializeToString(), feeds)[0].ravel().tolist() == [0, 3, 4.5]
    assert [node.op_type for node in twin.graph.node] == ["Add", "Relu", "MaxPool", "Identity"]


def test_bytes_that_are_dequantised_first_stay_bytes():
    """Nothing made floats of the picture before: its DequantizeLinear is arithmetic, not a leftover."""
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["x", "step"], ["values"]),
            helper.make_node("QuantizeLinear", ["values", "step"], ["again"]),
            helper.make_node("DequantizeLinear", ["again", "step"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])],
        [numpy_helper.from_array(np.array(0.5, np.float32), "step")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    got = run_once(float_twin(model).SerializeToString(), {"x": np.array([0, 3, 255], np.uint8)})[0]
    assert got.tolist() == [0, 1.5, 127.5]
