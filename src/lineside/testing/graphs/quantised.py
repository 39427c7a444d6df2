"""Int8 forms of the float graphs, in the two ways that people export: static QDQ, and dynamic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lineside.core.errors import SettingsError
from lineside.testing.graphs.anchor_free import anchor_free
from lineside.testing.graphs.spec import DEFAULT, GraphSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_ORIGIN = {"onnx.infer": "onnxruntime.quant"}


def static_int8(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """A healthy static int8 anchor-free detector: QDQ around its convolutions, a float tail."""
    return quantise_static(anchor_free(spec))


def dead_static_int8(spec: GraphSpec = DEFAULT, *, scale: float = 2.5) -> onnx.ModelProto:
    """A dead static int8 export: one quantiser covers boxes and scores, so the scores have no steps left.

    Args:
        spec: The outside of the graph.
        scale: Step of that quantiser. 2.5, the longest side of 640 pixels in 255 steps, rounds every score
            to 0; 1.66, as at 420 pixels, leaves 0 and 1.66.

    Returns:
        The model, whose output comes straight from a DequantizeLinear.
    """
    model = static_int8(spec)
    name = model.graph.output[0].name
    source, quantised = f"{name}_QuantizeLinear_Input", f"{name}_QuantizeLinear_Output"
    for node in model.graph.node:
        node.output[:] = [source if tensor == name else tensor for tensor in node.output]
    step = _store(model, f"{name}_scale", np.array(scale, np.float32))
    zero = _store(model, f"{name}_zero_point", np.array(-128, np.int8))
    model.graph.node.extend(
        [
            helper.make_node("QuantizeLinear", [source, step, zero], [quantised], f"{name}_QuantizeLinear"),
            helper.make_node("DequantizeLinear", [quantised, step, zero], [name], f"{name}_DequantizeLinear"),
        ]
    )
    return model


def dynamic_int8(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """A dynamic int8 anchor-free detector: the picture itself goes through DynamicQuantizeLinear."""
    return quantise_dynamic(anchor_free(spec))


def quantise_static(model: onnx.ModelProto, *, top: float = 1.0) -> onnx.ModelProto:
    """The model with QuantizeLinear and DequantizeLinear around every convolution, as the quantiser writes.

    Ranges come from runs of `onnx.reference` on seeded noise between 0 and `top`, half as wide again for
    pictures that are not noise.

    Args:
        model: A float32 model with a fixed input shape. It is left as it is.
        top: The highest value of its pictures: 1, or 255 for YOLOX.

    Returns:
        A new model.

    Raises:
        SettingsError: The input shape is not fixed, or the model is not float32.
    """
    ranges = _calibrate(model, top)
    new, weights = _start(model)
    renamed: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for old in model.graph.node:
        node = _copy(old)
        if node.op_type == "Conv":
            nodes += _qdq(new, node.input[0], ranges, renamed)
        node.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type == "Conv":
            nodes += _qdq_weight(new, node, weights)
        nodes.append(node)
        if node.op_type == "Conv":
            nodes += _qdq(new, node.output[0], ranges, renamed)
    return _finish(new, nodes)


def quantise_dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with ConvInteger in place of Conv and DynamicQuantizeLinear before it.

    Args:
        model: A float32 model. It is left as it is.

    Returns:
        A new model, in the nodes that ONNX Runtime's `quantize_dynamic` writes.
    """
    new, weights = _start(model)
    done: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for old in model.graph.node:
        if old.op_type != "Conv":
            nodes.append(_copy(old))
            continue
        if old.input[0] not in done:
            done.add(old.input[0])
            outputs = [f"{old.input[0]}_{part}" for part in ("quantized", "scale", "zero_point")]
            nodes.append(helper.make_node("DynamicQuantizeLinear", [old.input[0]], outputs))
        nodes += _integer_conv(new, old, weights)
    return _finish(new, nodes)


def _integer_conv(
    model: onnx.ModelProto, conv: onnx.NodeProto, weights: dict[str, NDArray[Any]]
) -> list[onnx.NodeProto]:
    x, weight, out = conv.input[0], conv.input[1], conv.output[0]
    values, scale = _symmetric(weights[weight])
    quantised = _store(model, f"{weight}_quantized", values)
    step = _store(model, f"{weight}_scale", scale)
    zero = _store(model, f"{weight}_zero_point", np.array(0, np.int8))
    product = helper.make_node(
        "ConvInteger",
        [f"{x}_quantized", quantised, f"{x}_zero_point", zero],
        [f"{out}_output_quantized"],
        conv.name,
    )
    product.attribute.extend(conv.attribute)
    biased = len(conv.input) > 2
    scaled = f"{out}quant_scaled_output" if biased else out
    nodes = [
        helper.make_node("Mul", [f"{x}_scale", step], [f"{out}_scales"]),
        product,
        helper.make_node("Cast", [f"{out}_output_quantized"], [f"{out}_cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{out}_cast", f"{out}_scales"], [scaled]),
    ]
    if biased:
        bias = weights[conv.input[2]].reshape(1, -1, 1, 1)
        name = _store(model, f"{conv.input[2]}_reshaped", bias)
        nodes.append(helper.make_node("Add", [scaled, name], [out]))
    return nodes


