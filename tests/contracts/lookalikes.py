"""Heads that look like known ones and mean something else: recognising one of them would be silently wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from contracts.graph_edits import opaque, with_metadata
from lineside.core.geometry import Size
from lineside.testing.graphs import GraphSpec, end_to_end, yolonas, yolov5, yolov6, yolox
from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import (
    backbone,
    box_branch,
    boxes_xywh,
    boxes_xyxy,
    branch,
    class_branch,
    distances,
    flatten,
    grid,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BARE = GraphSpec(metadata=False)
TINY = GraphSpec(metadata=False, size=Size(64, 64), classes=80)


def named(model: onnx.ModelProto, count: int) -> onnx.ModelProto:
    return with_metadata(model, names=str([f"part {i}" for i in range(count)]))


class _Parts:
    """The pieces of an anchor-free head, to be put together in other ways."""

    def __init__(self, spec: GraphSpec) -> None:
        self.b = GraphBuilder(spec)
        self.levels = backbone(self.b, self.b.picture())
        self.spec = spec

    def boxes(self, form: Callable = boxes_xywh) -> str:
        return form(self.b, distances(self.b, self.levels, dfl=True), grid(self.b, self.levels))

    def logits(self, count: int) -> str:
        return flatten(self.b, [class_branch(self.b, level, count) for level in self.levels])

    def sigmoid(self, tensor: str) -> str:
        return self.b.add("Sigmoid", tensor)

    def join(self, *parts: str, channels: int) -> onnx.ModelProto:
        out = self.b.add("Concat", *parts, axis=1)
        return self.b.finish([Output("output0", out, (1, channels, self.spec.anchors))])


def corners(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """Boxes as corners from distributions, channels first: RTMDet has no distributions, PP-YOLOE its channels last."""
    p = _Parts(spec)
    return p.join(p.boxes(boxes_xyxy), p.sigmoid(p.logits(spec.classes)), channels=4 + spec.classes)


def hidden_corners(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """The same, with arithmetic behind which the form of the boxes is not seen."""
    p = _Parts(spec)
    boxes = p.b.add("Mul", p.boxes(boxes_xyxy), p.b.floats(np.ones((1, 4, 1))))
    return p.join(p.b.add("Relu", boxes), p.sigmoid(p.logits(spec.classes)), channels=4 + spec.classes)


def shares(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """TensorFlow exports: boxes as shares of the picture."""
    p = _Parts(spec)
    extent = np.array([spec.size.width, spec.size.height] * 2, np.float32).reshape(1, 4, 1)
    boxes = p.b.add("Div", p.boxes(), p.b.floats(extent))
    return p.join(boxes, p.sigmoid(p.logits(spec.classes)), channels=4 + spec.classes)


def lines_before_columns(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """Boxes as y, x, height, width."""
    p = _Parts(spec)
    boxes = p.b.add("Gather", p.boxes(), p.b.ints(1, 0, 3, 2), axis=1)
    return p.join(boxes, p.sigmoid(p.logits(spec.classes)), channels=4 + spec.classes)


def objectness_in_one_sigmoid(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """A decoded head whose objectness and classes are joined before one sigmoid."""
    p = _Parts(spec)
    both = p.b.add("Concat", p.logits(1), p.logits(spec.classes), axis=1)
    return p.join(p.boxes(), p.sigmoid(both), channels=5 + spec.classes)


def objectness_last(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """A decoded head whose objectness follows the classes."""
    p = _Parts(spec)
    parts = (p.boxes(), p.sigmoid(p.logits(spec.classes)), p.sigmoid(p.logits(1)))
    return p.join(*parts, channels=5 + spec.classes)


def without_sigmoid(spec: GraphSpec = BARE) -> onnx.ModelProto:
    p = _Parts(spec)
    return p.join(p.boxes(), p.logits(spec.classes), channels=4 + spec.classes)


def negative_scores(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """Without the sigmoid, and below 0 on every picture without an object."""
    p = _Parts(spec)
    scores = p.b.add("Neg", p.b.add("Softplus", p.logits(spec.classes)))
    return p.join(p.boxes(), scores, channels=4 + spec.classes)


def raw_distances(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """An anchor-free head without distributions, cut off before its boxes are decoded."""
    p = _Parts(spec)
    raw = flatten(p.b, [box_branch(p.b, level, dfl=False) for level in p.levels])
    return p.join(raw, p.sigmoid(p.logits(spec.classes)), channels=4 + spec.classes)


def raw_distances_with_centreness(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """FCOS: exponentials of raw distances, centreness, classes."""
    p = _Parts(spec)
    raw = p.b.add("Exp", flatten(p.b, [box_branch(p.b, level, dfl=False) for level in p.levels]))
    parts = (raw, p.sigmoid(p.logits(1)), p.sigmoid(p.logits(spec.classes)))
    return p.join(*parts, channels=5 + spec.classes)


def levels_upside_down(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """YOLOX whose levels are joined from the coarsest to the finest."""
    b = GraphBuilder(spec)
    maps = []
    for level in reversed(backbone(b, b.picture())):
        scores = [b.add("Sigmoid", branch(b, level, n).name) for n in (1, spec.classes)]
        joined = b.add("Concat", branch(b, level, 4).name, *scores, axis=1)
        maps.append(level._replace(name=joined, channels=5 + spec.classes))
    out = b.add("Transpose", flatten(b, maps), perm=[0, 2, 1])
    return b.finish([Output("output", out, (1, spec.anchors, 5 + spec.classes))])


def masks_without_prototypes(spec: GraphSpec = BARE) -> onnx.ModelProto:
    p = _Parts(spec)
    masks = flatten(p.b, [branch(p.b, level, 32) for level in p.levels])
    return p.join(p.boxes(), p.sigmoid(p.logits(spec.classes)), masks, channels=36 + spec.classes)


def probabilities_behind_scores(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """NanoDet's form, but the bins of each side went through their softmax already."""
    p = _Parts(spec)
    bins = p.b.reshape(flatten(p.b, [branch(p.b, level, 32) for level in p.levels]), 1, 4, 8, spec.anchors)
    likely = p.b.reshape(p.b.add("Softmax", bins, axis=2), 1, 32, spec.anchors)
    return p.join(p.sigmoid(p.logits(spec.classes)), likely, channels=32 + spec.classes)


