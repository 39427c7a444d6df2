"""A read-only view of an ONNX graph: producers, consumers, shapes, and what a tensor is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.tracing import Segment, Trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

CONVOLUTIONS = frozenset({"Conv", "ConvInteger", "QLinearConv", "ConvTranspose"})
WEIGHTED = CONVOLUTIONS | {"MatMul", "Gemm", "MatMulInteger", "QLinearMatMul"}
# Operators that change neither the values nor which channel is which.
_TRANSPARENT = {"Identity", "Cast", "QuantizeLinear", "DequantizeLinear", "Dropout"}

_SMALL = 4096  # elements of a constant whose values may matter: a shape, a step, an axis


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph.

    Attributes:
        name: Its name.
        dtype: numpy name of its element type.
        shape: One entry an axis; `None` where the file leaves it open.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Graph:
    """An ONNX model, indexed for questions about its structure.

    Args:
        model: The model; not changed.
        size: Height and width to assume where the input leaves them open.
    """

    def __init__(self, model: ModelProto, size: tuple[int, int] | None = None) -> None:
        self.model = model
        self._size = size
        self.producers: dict[str, NodeProto] = {o: n for n in model.graph.node for o in n.output if o}
        self.consumers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in (*node.input, *read_inside(node)):
                self.consumers.setdefault(name, []).append(node)
        constants = {t.name for t in model.graph.initializer}
        self.inputs = tuple(_tensor(v) for v in model.graph.input if v.name not in constants)
        self.outputs = tuple(_tensor(v) for v in model.graph.output)
        self.operators = frozenset(n.op_type for n in model.graph.node)

    @cached_property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Inferred shape of every tensor that shape inference could follow."""
        return {name: tensor.shape for name, tensor in self._inferred.items()}

    @cached_property
    def dtypes(self) -> dict[str, str]:
        """Inferred numpy name of the element type of every tensor that inference could follow."""
        return {name: tensor.dtype for name, tensor in self._inferred.items()}

    @cached_property
    def _inferred(self) -> dict[str, Tensor]:
        from onnx import shape_inference

        model = self._fixed() if self._size else self.model
        try:
            inferred = shape_inference.infer_shapes(model, data_prop=True)
        except (shape_inference.InferenceError, ValueError):
            inferred = model  # an operator that onnx does not know ends the inference, not the reading
        graph = inferred.graph
        known = {v.name: _tensor(v) for v in (*graph.input, *graph.value_info, *graph.output)}
        known.update({t.name: Tensor(t.name, _dtype(t.data_type), tuple(t.dims)) for t in graph.initializer})
        return known

    def _fixed(self) -> ModelProto:
        """A copy whose open input axes have numbers, so that inference can follow Shape operators."""
        assert self._size is not None
        model = _without_weights(self.model)
        constants = {t.name for t in self.model.graph.initializer}
        for value in model.graph.input:
            dims = value.type.tensor_type.shape.dim
            if value.name in constants or not dims:
                continue
            if len(dims) != 4:  # beside the picture; its first axis is the batch's
                if dims[0].dim_value <= 0:
                    dims[0].dim_value = 1
                continue
            channels_last = dims[3].dim_value == 3 and dims[1].dim_value != 3
            wanted = (1, *self._size, 3) if channels_last else (1, 3, *self._size)
            for dim, number in zip(dims, wanted, strict=True):
                if dim.dim_value <= 0:
                    dim.dim_value = number
        for value in model.graph.output:
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param:
                    dim.ClearField("dim_param")
        return model

    @cached_property
    def constants(self) -> dict[str, NDArray[Any]]:
        """Constants of at most 4096 elements by tensor name, as arrays."""
        from onnx import numpy_helper

        small = {
            t.name: numpy_helper.to_array(t)
            for t in self.model.graph.initializer
            if math.prod(t.dims) <= _SMALL
        }
        for node in self.model.graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value" and math.prod(attribute.t.dims) <= _SMALL:
                        small[node.output[0]] = numpy_helper.to_array(attribute.t)
        return small

    def source(self, name: str) -> str:
        """The tensor whose values a tensor has, looking through casts and quantisation."""
        while (node := self.producers.get(name)) is not None and node.op_type in _TRANSPARENT and node.input:
            name = node.input[0]
        return name

    def maker(self, name: str) -> NodeProto | None:
        """The node that made a tensor's values, looking through casts and quantisation."""
        return self.producers.get(self.source(name))

    def upstream(self, name: str, *, stop: frozenset[str] = frozenset()) -> Iterator[NodeProto]:
        """Every node that a tensor depends on, each once; not past nodes of the kinds in `stop`."""
        seen: set[int] = set()
        stack = [name]
        while stack:
            node = self.producers.get(stack.pop())
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            yield node
            if node.op_type not in stop:
                stack.extend(node.input)

    def tail(self, name: str) -> frozenset[str]:
        """Kinds of the operators between an output and the weighted layers before it."""
        return frozenset(n.op_type for n in self.upstream(name, stop=WEIGHTED))

    def segments(self, name: str, axis: int) -> list[Segment]:
        """What a tensor is made of along an axis; see `Trace.segments`."""
        return self._trace.segments(name, axis)

    @cached_property
    def _trace(self) -> Trace:
        return Trace(self)


def _without_weights(model: ModelProto) -> ModelProto:
    """A copy of a model whose larger constants are inputs of the same type and shape.

    Inference needs no more of them, and copies its whole model three times.
    """
    import onnx

    light = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions
    )
    graph = light.graph
    graph.name = model.graph.name
    for field in ("node", "input", "output", "sparse_initializer"):
        getattr(graph, field).extend(getattr(model.graph, field))
    declared = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL:
            graph.initializer.append(tensor)
        elif tensor.name not in declared:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light


def inner_graphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs inside a node: the branches of an If, the body of a Loop."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def read_inside(node: NodeProto) -> Iterator[str]:
    """What the graphs inside a node read, from outside them or not."""
    for graph in inner_graphs(node):
        for inner in graph.node:
            yield from inner.input
            yield from read_inside(inner)


def _dtype(element: int) -> str:
    import onnx

    try:
        return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element)).name)
    except KeyError:
        return "unknown"


def _tensor(value: ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dims = kind.shape.dim if kind.HasField("shape") else ()
    # Some exporters write -1 for an open axis.
    return Tensor(
        value.name, _dtype(kind.elem_type), tuple(d.dim_value if d.dim_value > 0 else None for d in dims)
    )


def dims_text(shape: Sequence[int | None]) -> str:
    """A shape as people write it: `(1, 84, 8400)`, `?` for an open axis."""
    return "(" + ", ".join("?" if d is None else str(d) for d in shape) + ")"
