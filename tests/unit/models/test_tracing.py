from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineside.models.graph import Graph, dims_text
from lineside.testing.graphs import static_int8


def _graph(nodes, inputs, output="out", **constants) -> Graph:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return Graph(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))


def _node(kind, source, target, **attributes):
    return helper.make_node(kind, source.split(), target.split(), **attributes)


def _said(graph, axis, name="out"):
    return [(piece.channels, piece.origin) for piece in graph.segments(name, axis)]


A = _node("Sigmoid", "x", "a")
B = _node("Exp", "y", "b")
INPUTS = {"x": (1, 3, 20), "y": (1, 4, 20)}
JOINED = [A, B, _node("Concat", "b a", "j", axis=1)]


@pytest.mark.parametrize(
    ("last", "axis", "expected"),
    [
        (_node("Identity", "j", "out"), 1, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Cast", "j", "out", to=TensorProto.FLOAT16), 1, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Transpose", "j", "out", perm=[0, 2, 1]), 2, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Transpose", "j", "out"), 1, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Reshape", "j shape", "out"), 1, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Unsqueeze", "j zero", "out"), 2, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Slice", "j two six one", "out"), 1, [(2, "Exp"), (2, "Sigmoid")]),
        (_node("Slice", "j two six last", "out"), 1, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Mul", "j j", "out"), 1, [(7, "Mul")]),
        (_node("Concat", "j j", "out", axis=-1), 1, [(4, "Exp"), (3, "Sigmoid")]),
        (_node("Concat", "j j", "out", axis=-2), 1, [(4, "Exp"), (3, "Sigmoid")] * 2),
    ],
    ids=lambda value: value.op_type if isinstance(value, onnx.NodeProto) else None,
)
def test_pieces_are_followed_through_what_only_moves_values(last, axis, expected):
    constants = {"shape": [1, 7, 4, 5], "zero": [0], "one": [1], "last": [2], "two": [2], "six": [6]}
    graph = _graph([*JOINED, last], INPUTS, **{k: np.array(v) for k, v in constants.items()})
    assert _said(graph, axis) == expected


def test_each_part_of_a_split_is_followed():
    split = _node("Split", "j lengths", "p q r", axis=1)
    graph = _graph([*JOINED, split], INPUTS, output="q", lengths=np.array([3, 2, 2]))
    assert _said(graph, 1, "p") == [(3, "Exp")]
    assert _said(graph, 1, "q") == [(1, "Exp"), (1, "Sigmoid")]
    assert _said(graph, 1, "r") == [(2, "Sigmoid")]


def test_a_reshape_of_a_square_map_keeps_its_channels():
    """Eight channels of eight by eight cells: the axis is known by what stands before it, not by its length."""
    nodes = [
        _node("Sigmoid", "x", "a"),
        _node("Exp", "y", "b"),
        _node("Concat", "b a", "j", axis=1),
        _node("Reshape", "j shape", "out"),
    ]
    graph = _graph(nodes, {"x": (1, 4, 8, 8), "y": (1, 4, 8, 8)}, shape=np.array([1, 8, 64]))
    assert _said(graph, 1) == [(4, "Exp"), (4, "Sigmoid")]
    assert _said(graph, 2) == [(64, "Concat")]


def test_a_reshape_that_mixes_channels_is_not_passed():
    graph = _graph([*JOINED, _node("Reshape", "j shape", "out")], INPUTS, shape=np.array([1, 20, 7]))
    assert _said(graph, 2) == [(7, "Concat")]


def test_inputs_and_constants_are_called_so():
    graph = _graph([_node("Concat", "x k", "out", axis=1)], INPUTS, k=np.zeros((1, 2, 20), np.float32))
    assert _said(graph, 1) == [(3, "input"), (2, "constant")]


def test_quantisers_are_looked_through():
    graph = Graph(static_int8())
    output = graph.outputs[0].name
    assert [origin for _, origin in _said(graph, 1, output)] == ["Mul", "Sigmoid"]


def test_joins_of_joins_cost_no_more_than_their_nodes():
    nodes = [_node("Sigmoid", "x", "t0")]
    nodes += [_node("Concat", f"t{i} t{i}", f"t{i + 1}", axis=1) for i in range(60)]
    graph = _graph(nodes, {"x": (1, 1, 4)}, output="t60")
    assert graph.segments("t60", 1) == []
    assert len(graph.segments("t5", 1)) == 32


def test_the_tail_ends_at_the_layers():
    nodes = [
        _node("Softmax", "x", "s"),
        _node("MatMul", "s w", "m"),
        _node("Sigmoid", "m", "g"),
        _node("Mul", "g g", "out"),
    ]
    graph = _graph(nodes, {"x": (1, 3, 20)}, w=np.zeros((20, 5), np.float32))
    assert graph.tail("out") == {"Mul", "Sigmoid", "MatMul"}


def test_an_unknown_operator_ends_the_shapes_not_the_reading():
    graph = _graph([helper.make_node("Strange", ["x"], ["out"], domain="com.example")], INPUTS)
    assert graph.shapes["x"] == (1, 3, 20)
    assert _said(graph, 1) == [(None, "Strange")]


def test_a_shape_is_written_as_people_do():
    assert dims_text((1, None, 8400)) == "(1, ?, 8400)"
