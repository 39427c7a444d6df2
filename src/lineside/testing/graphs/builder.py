"""A thin builder over `onnx.helper`: nodes and seeded weights in, a checked model out."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from lineside.testing.graphs.spec import GraphSpec

OPSET = 18
IR_VERSION = 8

# SiLU turns unit variance into 0.356 (mean square), so this gain keeps activations at unit scale.
_SILU_GAIN = math.sqrt(1 / 0.356)


class Feature(NamedTuple):
    """A feature map inside a graph.

    Attributes:
        name: Name of the tensor, NCHW.
        channels: Its number of channels.
        stride: Input pixels per cell.
    """

    name: str
    channels: int
    stride: int


class Output(NamedTuple):
    """One output of a graph.

    Attributes:
        name: The public name.
        tensor: Name of the tensor inside the graph that becomes it.
        shape: Its dimensions; strings are symbolic.
        dtype: Element type where it is not the graph's own float type.
    """

    name: str
    tensor: str
    shape: Sequence[int | str]
    dtype: int | None = None


class GraphBuilder:
    """Collects the nodes and weights of one graph.

    Args:
        spec: Outside of the graph: precision, seed and the shape of pictures.
    """

    def __init__(self, spec: GraphSpec) -> None:
        self.spec = spec
        self.rng = np.random.default_rng(spec.seed)
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if spec.precision == "fp32" else np.float16)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, NDArray[Any]] = {}
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._counts: Counter[str] = Counter()

    @property
    def batch(self) -> int:
        """The batch in a Reshape's shape: 1, or 0 ("copy it") where it is dynamic."""
        return 0 if self.spec.dynamic_batch else 1

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output, whose tensor name is returned."""
        return self.add_many(op, inputs, 1, domain=domain, **attributes)[0]

    def add_many(
        self, op: str, inputs: Sequence[str], outputs: int, *, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs, whose tensor names are returned."""
        name = self._fresh(f"/{op}")
        tensors = [f"{name}_output_{k}" for k in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), tensors, name, domain=domain, **attributes))
        return tensors

    def weights(self, name: str, array: NDArray[Any]) -> str:
        """Add an initializer under (a numbered form of) `name`; floats are cast to the graph's type."""
        unique = self._fresh(name)
        self._weights[unique] = array.astype(self.dtype) if array.dtype.kind == "f" else array
        return unique

    def floats(self, values: ArrayLike) -> str:
        """A constant of the graph's float type, shared with equal ones."""
        return self._shared(np.asarray(values, dtype=self.dtype))

    def ints(self, *values: int) -> str:
        """A constant int64 vector, shared with equal ones."""
        return self._shared(np.asarray(values, dtype=np.int64))

    def whole(self, value: int) -> str:
        """A constant int64 scalar, shared with equal ones."""
        return self._shared(np.asarray(value, dtype=np.int64))

    def picture(self, name: str | None = None) -> Feature:
        """Declare a picture input of the spec's shape and precision."""
        name = name or self.spec.input_name
        half_io = self.spec.precision == "fp16"
        self.declare(name, TensorProto.FLOAT16 if half_io else TensorProto.FLOAT, self.spec.input_shape)
        if self.spec.precision == "fp16_float_io":
            name = self.add("Cast", name, to=TensorProto.FLOAT16)
        return Feature(name, 3, 1)

    def declare(self, name: str, dtype: int, shape: Sequence[int | str]) -> None:
        """Declare an input of any type and shape."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def conv(
        self,
        x: Feature,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        bias: ArrayLike = 0.0,
        gain: float = 1.0,
    ) -> Feature:
        """A convolution with random weights that keep the scale of SiLU activations times `gain`.

        Args:
            x: Its input.
            channels: Output channels.
            kernel: Side of the kernel, odd; the map is padded to keep its size.
            stride: Its stride.
            bias: One value, or one a channel.
            gain: Scale of the output.

        Returns:
            The feature map before any activation.
        """
        fan_in = x.channels * kernel * kernel
        weight = self.rng.standard_normal((channels, x.channels, kernel, kernel))
        weight *= gain * _SILU_GAIN / math.sqrt(fan_in)
        return self.fixed_conv(x, weight, np.broadcast_to(np.asarray(bias, float), (channels,)), stride)

    def fixed_conv(
        self, x: Feature, weight: NDArray[Any], bias: NDArray[Any] | None, stride: int = 1
    ) -> Feature:
        """A convolution with the given OIHW weights, padded by half its (odd) kernel."""
        module = self._fresh("model.conv")
        inputs = [x.name, self.weights(f"{module}.weight", weight)]
        if bias is not None:
            inputs.append(self.weights(f"{module}.bias", np.array(bias)))
        kernel = weight.shape[2]
        name = self.add(
            "Conv",
            *inputs,
            dilations=[1, 1],
            group=1,
            kernel_shape=[kernel, kernel],
            pads=[kernel // 2] * 4,
            strides=[stride, stride],
        )
        return Feature(name, weight.shape[0], x.stride * stride)

    def conv_silu(self, x: Feature, channels: int, kernel: int = 3, stride: int = 1) -> Feature:
        """A convolution and SiLU, written Sigmoid and Mul as the exporters write it."""
        y = self.conv(x, channels, kernel, stride)
        return y._replace(name=self.add("Mul", y.name, self.add("Sigmoid", y.name)))

    def reshape(self, x: str, *shape: int) -> str:
        """A Reshape to a constant shape."""
        return self.add("Reshape", x, self.ints(*shape))

    def slice(self, x: str, start: int, end: int, axis: int, step: int = 1) -> str:
        """A Slice along one axis."""
        return self.add("Slice", x, self.ints(start), self.ints(end), self.ints(axis), self.ints(step))

    def split(self, x: str, sizes: Sequence[int], axis: int) -> list[str]:
        """A Split into parts of the given sizes."""
        return self.add_many("Split", [x, self.ints(*sizes)], len(sizes), axis=axis)

    def finish(self, outputs: Sequence[Output], metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
        """The model.

        Args:
            outputs: Its outputs.
            metadata: Its `metadata_props`.

        Returns:
            A model that `onnx.checker` has not seen yet.
        """
        float_type = TensorProto.FLOAT16 if self.spec.precision == "fp16" else TensorProto.FLOAT
        for output in outputs:
            tensor = output.tensor
            if self.spec.precision == "fp16_float_io" and output.dtype is None:
                tensor = self.add("Cast", tensor, to=TensorProto.FLOAT)
            self._rename(tensor, output.name)
        graph = helper.make_graph(
            self._nodes,
            "main_graph",
            self._inputs,
            [helper.make_tensor_value_info(o.name, o.dtype or float_type, o.shape) for o in outputs],
            [numpy_helper.from_array(array, name) for name, array in self._weights.items()],
        )
        domains = sorted({node.domain for node in self._nodes} - {""})
        opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(d, 1) for d in domains)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="lineside.testing"
        )
        helper.set_model_props(model, dict(metadata or {}))
        return model

    def _rename(self, tensor: str, name: str) -> None:
        # The node itself writes the output, as in real files: no Identity behind it.
        for node in self._nodes:
            for names in (node.input, node.output):
                for i, old in enumerate(names):
                    if old == tensor:
                        names[i] = name

    def _shared(self, array: NDArray[Any]) -> str:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            self._names[key] = self._fresh("/Constant")
            self._weights[self._names[key]] = array
        return self._names[key]

    def _fresh(self, name: str) -> str:
        number = self._counts[name]
        self._counts[name] += 1
        return f"{name}_{number}" if number else name
