"""Graphs that a hint must name, and what it must see in each; and graphs that come close and must not be named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contracts.graph_edits import cast_at_output, copy, with_input
from lineside.models.integer_layers import store_weights_unsigned
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    detr_rows,
    dynamic_int8,
    end_to_end,
    nms_inside,
    nms_rows,
    static_int8,
)

Build = Callable[[], onnx.ModelProto]


def in_opset(version: int, build: Build = anchor_free) -> onnx.ModelProto:
    """With its nodes called those of another operator set."""
    model = build()
    model.opset_import[0].version = version
    return model


def signed() -> onnx.ModelProto:
    """Static int8 with int8 activations in place of uint8 ones; what they stand for stays the same."""
    model = static_int8()
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


def by_channel() -> onnx.ModelProto:
    """Static int8 with the one scale of each layer's weights given to every channel."""
    model = static_int8()
    tensors = {t.name: t for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors:
            channels = tensors[node.input[0]].dims[0]
            node.attribute.append(helper.make_attribute("axis", 0))
            for name in node.input[1:]:
                value = numpy_helper.to_array(tensors[name])
                if value.ndim == 0:
                    tensors[name].CopyFrom(numpy_helper.from_array(np.full(channels, value), name))
    return model


def quantised_scores() -> onnx.ModelProto:
    """Static int8 whose scores are quantised once more behind their sigmoid."""
    model = static_int8()
    nodes = list(model.graph.node)
    sigmoid = [node for node in nodes if node.op_type == "Sigmoid"][-1]
    scores = sigmoid.output[0]
    constants = [np.array(1 / 255, np.float32), np.array(0, np.uint8)]
    for name, value in zip(("q_scale", "q_zero"), constants, strict=True):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    for node in nodes:
        node.input[:] = ["scores_again" if name == scores else name for name in node.input]
    at = nodes.index(sigmoid) + 1
    pair = [
        helper.make_node(
            "QuantizeLinear", [scores, "q_scale", "q_zero"], ["scores_whole"], "quantised scores"
        ),
        helper.make_node("DequantizeLinear", ["scores_whole", "q_scale", "q_zero"], ["scores_again"]),
    ]
    for node in reversed(pair):
        model.graph.node.insert(at, node)
    return model


def doubled() -> onnx.ModelProto:
    """With a product in float64 before its first layer."""
    nodes = [
        helper.make_node("Cast", ["outer"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["wide", "factor"], ["scaled"], "in doubles"),
        helper.make_node("Cast", ["scaled"], ["inner"], to=TensorProto.FLOAT),
    ]
    return with_input(anchor_free(), TensorProto.FLOAT, [1, 3, 128, 160], nodes, factor=np.array(1.0))


def branched(*, always: bool = True) -> onnx.ModelProto:
    """With a branch before its first layer that a constant decides."""
    shape = [1, 3, 128, 160]
    bodies = [
        helper.make_graph(
            [helper.make_node("Identity", ["outer"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        )
        for name in ("then", "else")
    ]
    node = helper.make_node(
        "If", ["always"], ["inner"], "a branch", then_branch=bodies[0], else_branch=bodies[1]
    )
    model = with_input(anchor_free(), TensorProto.FLOAT, shape, [node], always=np.array(always))
    outer = next(value.name for value in model.graph.input)
    for attribute in model.graph.node[0].attribute:
        attribute.g.node[0].input[0] = outer
    return model


def normalised(build: Build = anchor_free) -> onnx.ModelProto:
    """With a normalisation behind its first convolution that alone reads it."""
    model = build()
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    after = conv.output[0]
    conv.output[0] = "before_norm"
    channels = next(t.dims[0] for t in model.graph.initializer if t.name == conv.input[1])
    rng = np.random.default_rng(5)
    names = ["gain", "offset", "mean", "variance"]
    for name in names:
        values = rng.uniform(0.5, 1.5, channels).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    at = list(model.graph.node).index(conv) + 1
    model.graph.node.insert(
        at, helper.make_node("BatchNormalization", ["before_norm", *names], [after], "a norm", epsilon=1e-3)
    )
    return model


def normalised_and_read() -> onnx.ModelProto:
    """With such a normalisation whose convolution another node reads as well."""
    model = normalised()
    model.graph.node.append(helper.make_node("Relu", ["before_norm"], ["also"]))
    return model


def foreign() -> onnx.ModelProto:
    """With a node of one runtime's own."""
    model = anchor_free()
    picture = model.graph.input[0].name
    model.graph.node.append(
        helper.make_node("QuickGelu", [picture], ["nowhere"], "a gelu", domain="com.microsoft")
    )
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def with_dead_ends() -> onnx.ModelProto:
    """With a node that nobody needs, and a constant that nobody reads."""
    model = anchor_free()
    model.graph.node.append(helper.make_node("Relu", [model.graph.input[0].name], ["nowhere"], "a dead end"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "unread"))
    return model


def with_weights_as_inputs(ir_version: int = 8) -> onnx.ModelProto:
    """With every constant an input as well."""
    model = copy(anchor_free())
    model.ir_version = ir_version
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return model


def unsigned() -> onnx.ModelProto:
    """Dynamic int8 with unsigned weights."""
    model = dynamic_int8()
    store_weights_unsigned(model)
    return model


def in_halves(precision: str = "fp16") -> onnx.ModelProto:
    """In half precision."""
    return anchor_free(GraphSpec(precision=precision))  # type: ignore[arg-type] # one of the spec's words


NAMED: dict[str, list[tuple[Build, str]]] = {
    "batch_norm": [(normalised, '1 BatchNormalization node ("a norm")')],
    "control_flow": [(branched, '1 If node ("a branch")')],
    "dead_ends": [(with_dead_ends, '1 Relu node ("a dead end") and 1 constant ("unread")')],
    "decode_quantised": [(quantised_scores, '1 QuantizeLinear node ("quantised scores") behind')],
    "double_arithmetic": [(doubled, '1 Mul node ("in doubles") in float64')],
    "dynamic_int8": [(dynamic_int8, "DynamicQuantizeLinear nodes (")],
    "dynamic_int8_signed": [(dynamic_int8, "18 ConvInteger nodes (")],
    "dynamic_shape_gpu": [
        (partial(anchor_free, GraphSpec(dynamic_batch=True, dynamic_size=True)), "its batch and size open"),
        (partial(anchor_free, GraphSpec(dynamic_batch=True)), 'input "images" leaves its batch open'),
    ],
    "float16_on_cpu": [(in_halves, "in float16"), (partial(in_halves, "fp16_float_io"), "in float16")],
    "foreign_operators": [(foreign, '1 QuickGelu node ("a gelu") of com.microsoft')],
    "int64_arithmetic": [(end_to_end, 'nodes ("/Div')],
    "nms_inside": [(nms_inside, "1 NonMaxSuppression node ("), (nms_rows, "1 NonMaxSuppression node (")],
    "opset_beyond_cuda": [
        (partial(in_opset, 20, nms_inside), '1 ReduceMax node ("/ReduceMax") of operator set 20')
    ],
    "opset_old": [(partial(in_opset, 12), "operator set 12")],
    "per_tensor_weights": [(static_int8, "Conv nodes (")],
    "rows_capped": [(end_to_end, "2 TopK nodes (")],
    "s8s8": [(signed, "QuantizeLinear nodes (")],
    "unread_outputs": [(detr_rows, '1 output that the head does not need ("bbox_num")')],
    "weights_as_inputs": [(with_weights_as_inputs, "constants are inputs as well (")],
}

UNNAMED: dict[str, list[Build]] = {
    "batch_norm": [anchor_free, normalised_and_read],
    "control_flow": [anchor_free],
    "dead_ends": [anchor_free],
    "decode_quantised": [static_int8, anchor_free],
    "double_arithmetic": [anchor_free],
    "dynamic_int8": [static_int8, anchor_free],
    "dynamic_int8_signed": [unsigned, static_int8],
    "dynamic_shape_gpu": [anchor_free],
    "float16_on_cpu": [anchor_free, static_int8],
    "foreign_operators": [anchor_free],
    "int64_arithmetic": [anchor_free, lambda: cast_at_output(anchor_free())],
    "nms_inside": [anchor_free, end_to_end],
    "opset_beyond_cuda": [partial(in_opset, 18, nms_inside), partial(in_opset, 20)],
    "opset_old": [partial(in_opset, 17), anchor_free],
    "per_tensor_weights": [by_channel, dynamic_int8],
    "rows_capped": [anchor_free, nms_inside],
    "s8s8": [static_int8, dynamic_int8],
    "unread_outputs": [anchor_free, end_to_end],
    "weights_as_inputs": [anchor_free, partial(with_weights_as_inputs, 3)],
}
