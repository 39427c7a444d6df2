"""A file cut before the NMS that it carries, where boxes and scores still stand in a form that a family reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import UnsupportedModelError
from lineside.models.conversion.pruning import drop_dead
from lineside.models.conversion.thresholds import Thresholds, of_operator
from lineside.models.graph import WEIGHTED, Graph, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto, NodeProto

    from lineside.models.conversion.proof import Original
    from lineside.models.reading import Reading

_PREFIX = "lineside_"
_MOST_TRIED = 24  # forms of one file that are read and run
_NEAREST = 3  # tensors of boxes and of scores that are joined with each other


@dataclass(frozen=True, slots=True)
class Removed:
    """A file without its NMS, proven.

    Attributes:
        model: The file.
        inside: What the NMS was set to.
        detections: How many detections were compared.
    """

    model: ModelProto
    inside: Thresholds
    detections: int


def layer_of(graph: Graph) -> NodeProto | None:
    """The NMS that the answer comes from, or `None`."""
    for tensor in graph.outputs:
        for node in graph.upstream(tensor.name, stop=WEIGHTED):
            if node.op_type == "NonMaxSuppression":
                return node
    return None


def without_nms(original: Original) -> Removed:
    """The file without its NMS, which finds outside what the original finds with the NMS inside.

    Args:
        original: The file, and the pictures to prove it on.

    Raises:
        UnsupportedModelError: It has no NMS or cannot be cut; no picture shows anything; or what is found differs.
    """
    reading = original.reading
    name, graph = reading.subject.name, reading.subject.graph
    layer = layer_of(graph)
    if layer is None:
        raise UnsupportedModelError(f"{name}: there is no NMS inside to remove")
    if reading.match.spec.task != "detect":
        raise UnsupportedModelError(
            f"{name}: NMS is removed from files that detect; this one is of the task {reading.match.spec.task}. "
            "Export it without NMS"
        )
    inside = settings_of(graph, layer, reading)
    refusals: list[str] = []
    for number, model in enumerate(cuts(reading, layer)):
        if number == _MOST_TRIED:
            break
        other, count = original.other_detections(model.SerializeToString(), inside)
        if other is None and count:
            write_entries(model, inside)
            return Removed(model, inside, count)
        if other is None:
            raise UnsupportedModelError(
                f"{name}: with the NMS inside (confidence {inside.confidence:g}) the file finds nothing on "
                f"{len(original.pictures)} test pictures, so nothing can be compared. Give pictures that show objects "
                "with --data"
            )
        refusals.append(other)
    seen = f": {refusals[0]}" if refusals else ""
    raise UnsupportedModelError(
        f"{name}: no tensor before the NMS holds boxes and scores in a form that lineside reads{seen}. "
        "Export it without NMS"
    )


def settings_of(graph: Graph, layer: NodeProto, reading: Reading) -> Thresholds:
    """What the NMS is set to, and how it goes about classes.

    Raises:
        UnsupportedModelError: A threshold is computed in the graph.
    """
    inside = of_operator(graph, layer, reading.match.spec.rows if reading.family != "nms_indices" else 0)
    if inside is None:
        raise UnsupportedModelError(
            f'{reading.subject.name}: the thresholds of its NMS ("{layer.name}") are computed in the graph. '
            "Export it without NMS"
        )
    scores = graph.shapes.get(layer.input[1], ())
    if len(reading.names) > 1 and len(scores) == 3 and scores[1] == len(reading.names):
        return replace(inside, class_aware=True, multi_label=True)
    # One score a box: boxes of other classes are out of reach where they were moved apart by class.
    moved = any(node.op_type == "ArgMax" for node in graph.upstream(layer.input[0], stop=WEIGHTED))
    return replace(inside, class_aware=moved or len(reading.names) == 1)


def cuts(reading: Reading, layer: NodeProto) -> Iterator[ModelProto]:
    """The file cut at each tensor that may hold rows of boxes and scores, then at pairs that are joined to such rows."""
    graph, classes = reading.subject.graph, len(reading.names)
    near = _upstream(graph, layer)
    for name, shape in near:
        if {shape[1], shape[2]} & {4 + classes, 5 + classes}:
            yield _cut(reading.subject.model, [], Tensor(name, graph.dtypes[name], shape))
    boxes = [(n, s) for n, s in near if 4 in s[1:]][:_NEAREST]
    scores = [(n, s) for n, s in near if classes in s[1:]][:_NEAREST]
    for box, box_shape in boxes:
        for score, score_shape in scores:
            rows = box_shape[2] if box_shape[1] == 4 else box_shape[1]
            if box == score or rows not in score_shape[1:]:
                continue
            nodes = [
                *_rows(box, "boxes", box_shape[1] == 4),
                *_rows(score, "scores", score_shape[1] == classes),
            ]
            ends = Tensor(_PREFIX + "rows", graph.dtypes[box], (1, rows, 4 + classes))
            yield _cut(reading.subject.model, [*nodes, *_joined(ends.dtype)], ends)


def _upstream(graph: Graph, layer: NodeProto) -> list[tuple[str, tuple[int | None, ...]]]:
    """The float tensors of three axes before the layer, the nearest first, not past the last weights."""
    found: dict[str, tuple[int | None, ...]] = {}
    queue, seen = list(layer.input[:2]), set[str]()
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        shape, node = graph.shapes.get(name, ()), graph.producers.get(name)
        is_float = graph.dtypes.get(name) in {"float32", "float16"}
        if len(shape) == 3 and None not in shape[1:] and is_float and node is not None:
            found[name] = shape
        if node is not None and node.op_type not in WEIGHTED - {"MatMul"}:
            queue += [each for each in node.input if each]
    return list(found.items())


def _rows(name: str, part: str, is_turned: bool) -> list[NodeProto]:  # noqa: FBT001 # a fact about the tensor
    """A tensor under a name of ours, a row a box."""
    from onnx import helper

    new = _PREFIX + part
    if is_turned:
        return [helper.make_node("Transpose", [name], [new], f"/{new}", perm=[0, 2, 1])]
    return [helper.make_node("Identity", [name], [new], f"/{new}")]


def _joined(dtype: str) -> list[NodeProto]:
    """Rows of centre, size and scores, of boxes given as corners: as the exporters of anchor-free heads write them."""
    from onnx import helper, numpy_helper

    def constant(name: str, value: Any) -> NodeProto:
        return helper.make_node("Constant", [], [_PREFIX + name], value=numpy_helper.from_array(value))

    def step(op: str, inputs: list[str], output: str, **more: Any) -> NodeProto:
        names = [_PREFIX + name for name in inputs]
        return helper.make_node(op, names, [_PREFIX + output], f"/{_PREFIX}{output}", **more)

    places = [constant(f"at_{n}", np.array([n], np.int64)) for n in (0, 2, 4)]
    return [
        *places,
        constant("two", np.array(2, dtype)),
        step("Slice", ["boxes", "at_0", "at_2", "at_2"], "first"),
        step("Slice", ["boxes", "at_2", "at_4", "at_2"], "last"),
        step("Add", ["first", "last"], "sum"),
        step("Div", ["sum", "two"], "centre"),
        step("Sub", ["last", "first"], "side"),
        step("Concat", ["centre", "side", "scores"], "rows", axis=2),
    ]


def _cut(model: ModelProto, nodes: list[NodeProto], output: Tensor) -> ModelProto:
    """A copy of a model that ends with these nodes, in one output."""
    import onnx
    from onnx import helper

    new = onnx.ModelProto()
    new.CopyFrom(model)
    new.graph.node.extend(nodes)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(output.dtype))
    del new.graph.output[:]
    new.graph.output.append(helper.make_tensor_value_info(output.name, kind, [1, *output.shape[1:]]))
    drop_dead(new)
    used = {node.domain for node in new.graph.node} | {""}
    for entry in [o for o in new.opset_import if o.domain not in used and o.domain != "ai.onnx"]:
        new.opset_import.remove(entry)
    return new


def write_entries(model: ModelProto, inside: Thresholds) -> None:
    """Let the file's metadata say what its NMS was set to."""
    from onnx import helper

    entries = {entry.key: entry.value for entry in model.metadata_props} | inside.entries()
    del model.metadata_props[:]
    helper.set_model_props(model, entries)
