"""Changes to a model that must not change what is said of it, and some that must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def copy(model: onnx.ModelProto) -> onnx.ModelProto:
    new = onnx.ModelProto()
    new.CopyFrom(model)
    return new


def renamed(model: onnx.ModelProto, new_names: Mapping[str, str]) -> onnx.ModelProto:
    new = copy(model)
    graph = new.graph
    for node in graph.node:
        node.input[:] = [new_names.get(name, name) for name in node.input]
        node.output[:] = [new_names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = new_names.get(value.name, value.name)
    return new


def nameless(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without metadata, producer or descriptions, and with every tensor and node called something else."""
    names = [name for node in model.graph.node for name in (*node.input, *node.output) if name]
    names += [value.name for value in (*model.graph.input, *model.graph.output)]
    new = renamed(model, {name: f"t{number}" for number, name in enumerate(dict.fromkeys(names))})
    for node in new.graph.node:
        node.name = node.doc_string = ""
    for field in ("metadata_props", "producer_name", "producer_version", "doc_string", "domain"):
        new.ClearField(field)
    new.graph.name = "g"
    return new


def with_metadata(model: onnx.ModelProto, **entries: str) -> onnx.ModelProto:
    new = copy(model)
    new.ClearField("metadata_props")
    helper.set_model_props(new, entries)
    return new


def at_output(model: onnx.ModelProto, *nodes: onnx.NodeProto, **constants: NDArray) -> onnx.ModelProto:
    """With nodes after its first output; the first of them reads `inner`, the last writes `outer`."""
    output = model.graph.output[0].name
    new = renamed(model, {output: "inner"})
    new.graph.output[0].name = output
    for node in nodes:
        added = onnx.NodeProto()
        added.CopyFrom(node)
        added.output[:] = [output if name == "outer" else name for name in added.output]
        new.graph.node.append(added)
    new.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return new


def identity_at_output(model: onnx.ModelProto) -> onnx.ModelProto:
    return at_output(model, helper.make_node("Identity", ["inner"], ["outer"]))


def cast_at_output(model: onnx.ModelProto) -> onnx.ModelProto:
    kind = model.graph.output[0].type.tensor_type.elem_type
    return at_output(model, helper.make_node("Cast", ["inner"], ["outer"], to=kind))


def opaque(model: onnx.ModelProto) -> onnx.ModelProto:
    """With a multiplication by one before its output, behind which nothing of its structure is seen."""
    kind = model.graph.output[0].type.tensor_type.elem_type
    one = np.ones((), helper.tensor_dtype_to_np_dtype(kind))
    return at_output(model, helper.make_node("Mul", ["inner", "one"], ["outer"]), one=one)


def turned(model: onnx.ModelProto) -> onnx.ModelProto:
    """With the last two axes of its output swapped."""
    new = at_output(model, helper.make_node("Transpose", ["inner"], ["outer"], perm=[0, 2, 1]))
    dims = new.graph.output[0].type.tensor_type.shape.dim
    first, second = onnx.TensorShapeProto.Dimension(), onnx.TensorShapeProto.Dimension()
    first.CopyFrom(dims[1])
    second.CopyFrom(dims[2])
    dims[1].CopyFrom(second)
    dims[2].CopyFrom(first)
    return new


def with_input(
    model: onnx.ModelProto,
    dtype: int,
    shape: list[int | str],
    nodes: list[onnx.NodeProto],
    **constants: NDArray,
) -> onnx.ModelProto:
    """With nodes before its input: the first of them reads `outer`, the last writes `inner`."""
    name = next(v.name for v in model.graph.input)
    new = renamed(model, {name: "inner"})
    for node in reversed(nodes):
        added = onnx.NodeProto()
        added.CopyFrom(node)
        added.input[:] = [name if tensor == "outer" else tensor for tensor in added.input]
        new.graph.node.insert(0, added)
    new.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in constants.items())
    new.graph.input[0].CopyFrom(helper.make_tensor_value_info(name, dtype, shape))
    return new


def _spatial(model: onnx.ModelProto) -> list[int]:
    return [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]]


def channels_last(model: onnx.ModelProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Transpose", ["outer"], ["inner"], perm=[0, 3, 1, 2])]
    return with_input(model, TensorProto.FLOAT, [1, *_spatial(model), 3], nodes)


def divides_itself(model: onnx.ModelProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Div", ["outer", "k255"], ["inner"])]
    return with_input(model, TensorProto.FLOAT, [1, 3, *_spatial(model)], nodes, k255=np.float32(255))


def takes_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["outer"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "k255"], ["inner"]),
    ]
    return with_input(model, TensorProto.UINT8, [1, 3, *_spatial(model)], nodes, k255=np.float32(1 / 255))


def camera_picture(model: onnx.ModelProto) -> onnx.ModelProto:
    """With the whole preparation inside: bytes as a camera gives them, BGR, channels last."""
    nodes = [
        helper.make_node("Cast", ["outer"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["planes", "swap"], ["rgb"], axis=1),
        helper.make_node("Div", ["rgb", "k255"], ["inner"]),
    ]
    shape = [1, *_spatial(model), 3]
    return with_input(
        model,
        TensorProto.UINT8,
        shape,
        nodes,
        swap=np.array([2, 1, 0]),
        k255=np.full((1, 3, 1, 1), 255, np.float32),
    )


def write(model: onnx.ModelProto, path):
    path.write_bytes(model.SerializeToString())
    return path
