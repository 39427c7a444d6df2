"""What turns the last layers' answers into boxes and scores is found in every head, and nothing else is."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineside.models.decode_tail import DecodeTail
from lineside.models.graph import Graph
from lineside.models.quantisable import named
from lineside.testing.graphs import CATALOGUE

KNOWN = sorted(
    name
    for name, entry in CATALOGUE.items()
    if entry.family and not name.endswith(("_int8", "_fp16", "_fp16_float_io"))
)
DECODERS = {"Softmax", "Exp", "TopK", "NonMaxSuppression", "GatherElements", "Softplus", "Tanh"}


def tail_of(model):
    _, graph = named(model.SerializeToString())
    return graph, DecodeTail.of(graph)


@pytest.mark.parametrize("name", KNOWN)
def test_every_layer_before_the_tail_and_nothing_that_decodes_is_left_for_the_quantiser(name):
    graph, tail = tail_of(CATALOGUE[name].build())
    kinds = {node.name: node.op_type for node in graph.model.graph.node}
    assert tail.last
    assert set(tail.last) <= set(tail.layers)
    assert not tail.nodes & {*tail.layers, *tail.before}
    assert {*tail.nodes, *tail.layers, *tail.before} == set(kinds)
    makers = {tensor.name: graph.producers[tensor.name].name for tensor in graph.outputs}
    assert all(maker in tail.nodes or maker in tail.last for maker in makers.values())
    if not name.startswith(("detr", "rfdetr", "yolov4")):  # whose bodies hold attention, selections and Mish
        assert not DECODERS & {kinds[node] for node in tail.before}


@pytest.mark.parametrize("name", ["anchor_free", "yolox_decoded", "pose", "segmentation", "end_to_end_26"])
def test_no_output_is_reached_from_the_body_but_through_a_last_layer(name):
    graph, tail = tail_of(CATALOGUE[name].build())
    behind = {
        tensor
        for node in graph.model.graph.node
        if node.name in tail.nodes and node.op_type != "Shape"
        for tensor in node.input
    }
    read = {graph.producers[tensor].name for tensor in behind if tensor in graph.producers}
    assert read & set(tail.before) == set()


def test_the_sum_over_softmax_bins_is_no_layer():
    graph, tail = tail_of(CATALOGUE["anchor_free"].build())
    bins = [n for n in graph.model.graph.node if n.op_type == "Softmax"]
    assert len(bins) == 1
    assert bins[0].name in tail.nodes
    reader = next(
        n for n in graph.model.graph.node if n.op_type in {"Conv", "MatMul"} and n.name in tail.nodes
    )
    assert reader.name not in tail.layers


def graph_of(nodes, constants, *, inputs=("x",), shape=(1, 4, 4)):
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
    )
    return tail_of(model)[1]


def test_a_change_of_coordinates_is_arithmetic_and_learnt_weights_are_a_layer():
    corners = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)
    learnt = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    tail = graph_of(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"], "layer"),
            helper.make_node("MatMul", ["h", "m"], ["y"], "corners"),
        ],
        {"w": learnt, "m": corners},
    )
    assert tail.nodes == {"corners"}
    assert tail.last == tail.layers == ("layer",)


def test_a_product_of_two_computed_tensors_is_no_layer():
    tail = graph_of(
        [
            helper.make_node("MatMul", ["x", "w"], ["a"], "layer"),
            helper.make_node("MatMul", ["a", "z"], ["y"], "attention"),
        ],
        {"w": np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)},
        inputs=("x", "z"),
    )
    assert tail.nodes == {"attention"}


def test_weights_in_a_constant_node_are_weights():
    weights = numpy_helper.from_array(np.random.default_rng(2).normal(size=(4, 4)).astype(np.float32))
    tail = graph_of(
        [
            helper.make_node("Constant", [], ["w"], "weights", value=weights),
            helper.make_node("MatMul", ["x", "w"], ["y"], "layer"),
        ],
        {},
    )
    assert tail.layers == ("layer",)


def test_what_only_asks_for_a_shape_does_not_pull_the_body_into_the_tail():
    tail = graph_of(
        [
            helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
            helper.make_node("Relu", ["a"], ["b"], "body"),
            helper.make_node("MatMul", ["b", "v"], ["c"], "last"),
            helper.make_node("Shape", ["b"], ["s"], "shape"),
            helper.make_node("Reshape", ["c", "s"], ["y"], "reshape"),
        ],
        {k: np.random.default_rng(3).normal(size=(4, 4)).astype(np.float32) for k in "wv"},
    )
    assert tail.nodes == {"shape", "reshape"}
    assert tail.before == ("body",)


def test_nodes_get_names_of_their_own():
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Relu", ["x"], ["a"], "same"),
                helper.make_node("Relu", ["a"], ["b"], "same"),
                helper.make_node("Relu", ["b"], ["y"]),
            ],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))],
        )
    )
    data, graph = named(model.SerializeToString())
    names = [node.name for node in onnx.load_model_from_string(data).graph.node]
    assert len(set(names)) == 3
    assert isinstance(graph, Graph)
