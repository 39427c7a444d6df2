"""A read-only view of an ONNX graph: producers, consumers, shapes, and what a tensor is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, ValueInfoProto

# Operators that change neither the values nor which channel is which.
_TRANSPARENT = {"Identity", "Cast", "QuantizeLinear", "DequantizeLinear", "Dropout"}
_CONVOLUTIONS = {"Conv", "ConvInteger", "QLinearConv", "ConvTranspose"}
_WEIGHTED = _CONVOLUTIONS | {"MatMul", "Gemm", "MatMulInteger", "QLinearMatMul"}


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


@dataclass(frozen=True, slots=True)
class Segment:
    """Neighbouring channels of an output that come from one place.

    Attributes:
        channels: How many; `None` where shape inference could not tell.
        origin: The operator that made their values, for instance `Sigmoid`, `Mul` or `Conv`.
    """

    channels: int | None
    origin: str


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
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        constants = {t.name for t in model.graph.initializer}
        self.inputs = tuple(_tensor(v) for v in model.graph.input if v.name not in constants)
        self.outputs = tuple(_tensor(v) for v in model.graph.output)
        self.operators = frozenset(n.op_type for n in model.graph.node)

    @cached_property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Inferred shape of every tensor that shape inference could follow."""
        from onnx import shape_inference

        model = self._fixed() if self._size else self.model
        try:
            inferred = shape_inference.infer_shapes(model, data_prop=True)
        except (shape_inference.InferenceError, ValueError):
            inferred = model  # an operator that onnx does not know ends the inference, not the reading
        graph = inferred.graph
        known = {v.name: _tensor(v).shape for v in (*graph.input, *graph.value_info, *graph.output)}
        known.update({t.name: tuple(t.dims) for t in graph.initializer})
        return known

    def _fixed(self) -> ModelProto:
        """A copy whose open input axes have numbers, so that inference can follow Shape operators."""
        import onnx

        assert self._size is not None
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        constants = {t.name for t in model.graph.initializer}
        for value in model.graph.input:
            dims = value.type.tensor_type.shape.dim
            if value.name in constants or len(dims) != 4:
                continue
            channels_last = dims[3].dim_value == 3 and dims[1].dim_value != 3
            wanted = (1, *self._size, 3) if channels_last else (1, 3, *self._size)
            for dim, number in zip(dims, wanted, strict=True):
                if not dim.dim_value:
                    dim.dim_value = number
        del model.graph.value_info[:]
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
            if math.prod(t.dims) <= 4096
        }
        for node in self.model.graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value" and math.prod(attribute.t.dims) <= 4096:
                        small[node.output[0]] = numpy_helper.to_array(attribute.t)
        return small

    def maker(self, name: str) -> NodeProto | None:
        """The node that made a tensor's values, looking through casts and quantisation."""
        node = self.producers.get(name)
        while node is not None and node.op_type in _TRANSPARENT:
            node = self.producers.get(node.input[0])
        return node

    def upstream(self, name: str, *, stop: frozenset[str] = frozenset()) -> Iterator[NodeProto]:
        """Every node that a tensor depends on, each once; not past nodes of the kinds in `stop`."""
        seen: set[str] = set()
        stack = [name]
        while stack:
            node = self.producers.get(stack.pop())
            if node is None or node.output[0] in seen:
                continue
            seen.add(node.output[0])
            yield node
            if node.op_type not in stop:
                stack.extend(node.input)

    def tail(self, name: str) -> frozenset[str]:
        """Kinds of the operators between an output and the weighted layers before it."""
        return frozenset(n.op_type for n in self.upstream(name, stop=frozenset(_WEIGHTED)))

    def segments(self, name: str, axis: int) -> list[Segment]:
        """What an output is made of along its channel axis.

        Follows the tensor backwards through transpositions, and through joins of levels by their first
        member, to the join of the channels.
        """
        node = self.maker(name)
        shape = self.shapes.get(name)
        channels = shape[axis] if shape and len(shape) > axis else None
        if node is None:
            return [Segment(channels, "constant" if name in self.constants else "input")]
        if node.op_type == "Transpose":
            order = _ints(node, "perm") or tuple(reversed(range(len(shape or (0, 0, 0)))))
            return self.segments(node.input[0], order[axis]) if axis < len(order) else []
        if node.op_type == "Concat":
            rank = len(self.shapes.get(node.output[0]) or shape or ())
            along = _int(node, "axis", 0) % rank if rank else _int(node, "axis", 0)
            if along == axis:
                return [s for part in node.input for s in self.segments(part, axis)]
            return self.segments(node.input[0], axis)
        if node.op_type in {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}:
            return self._through_reshape(node, axis, channels)
        if node.op_type in {"Split", "Slice"}:
            return [Segment(channels, self._behind_cut(node))]
        return [Segment(channels, node.op_type)]

    def _through_reshape(self, node: NodeProto, axis: int, channels: int | None) -> list[Segment]:
        """Past a reshape, where the channel axis can be found again by its size and neighbours."""
        before = self.shapes.get(node.input[0])
        if before and channels is not None and math.prod(d or 0 for d in before):
            same = [i for i, d in enumerate(before) if d == channels]
            if len(same) == 1:
                return self.segments(node.input[0], same[0])
        inner = self.maker(node.input[0])
        return [Segment(channels, inner.op_type if inner is not None else "input")]

    def _behind_cut(self, node: NodeProto) -> str:
        inner = self.maker(node.input[0])
        return inner.op_type if inner is not None else "input"

    def parameters(self) -> int:
        """Number of weights and biases of the weighted and normalising layers, each counted once."""
        sizes = {t.name: math.prod(t.dims) for t in self.model.graph.initializer}
        for node in self.model.graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        sizes[node.output[0]] = math.prod(attribute.t.dims)
        read: set[str] = set()
        for node in self.model.graph.node:
            if node.op_type in _WEIGHTED or node.op_type == "BatchNormalization":
                read.update(self._constant_behind(name) for name in node.input[1:])
        return sum(sizes.get(name, 0) for name in read)

    def _constant_behind(self, name: str) -> str:
        while (node := self.producers.get(name)) is not None and node.op_type in _TRANSPARENT:
            name = node.input[0]
        return name

    def flops(self) -> int | None:
        """Floating point operations of one run, two a multiply-add; `None` where shapes are unknown."""
        total = 0
        for node in self.model.graph.node:
            if node.op_type not in _WEIGHTED:
                continue
            out = self.shapes.get(node.output[0])
            weight = self.shapes.get(node.input[3 if node.op_type == "QLinearConv" else 1])
            if not out or weight is None or None in out or None in weight:
                return None
            size = math.prod(d or 0 for d in out)
            if node.op_type in _CONVOLUTIONS:
                source = self.shapes.get(node.input[0])
                transposed = node.op_type == "ConvTranspose"
                size = math.prod(d or 0 for d in source) if transposed and source else size
                total += 2 * size * math.prod(d or 0 for d in weight[1:])
            else:
                total += 2 * size * (weight[-2] if len(weight) > 1 else weight[0] or 1)  # type: ignore[operator] # None was excluded above
        return total


def _tensor(value: ValueInfoProto) -> Tensor:
    import onnx

    kind = value.type.tensor_type
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    except KeyError:
        dtype = "unknown"
    dims = kind.shape.dim if kind.HasField("shape") else ()
    return Tensor(value.name, dtype, tuple(d.dim_value if d.dim_value else None for d in dims))


def _ints(node: NodeProto, name: str) -> tuple[int, ...]:
    return next((tuple(a.ints) for a in node.attribute if a.name == name), ())


def _int(node: NodeProto, name: str, default: int) -> int:
    return next((a.i for a in node.attribute if a.name == name), default)


def dims_text(shape: Sequence[int | None]) -> str:
    """A shape as people write it: `(1, 84, 8400)`, `?` for an open axis."""
    return "(" + ", ".join("?" if d is None else str(d) for d in shape) + ")"