def logits_without_sigmoid(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """NanoDet's form, but the scores did not go through their sigmoid."""
    p = _Parts(spec)
    bins = flatten(p.b, [branch(p.b, level, 32) for level in p.levels])
    return p.join(p.logits(spec.classes), bins, channels=32 + spec.classes)


def apart(boxes: Callable[[_Parts], str], spec: GraphSpec = BARE) -> onnx.ModelProto:
    """YOLO-NAS' form, boxes and scores in two outputs, with boxes that mean something else."""
    p = _Parts(spec)
    rows = [p.b.add("Transpose", t, perm=[0, 2, 1]) for t in (boxes(p), p.sigmoid(p.logits(spec.classes)))]
    shapes = [(1, spec.anchors, channels) for channels in (4, spec.classes)]
    return p.b.finish([Output(n, t, s) for n, t, s in zip(("boxes", "scores"), rows, shapes, strict=True)])


def corner_shares_apart(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """Corners as shares of the picture."""
    extent = np.array([spec.size.width, spec.size.height] * 2, np.float32).reshape(1, 4, 1)
    return apart(lambda p: p.b.add("Div", p.boxes(boxes_xyxy), p.b.floats(extent)), spec)


def corner_lines_before_columns_apart(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """Top, left, bottom, right."""
    return apart(lambda p: p.b.add("Gather", p.boxes(boxes_xyxy), p.b.ints(1, 0, 3, 2), axis=1), spec)


def anchors_with_masks(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """YOLOv5 segmentation: the anchor head with mask coefficients, and prototypes."""
    model = yolov5(GraphSpec(metadata=False, classes=spec.classes + 32))
    feature = next(n for n in model.graph.node if n.op_type == "Mul").output[0]
    model.graph.node.append(onnx.helper.make_node("Concat", [feature] * 4, ["prototypes"], axis=1))
    shape = (1, 32, spec.size.height // 2, spec.size.width // 2)
    model.graph.output.append(onnx.helper.make_tensor_value_info("prototypes", onnx.TensorProto.FLOAT, shape))
    return model


def corner_anchors(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """The anchor head with boxes as corners."""
    from onnx import helper, numpy_helper

    model = opaque(yolov5(spec))
    node = model.graph.node[-1]  # half of the size off, then on
    turn = np.eye(5 + spec.classes, dtype=np.float32)
    turn[2, 0] = turn[3, 1] = -0.5
    turn[0, 2] = turn[1, 3] = 1
    turn[2, 2] = turn[3, 3] = 0.5
    node.CopyFrom(helper.make_node("MatMul", ["inner", "turn"], list(node.output)))
    model.graph.initializer.append(numpy_helper.from_array(turn, "turn"))
    return model


def label_before_score(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """End-to-end rows with class and score the other way round."""
    model = end_to_end(spec)
    join = next(n for n in model.graph.node if n.output[0] == model.graph.output[0].name)
    join.input[1], join.input[2] = join.input[2], join.input[1]
    return model


def end_to_end_shares(spec: GraphSpec = BARE) -> onnx.ModelProto:
    """End-to-end rows whose boxes are shares of the picture."""
    model = end_to_end(spec)
    join = next(n for n in model.graph.node if n.output[0] == model.graph.output[0].name)
    model.graph.node.insert(
        len(model.graph.node) - 1, onnx.helper.make_node("Div", [join.input[0], "k"], ["unit"])
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(4, 160, np.float32), "k"))
    next(n for n in model.graph.node if n.output[0] == model.graph.output[0].name).input[0] = "unit"
    return model


LOOKALIKES: dict[str, Callable[[], onnx.ModelProto]] = {
    "corners": corners,
    "corners_named": lambda: named(corners(), 3),
    "corners_at_64": lambda: corners(TINY),
    "corners_one_class": lambda: corners(GraphSpec(metadata=False, classes=1)),
    "corner_shares_apart": corner_shares_apart,
    "corner_lines_before_columns_apart": corner_lines_before_columns_apart,
    "centres_apart": lambda: apart(_Parts.boxes),
    "centres_apart_named": lambda: named(apart(_Parts.boxes), 3),
    "scores_before_corners": lambda: yolonas(BARE, scores_first=True),
    "hidden_corners": hidden_corners,
    "hidden_corners_named": lambda: named(hidden_corners(), 3),
    "shares": shares,
    "shares_named": lambda: named(shares(), 3),
    "lines_before_columns": lines_before_columns,
    "lines_before_columns_named": lambda: named(lines_before_columns(), 3),
    "lines_before_columns_at_64": lambda: lines_before_columns(TINY),
    "objectness_in_one_sigmoid": objectness_in_one_sigmoid,
    "objectness_in_one_sigmoid_named": lambda: named(objectness_in_one_sigmoid(), 3),
    "objectness_in_one_sigmoid_misnamed": lambda: named(objectness_in_one_sigmoid(), 4),
    "objectness_last": objectness_last,
    "without_sigmoid": without_sigmoid,
    "without_sigmoid_named": lambda: named(without_sigmoid(), 3),
    "negative_scores": negative_scores,
    "negative_scores_named": lambda: named(negative_scores(), 3),
    "raw_distances": raw_distances,
    "raw_distances_two_named": lambda: named(raw_distances(), 2),
    "raw_distances_three_named": lambda: named(raw_distances(), 3),
    "raw_distances_with_centreness": raw_distances_with_centreness,
    "levels_upside_down": levels_upside_down,
    "masks_without_prototypes": masks_without_prototypes,
    "probabilities_behind_scores": probabilities_behind_scores,
    "logits_without_sigmoid": logits_without_sigmoid,
    "logits_without_sigmoid_named": lambda: named(logits_without_sigmoid(), 3),
    "anchors_with_masks": anchors_with_masks,
    "corner_anchors": corner_anchors,
    "corner_anchors_named": lambda: named(corner_anchors(), 3),
    "label_before_score": label_before_score,
    "yolox_decoded_misnamed": lambda: named(yolox(decoded=True), 4),
    "opaque_yolox": lambda: opaque(yolox()),
    "opaque_yolox_named": lambda: named(opaque(yolox()), 3),
    "opaque_yolox_decoded": lambda: opaque(yolox(decoded=True)),
    "opaque_yolov6": lambda: opaque(yolov6()),
    "opaque_yolox_decoded_named": lambda: named(opaque(yolox(decoded=True)), 3),
}
