"""The same network in float32: what a file in integers or halves is compared with for speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.graph import inner_graphs
from lineside.models.tracing import integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_INTEGER_LAYERS = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}
_LAYERS = {"Add", "Conv", "ConvTranspose", "Gemm", "MatMul"}
_QUANTISERS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"} | set(_INTEGER_LAYERS)


def float_twin(model: ModelProto) -> ModelProto | None:
    """A copy of a model with float32 weights and no quantisers, which costs what an export in float32 costs.

    Its answers are those of the weights before they were rounded, nearly; nothing is judged by them.

    Returns:
        The copy; `None` where the model is in float32, or has layers that only exist for integers.
    """
    import onnx

    operators = {node.op_type for node in model.graph.node}
    if any(name.startswith("QLinear") for name in operators):
        return None
    if not operators & _QUANTISERS and not _holds_halves(model):
        return None
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    _without_quantisers(twin)
    _without_halves(twin)
    del twin.graph.value_info[:]
    return twin


def _without_quantisers(model: ModelProto) -> None:
    """Let every quantised layer read and write floats."""
    constants = _constants(model)
    makers = {output: node.op_type for node in model.graph.node for output in node.output}
    nodes: list[NodeProto] = []
    floats: set[str] = set()  # tensors that hold floats where the file held integers
    for node in model.graph.node:
        if node.op_type in _INTEGER_LAYERS:
            _float_layer(model, node, constants, floats)
        elif node.op_type in {"QuantizeLinear", "DynamicQuantizeLinear"}:
            floats.add(node.output[0])
            if node.op_type == "DynamicQuantizeLinear":
                _add(model, node.output[1], np.array(1, np.float32))
            _replace(node, "Relu" if _cuts_below_zero(node, makers, constants) else "Identity")
        elif node.op_type == "DequantizeLinear":
            if (values := _dequantised(node, constants)) is not None:
                _add(model, node.output[0], values)
                continue
            if node.input[0] in floats:
                _replace(node, "Identity")
        elif floats.intersection(node.input):
            floats.update(node.output)
        nodes.append(node)
    kept = [_copy(node) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _float_layer(
    model: ModelProto, node: NodeProto, constants: dict[str, NDArray[Any]], floats: set[str]
) -> None:
    """Make a layer on integers one on floats; its weights without their zero point."""
    weights = constants.get(node.input[1])
    if weights is not None:
        zero = constants.get(node.input[3]) if len(node.input) > 3 else None
        values = weights.astype(np.float32)
        if zero is not None:
            # One of all weights, one an output channel of a convolution, or one a column of a matrix.
            along = [-1] + [1] * (weights.ndim - 1) if node.op_type == "ConvInteger" else [-1]
            values -= zero.astype(np.float32).reshape(along if zero.size > 1 else [])
        node.input[1] = _add(model, f"{node.output[0]}_float_weights", values)
    node.op_type = _INTEGER_LAYERS[node.op_type]
    del node.input[2:]
    floats.add(node.output[0])


def _dequantised(node: NodeProto, constants: dict[str, NDArray[Any]]) -> NDArray[np.float32] | None:
    """The values of a constant behind a DequantizeLinear; `None` of a tensor that is computed."""
    whole, scale = (constants.get(name) for name in node.input[:2])
    if whole is None or scale is None or scale.ndim > 1:
        return None
    shape = [1] * whole.ndim
    if scale.ndim == 1 and scale.size > 1:
        shape[integer(node, "axis", 1)] = scale.size
    values = whole.astype(np.float32)
    zero = constants.get(node.input[2]) if len(node.input) > 2 else None
    if zero is not None:
        values -= zero.astype(np.float32).reshape(shape)
    product: NDArray[np.float32] = values * scale.astype(np.float32).reshape(shape)
    return product


def _cuts_below_zero(node: NodeProto, makers: dict[str, str], constants: dict[str, NDArray[Any]]) -> bool:
    """Whether a quantiser does a ReLU's work: quantisers leave out the one between a layer and a range from zero."""
    zero = constants.get(node.input[2]) if len(node.input) > 2 else None
    if zero is None or zero.dtype.kind not in "iu" or makers.get(node.input[0]) not in _LAYERS:
        return False
    return bool((zero == np.iinfo(zero.dtype).min).all())


def _replace(node: NodeProto, operator: str) -> None:
    """Let a node be one of one input and one output."""
    node.op_type = operator
    del node.input[1:]
    del node.output[1:]
    del node.attribute[:]


def _constants(model: ModelProto) -> dict[str, NDArray[Any]]:
    """Every constant that a quantised layer reads, by name."""
    from onnx import numpy_helper

    read = {name for node in model.graph.node if node.op_type in _QUANTISERS for name in node.input}
    found = {t.name: t for t in model.graph.initializer if t.name in read}
    for node in model.graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value" and node.output[0] in read:
                found[node.output[0]] = attribute.t
    return {name: numpy_helper.to_array(tensor) for name, tensor in found.items()}


def _add(model: ModelProto, name: str, values: NDArray[Any]) -> str:
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _copy(node: NodeProto) -> NodeProto:
    import onnx

    new = onnx.NodeProto()
    new.CopyFrom(node)
    return new


def _holds_halves(model: ModelProto) -> bool:
    from onnx import TensorProto

    return any(tensor.data_type == TensorProto.FLOAT16 for tensor in _tensors(model.graph))


def _without_halves(model: ModelProto) -> None:
    """Turn every float16 tensor, type and cast into float32."""
    from onnx import TensorProto, numpy_helper

    for graph in _graphs(model.graph):
        for value in (*graph.input, *graph.output):
            if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
                value.type.tensor_type.elem_type = TensorProto.FLOAT
        for node in graph.node:
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                    attribute.i = TensorProto.FLOAT
        for tensor in _tensors(graph):
            if tensor.data_type == TensorProto.FLOAT16:
                values = numpy_helper.to_array(tensor).astype(np.float32)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for inner in inner_graphs(node):
            yield from _graphs(inner)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """The constants of a graph, without those of the graphs inside it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
