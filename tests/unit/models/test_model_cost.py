from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineside.models import cost
from lineside.models.graph import Graph
from lineside.testing.graphs import anchor_free, dynamic_int8, static_int8, unknown_operator


def _graph(node, *weights, shape=(1, 3, 32, 32)) -> Graph:
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)],
    )
    return Graph(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))


def _floats(*shape):
    return np.zeros(shape, np.float32)


def test_a_convolution_costs_two_a_weight_and_output_cell():
    node = helper.make_node("Conv", ["x", "w0", "w1"], ["out"], strides=[2, 2], pads=[1, 1, 1, 1])
    graph = _graph(node, _floats(8, 3, 3, 3), _floats(8))
    assert cost.parameters(graph) == 8 * 3 * 9 + 8
    assert cost.flops(graph) == 2 * 8 * 16 * 16 * 3 * 9


def test_a_transposed_convolution_costs_two_a_weight_and_input_cell():
    node = helper.make_node("ConvTranspose", ["x", "w0"], ["out"], strides=[2, 2])
    graph = _graph(node, _floats(3, 4, 2, 2))
    assert cost.flops(graph) == 2 * (3 * 32 * 32) * 4 * 4


def test_a_product_costs_two_a_pair():
    graph = _graph(helper.make_node("MatMul", ["x", "w0"], ["out"]), _floats(32, 7))
    assert cost.flops(graph) == 2 * 3 * 32 * 7 * 32


def test_quantising_changes_neither():
    plain, static, dynamic = (Graph(build()) for build in (anchor_free, static_int8, dynamic_int8))
    assert cost.flops(plain) == cost.flops(static) == cost.flops(dynamic)
    assert cost.parameters(plain) == pytest.approx(cost.parameters(static), rel=0.01)


def test_what_cannot_be_followed_has_no_cost():
    assert cost.flops(Graph(unknown_operator())) is None
    assert cost.flops(_graph(helper.make_node("Conv", ["x"], ["out"]))) is None
