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
    from collections.abc import Sequence

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
    inside = of_layer(layer, _declared(model, layer))
    opset = max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=0)
    refusal = _refusal(layer, opset)
    if refusal is not None or inside is None:
        raise UnsupportedModelError(
            f"{name}: TensorRT's layer \"{layer.name or layer.op_type}\" ({layer.op_type}) cannot be written in ONNX's operators: "
            f"{refusal or 'it does not say its thresholds'}. Export it without NMS"
        )
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        nodes += _operators(model, layer, inside) if node is layer else [node]
    replace_nodes(model.graph, nodes)
    _declare(model, layer, min(inside.most, _MOST))
    gone = layer.domain
    if not any(node.domain == gone for node in model.graph.node):
        for entry in [o for o in model.opset_import if o.domain == gone and gone]:
            model.opset_import.remove(entry)


def _refusal(layer: NodeProto, opset: int) -> str | None:
    """Why a layer cannot be written in ONNX's operators, or `None`."""
    odd = [a.name for a in layer.attribute if a.name in _USUAL and a.i not in _USUAL[a.name]]
    if odd:
        return f"its setting {odd[0]} is another than {_USUAL[odd[0]][0]}"
    if (len(layer.input), len(layer.output)) != (2, 4):
        return f"it has {len(layer.input)} inputs and {len(layer.output)} outputs, expected 2 and 4"
    return None if opset >= _SINCE else f"operator set {opset} is older than {_SINCE}"


def _declared(model: ModelProto, layer: NodeProto) -> int:
    """How many detections the layer's outputs are declared to hold; 100 where that is open."""
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        if value.name in layer.output and len(dims) == 3 and dims[1].dim_value > 0:
            return int(dims[1].dim_value)
    return 100


def _declare(model: ModelProto, layer: NodeProto, most: int) -> None:
    """Say the shapes of the four outputs; exporters write down what they believe of a layer that nobody infers."""
    from onnx import helper

    shapes = dict(zip(layer.output, ([1, 1], [1, most, 4], [1, most], [1, most]), strict=True))
    for value in model.graph.output:
        if value.name in shapes:
            kind = value.type.tensor_type.elem_type
            value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shapes[value.name]))


class _Writer:
    """Nodes and constants that are written one after the other, under names of ours."""

    def __init__(self, model: ModelProto) -> None:
        self.nodes: list[NodeProto] = []
        self._model = model

    def constant(self, name: str, value: Any, dtype: Any = np.int64) -> str:
        """A constant of the graph."""
        from onnx import numpy_helper

        tensor = numpy_helper.from_array(np.array(value, dtype), _PREFIX + name)
        self._model.graph.initializer.append(tensor)
        return tensor.name

    def add(self, op: str, *inputs: str, out: str = "", **more: Any) -> str:
        """A node of one output."""
        return self.several(op, inputs, [out or f"{_PREFIX}{len(self.nodes)}"], **more)[0]

    def several(self, op: str, inputs: Sequence[str], outputs: list[str], **more: Any) -> list[str]:
        """A node of several outputs."""
        from onnx import helper

        name = f"/{_PREFIX}{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name, **more))
        return outputs


def _operators(model: ModelProto, layer: NodeProto, inside: Thresholds) -> list[NodeProto]:
    """What the layer does, and its four outputs."""
    from onnx import TensorProto

    w, most = _Writer(model), min(inside.most, _MOST)
    found = _found(w, layer, inside)
    blank = {
        "score": w.constant("no_score", np.zeros(most), np.float32),
        "class": w.constant("no_class", np.zeros(most)),
        "box": w.constant("no_box", np.zeros((most, 4)), np.float32),
    }
    filled = {part: w.add("Concat", found[part], blank[part], axis=0) for part in found}
    few = w.constant("most", [most])
    top, place = w.several("TopK", [filled["score"], few], [f"{_PREFIX}top", f"{_PREFIX}place"], axis=0)
    count = w.add("Gather", w.add("Shape", w.add("NonZero", top)), w.constant("single", [[1]]))
    kinds = {v.name: v.type.tensor_type.elem_type for v in model.graph.output}
    count_out, box_out, score_out, class_out = layer.output
    w.add("Cast", count, out=count_out, to=TensorProto.INT32)
    w.add("Reshape", w.add("Gather", filled["box"], place), w.constant("boxes", [1, most, 4]), out=box_out)
    lists = w.constant("lists", [1, most])
    w.add("Reshape", top, lists, out=score_out)
    labels = w.add("Reshape", w.add("Gather", filled["class"], place), lists)
    w.add("Cast", labels, out=class_out, to=kinds.get(class_out) or TensorProto.INT32)
    return w.nodes


def _found(w: _Writer, layer: NodeProto, inside: Thresholds) -> dict[str, str]:
    """Score, class and box of everything that NMS of each class leaves."""
    flat, one, two, three = (
        w.constant(name, [value]) for name, value in (("flat", -1), ("one", 1), ("two", 2), ("three", 3))
    )
    boxes = w.add("Reshape", layer.input[0], w.constant("rows", [1, -1, 4]))
    scores = w.add("Transpose", layer.input[1], perm=[0, 2, 1])
    chosen = w.add(
        "NonMaxSuppression",
        boxes,
        scores,
        w.constant("all", [_ALL]),
        w.constant("iou", [inside.iou], np.float32),
        w.constant("score", [inside.confidence], np.float32),
    )
    row = w.add("Reshape", w.add("Slice", chosen, two, three, one), flat)
    return {
        "score": w.add("GatherND", scores, chosen),
        "class": w.add("Reshape", w.add("Slice", chosen, one, two, one), flat),
        "box": w.add("Gather", w.add("Reshape", boxes, w.constant("list", [-1, 4])), row),
    }