def _qdq(
    model: onnx.ModelProto, tensor: str, ranges: dict[str, tuple[float, float]], renamed: dict[str, str]
) -> list[onnx.NodeProto]:
    if tensor in renamed:
        return []
    low, high = ranges[tensor]
    # Three digits: so the bytes do not depend on the last bits of a machine's BLAS.
    scale = float(f"{max(high - low, 1e-6) / 255:.3g}")
    zero_point = int(np.clip(round(-low / scale), 0, 255))
    step = _store(model, f"{tensor}_scale", np.array(scale, np.float32))
    zero = _store(model, f"{tensor}_zero_point", np.array(zero_point, np.uint8))
    between, renamed[tensor] = f"{tensor}_QuantizeLinear_Output", f"{tensor}_DequantizeLinear_Output"
    return [
        helper.make_node("QuantizeLinear", [tensor, step, zero], [between], f"{tensor}_QuantizeLinear"),
        helper.make_node(
            "DequantizeLinear", [between, step, zero], [renamed[tensor]], f"{tensor}_DequantizeLinear"
        ),
    ]


def _qdq_weight(
    model: onnx.ModelProto, conv: onnx.NodeProto, weights: dict[str, NDArray[Any]]
) -> list[onnx.NodeProto]:
    name = conv.input[1]
    values, scale = _symmetric(weights[name])
    inputs = [
        _store(model, f"{name}_quantized", values),
        _store(model, f"{name}_scale", scale),
        _store(model, f"{name}_zero_point", np.array(0, np.int8)),
    ]
    conv.input[1] = f"{name}_DequantizeLinear_Output"
    return [helper.make_node("DequantizeLinear", inputs, [conv.input[1]], f"{name}_DequantizeLinear")]


def _symmetric(weight: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    scale = np.float32(np.abs(weight).max() / 127)
    return np.round(weight / scale).astype(np.int8), np.array(scale, np.float32)


def _calibrate(model: onnx.ModelProto, top: float) -> dict[str, tuple[float, float]]:
    """Lowest and highest value, 0 included, of the inputs and outputs of the convolutions."""
    from onnx.reference import ReferenceEvaluator

    declared = model.graph.input[0].type.tensor_type
    shape = [dim.dim_value for dim in declared.shape.dim]
    if 0 in shape or declared.elem_type != TensorProto.FLOAT:
        raise SettingsError(
            f"quantise_static: expected a float32 input of fixed shape, got type {declared.elem_type} and {shape}; "
            'set GraphSpec.dynamic_batch=False, dynamic_size=False, precision="fp32"'
        )
    wanted = {t for n in model.graph.node if n.op_type == "Conv" for t in (n.input[0], n.output[0])}
    name = model.graph.input[0].name
    inner = sorted(wanted - {name})
    probe = _copy_model(model)
    _keep_upstream(probe, set(inner))
    probe.graph.output.extend(helper.make_tensor_value_info(t, TensorProto.FLOAT, None) for t in inner)
    evaluator = ReferenceEvaluator(probe)
    runs: list[Any] = [evaluator.run(None, {name: top * picture}) for picture in _pictures(shape)]
    ranges = {tensor: _widened(values) for tensor, *values in zip(inner, *runs, strict=True)}
    return {name: (0.0, top), **ranges}


def _pictures(shape: Sequence[int]) -> Iterable[NDArray[np.float32]]:
    """Noise of blocks of 1, 8 and 32 pixels, float32 between 0 and 1: fine, middling and coarse texture."""
    rng = np.random.default_rng(0)
    for block in (1, 8, 32):
        coarse = rng.random([*shape[:2], *(-(-n // block) for n in shape[2:])], np.float32)
        yield coarse.repeat(block, axis=2).repeat(block, axis=3)[..., : shape[2], : shape[3]]


def _widened(values: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """A range around the values of all runs and 0, half as wide again as theirs."""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    margin = (high - low) / 4
    return min(0.0, low - margin), max(0.0, high + margin)


def _keep_upstream(model: onnx.ModelProto, wanted: set[str]) -> None:
    """Drop the outputs, and the nodes that the wanted tensors do not need."""
    nodes = []
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            nodes.append(_copy(node))
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.extend(reversed(nodes))


def _start(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    new = _copy_model(model)
    del new.graph.node[:]
    return new, {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def _finish(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> onnx.ModelProto:
    model.graph.node.extend(nodes)
    used = {name for node in model.graph.node for name in node.input}
    kept = [t for t in model.graph.initializer if t.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    helper.set_model_props(model, {**_ORIGIN, **{p.key: p.value for p in model.metadata_props}})
    model.producer_name = "onnx.quantize"
    return model


def _store(model: onnx.ModelProto, name: str, array: NDArray[Any]) -> str:
    if all(t.name != name for t in model.graph.initializer):
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    new = onnx.NodeProto()
    new.CopyFrom(node)
    return new


def _copy_model(model: onnx.ModelProto) -> onnx.ModelProto:
    new = onnx.ModelProto()
    new.CopyFrom(model)
    return new
