"""TensorRT's NMS layers written in ONNX's operators, so that a file that only TensorRT runs can be read and cut here.

What the layers do is taken from their documentation (NVIDIA TensorRT, plug-ins `efficientNMSPlugin` and `batchedNMSPlugin`):
per class, boxes with a score above the threshold, best first, without those that overlap a better one; of all classes the best.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import UnsupportedModelError
from lineside.models.conversion.pruning import replace_nodes
from lineside.models.conversion.thresholds import of_layer
from lineside.models.families._final_boxes import PLUG_INS
from lineside.models.file import ModelFile

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from lineside.models.conversion.thresholds import Thresholds

_PREFIX = "lineside_layer_"
_SINCE = 11  # the operator set of the first GatherND, and of a TopK that sorts
_ALL = np.iinfo(np.int64).max
_MOST = 1000  # detections that stand in the answer, where the layer would give more

# Settings under which a layer does something else than is written here, and their usual values.
_USUAL = {
    "background_class": (-1,),
    "backgroundLabelId": (-1,),
    "box_coding": (0,),
    "class_agnostic": (0,),
    "isNormalized": (0,),
    "score_activation": (0,),
    "shareLocation": (1,),
}


def readable(file: ModelFile) -> tuple[ModelFile, bool]:
    """A file that onnxruntime can read: with TensorRT's NMS layer in ONNX's operators, where it has one.

    Returns:
        The file, or what stands for it; and whether that is another one.

    Raises:
        UnsupportedModelError: The layer is set to something that is not known here.
        ModelFileError: The file is no model.
    """
    model = file.parse()
    layers = [node for node in model.graph.node if node.op_type in PLUG_INS]
    if not layers:
        return file, False
    if len(layers) > 1:
        raise UnsupportedModelError(f"{file.path.name}: {len(layers)} NMS layers of TensorRT; expected one")
    _replace(model, layers[0], file.path.name)
    data: bytes = model.SerializeToString()
    return ModelFile(file.path, data, hashlib.sha256(data).hexdigest()), True


def _replace(model: ModelProto, layer: NodeProto, name: str) -> None:
    """Put the operators in the layer's place.

    Raises:
        UnsupportedModelError: It is set to something else than they do.
    """
    inside = of_layer(layer)
    opset = max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=0)
    odd = [a.name for a in layer.attribute if a.name in _USUAL and a.i not in _USUAL[a.name]]
    if odd or opset < _SINCE or len(layer.output) != 4 or layer.op_type == "YOLO_NMS_TRT":
        why = f"its setting {odd[0]}" if odd else f"{layer.op_type} in operator set {opset}"
        raise UnsupportedModelError(
            f"{name}: TensorRT's layer \"{layer.name or layer.op_type}\" cannot be written in ONNX's operators: {why}. "
            "Export it without NMS"
        )
    nodes = []
    for node in model.graph.node:
        nodes += _operators(model, layer, inside) if node is layer else [node]
    replace_nodes(model.graph, nodes)
    _declare(model, layer, min(inside.most, _MOST))
    gone = layer.domain
    if not any(node.domain == gone for node in model.graph.node):
        for entry in [o for o in model.opset_import if o.domain == gone and gone]:
            model.opset_import.remove(entry)


def _declare(model: ModelProto, layer: NodeProto, most: int) -> None:
    """Say the shapes of the four outputs; exporters write down what they believe of a layer that nobody infers."""
    from onnx import helper

    shapes = dict(zip(layer.output, ([1, 1], [1, most, 4], [1, most], [1, most]), strict=True))
    for value in model.graph.output:
        if value.name in shapes:
            kind = value.type.tensor_type.elem_type
            value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shapes[value.name]))


def _operators(model: ModelProto, layer: NodeProto, inside: Thresholds) -> list[NodeProto]:
    """What the layer does, and its four outputs."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[NodeProto] = []
    kinds = {v.name: v.type.tensor_type.elem_type for v in model.graph.output}
    most = min(inside.most, _MOST)

    def constant(name: str, value: Any, dtype: Any = np.int64) -> str:
        tensor = numpy_helper.from_array(np.array(value, dtype), _PREFIX + name)
        model.graph.initializer.append(tensor)
        return _PREFIX + name

    def add(op: str, *inputs: str, out: str = "", **more: Any) -> str:
        name = out or f"{_PREFIX}{len(nodes)}"
        nodes.append(helper.make_node(op, list(inputs), [name], f"/{_PREFIX}{op}_{len(nodes)}", **more))
        return name

    flat, one, two, three = (
        constant(n, [v]) for n, v in (("flat", -1), ("one", 1), ("two", 2), ("three", 3))
    )
    boxes = add("Reshape", layer.input[0], constant("rows", [1, -1, 4]))
    scores = add("Transpose", layer.input[1], perm=[0, 2, 1])
    limits = (constant("iou", [inside.iou], np.float32), constant("score", [inside.confidence], np.float32))
    chosen = add("NonMaxSuppression", boxes, scores, constant("all", [_ALL]), *limits)
    found = {
        "score": add("GatherND", scores, chosen),
        "class": add("Reshape", add("Slice", chosen, one, two, one), flat),
        "box": add(
            "Gather",
            add("Reshape", boxes, constant("list", [-1, 4])),
            add("Reshape", add("Slice", chosen, two, three, one), flat),
        ),
    }
    blank = {
        "score": constant("no_score", np.zeros(most), np.float32),
        "class": constant("no_class", np.zeros(most)),
        "box": constant("no_box", np.zeros((most, 4)), np.float32),
    }
    filled = {part: add("Concat", found[part], blank[part], axis=0) for part in found}
    top, place = f"{_PREFIX}top", f"{_PREFIX}place"
    nodes.append(helper.make_node("TopK", [filled["score"], constant("most", [most])], [top, place], axis=0))
    count = add("Slice", add("Shape", add("NonZero", top)), one, two)
    count_out, box_out, score_out, class_out = layer.output
    add("Cast", add("Reshape", count, constant("single", [1, 1])), out=count_out, to=TensorProto.INT32)
    add("Reshape", add("Gather", filled["box"], place), constant("boxes", [1, most, 4]), out=box_out)
    add("Reshape", top, constant("lists", [1, most]), out=score_out)
    labels = add("Reshape", add("Gather", filled["class"], place), _PREFIX + "lists")
    add("Cast", labels, out=class_out, to=kinds.get(class_out) or TensorProto.INT32)
    return nodes
