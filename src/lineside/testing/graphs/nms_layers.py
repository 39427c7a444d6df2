"""NMS in the graph, in the forms of TensorRT's layers, of YOLOv7's export, and of the ONNX model zoo's YOLOv3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from onnx import TensorProto

from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import (
    backbone,
    boxes_xywh,
    boxes_xyxy,
    class_branch,
    distances,
    flatten,
    grid,
)
from lineside.testing.graphs.raw_anchors import head_maps
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, yolov5_metadata

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

PlugIn = Literal["EfficientNMS_TRT", "BatchedNMS_TRT"]

_FAR = 4096.0  # pixels by which YOLOv7's export moves the boxes of each class apart
_TINY = ((23, 27), (37, 58), (81, 82), (81, 82), (135, 169), (344, 319))
_COCO = ((10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326))


class _Kept(NamedTuple):
    """What an NMS node left: tensors (M, 4), (M,), (M,), and the number M (1,)."""

    boxes: str
    scores: str
    labels: str
    number: str


def nms_outputs(
    spec: GraphSpec = DEFAULT,
    *,
    confidence: float = 0.05,
    most: int = 100,
    float_labels: bool = False,
) -> onnx.ModelProto:
    """The four outputs of TensorRT's NMS layers made of ONNX's operators, on an anchor-free head.

    `num_dets` (1, 1) int32, `det_boxes` (1, K, 4), `det_scores` (1, K) and `det_classes` (1, K), padded with zeros.

    Args:
        spec: The outside of the graph.
        confidence: Score threshold in the graph.
        most: K.
        float_labels: Classes are floats, as BatchedNMS answers them; else int32, as EfficientNMS.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("nms_outputs", dynamic_batch=True)
    b = GraphBuilder(spec)
    kept = _kept(b, *_corners_and_scores(b), confidence, most)
    number = b.add("Unsqueeze", b.add("Cast", kept.number, to=TensorProto.INT32), b.ints(0))
    kind = TensorProto.FLOAT if float_labels else TensorProto.INT32
    labels = b.add("Cast", kept.labels, to=kind)
    boxes, scores, labels = (
        b.add("Unsqueeze", _padded(b, name, kept.number, most, wide=wide), b.ints(0))
        for name, wide in ((kept.boxes, True), (kept.scores, False), (labels, False))
    )
    outputs = [
        Output("num_dets", number, (1, 1), TensorProto.INT32),
        Output("det_boxes", boxes, (1, most, 4)),
        Output("det_scores", scores, (1, most)),
        Output("det_classes", labels, (1, most), kind),
    ]
    return b.finish(outputs, yolov5_metadata(spec))


def tensorrt_nms(
    spec: GraphSpec = DEFAULT, *, layer: PlugIn = "EfficientNMS_TRT", most: int = 100
) -> onnx.ModelProto:
    """An anchor-free head with TensorRT's own NMS layer behind it, which ONNX Runtime cannot run.

    Args:
        spec: The outside of the graph.
        layer: Which of the two.
        most: Detections at the most.

    Raises:
        SettingsError: The size is dynamic.
    """
    spec.refuse("tensorrt_nms")
    b = GraphBuilder(spec)
    boxes, scores = _corners_and_scores(b)
    options: dict[str, int | float] = {"score_threshold": 0.25, "iou_threshold": 0.45}
    if layer == "BatchedNMS_TRT":
        boxes = b.add("Unsqueeze", boxes, b.ints(2))
        options = {"scoreThreshold": 0.25, "iouThreshold": 0.45, "numClasses": spec.classes, "keepTopK": most}
    found = b.add_many(layer, [boxes, scores], 4, domain="TRT", **options)
    kind = TensorProto.FLOAT if layer == "BatchedNMS_TRT" else TensorProto.INT32
    return b.finish(
        [
            Output("num_dets", found[0], (spec.batch, 1), TensorProto.INT32),
            Output("det_boxes", found[1], (spec.batch, most, 4)),
            Output("det_scores", found[2], (spec.batch, most)),
            Output("det_classes", found[3], (spec.batch, most), kind),
        ],
        yolov5_metadata(spec),
    )


def nms_rows(spec: GraphSpec = DEFAULT, *, confidence: float = 0.05) -> onnx.ModelProto:
    """The end of YOLOv7's `--end2end` export for ONNX Runtime, on an anchor-free head: rows (M, 7).

    Number of the picture, two corners in pixels, class, score. Corners come of centres by a matrix, the classes are moved
    apart by 4096 pixels, and `NonMaxSuppression` sees one score a box.

    Args:
        spec: The outside of the graph.
        confidence: Score threshold in the graph.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("nms_rows", dynamic_batch=True)
    b = GraphBuilder(spec)
    levels = backbone(b, b.picture())
    centres = boxes_xywh(b, distances(b, levels, dfl=False), grid(b, levels))
    logits = flatten(b, [class_branch(b, level, spec.classes) for level in levels])
    both = b.add("Transpose", b.add("Concat", centres, b.add("Sigmoid", logits), axis=1), perm=[0, 2, 1])
    centres, scores = b.split(both, [4, spec.classes], 2)
    turn: NDArray[np.float64] = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])
    boxes = b.add("MatMul", centres, b.floats(turn))
    best = b.add("ReduceMax", scores, b.ints(2), keepdims=1)
    label = b.add("ArgMax", scores, axis=2, keepdims=1)
    apart = b.add("Mul", b.add("Cast", label, to=TensorProto.FLOAT), b.floats(_FAR))
    chosen = b.add(
        "NonMaxSuppression",
        b.add("Add", boxes, apart),
        b.add("Transpose", best, perm=[0, 2, 1]),
        b.ints(100),
        b.floats([0.45]),
        b.floats([confidence]),
    )
    picture, row = (b.slice(chosen, i, i + 1, 1) for i in (0, 2))
    place = b.add("Concat", picture, row, axis=1)
    columns = [b.add("GatherND", name, place) for name in (boxes, label, best)]
    columns[1] = b.add("Cast", columns[1], to=TensorProto.FLOAT)
    rows = b.add("Concat", b.add("Cast", picture, to=TensorProto.FLOAT), *columns, axis=1)
    return b.finish([Output(spec.output_name, rows, ("detections", 7))], yolov5_metadata(spec))


def nms_indices(
    spec: GraphSpec = DEFAULT,
    *,
    confidence: float = 0.05,
    size_input: bool = True,
    batched: bool = False,
) -> onnx.ModelProto:
    """YOLOv3 of the ONNX model zoo: all boxes (1, N, 4), all scores (1, classes, N), and indices (M, 3) of those kept.

    Boxes are top, left, bottom, right; levels are joined from the coarsest, and within a cell anchor by anchor. The
    letterbox is undone in the graph for the picture's height and width in `image_shape` (1, 2), as keras-yolo3 does.
    There is no metadata. Two strides make it YOLOv3-tiny.

    Args:
        spec: The outside of the graph, with two or three strides.
        confidence: Score threshold in the graph.
        size_input: Whether there is such an input; else boxes are in the input's pixels.
        batched: The indices are (1, M, 3), as the zoo's YOLOv3-tiny has them.

    Raises:
        SettingsError: The batch or the size is dynamic.
    """
    spec.refuse("nms_indices", dynamic_batch=True)
    b = GraphBuilder(spec)
    maps = head_maps(b, b.picture("input_1"), "v3" if len(spec.strides) == 3 else "v3-tiny")
    if size_input:
        b.declare("image_shape", TensorProto.FLOAT, (1, 2))
    size = "image_shape" if size_input else b.floats([tuple(spec.size)])
    anchors = np.array(_COCO if len(spec.strides) == 3 else _TINY).reshape(len(maps), 3, 2)
    parts = [_keras_level(b, m, anchors[i], size) for i, m in reversed(list(enumerate(maps)))]
    boxes = b.add("Concat", *(part[0] for part in parts), axis=1)
    scores = b.add(
        "Transpose",
        b.add("Concat", *(part[1] for part in parts), axis=1),
        perm=[0, 2, 1],
    )
    chosen = b.add("NonMaxSuppression", boxes, scores, b.ints(20), b.floats([0.5]), b.floats([confidence]))
    chosen = b.add("Cast", chosen, to=TensorProto.INT32)
    shape: tuple[int | str, ...] = ("nbox", 3)
    if batched:
        chosen, shape = b.add("Unsqueeze", chosen, b.ints(0)), (1, "nbox", 3)
    count = 3 * spec.anchors
    return b.finish(
        [
            Output("yolonms_layer_1/ExpandDims_1:0", boxes, (1, count, 4)),
            Output("yolonms_layer_1/ExpandDims_3:0", scores, (1, spec.classes, count)),
            Output("yolonms_layer_1/concat_2:0", chosen, shape, TensorProto.INT32),
        ]
    )


def _keras_level(b: GraphBuilder, m: Feature, anchors: NDArray[np.int_], size: str) -> tuple[str, str]:
    """Boxes (1, n, 4) and scores (1, n, classes) of one level, in the arithmetic of keras-yolo3's `yolo_eval`."""
    height, width = b.spec.size
    rows, columns, values = height // m.stride, width // m.stride, 5 + b.spec.classes
    cells = b.reshape(b.add("Transpose", m.name, perm=[0, 2, 3, 1]), 1, rows, columns, 3, values)
    xy, wh, objectness, classes = b.split(cells, [2, 2, 1, b.spec.classes], 4)
    corner = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)[None, :, :, None]
    xy = b.add("Div", b.add("Add", b.add("Sigmoid", xy), b.floats(corner)), b.floats([columns, rows]))
    wh = b.add("Mul", b.add("Exp", wh), b.floats(anchors[None, None, None]))
    wh = b.add("Div", wh, b.floats([width, height]))
    yx, hw = (b.slice(name, -1, -(2**31), 4, -1) for name in (xy, wh))
    given = b.floats([[height, width]])
    whole = b.add("Round", b.add("Mul", size, b.add("ReduceMin", b.add("Div", given, size), keepdims=0)))
    offset = b.add("Div", b.add("Div", b.add("Sub", given, whole), b.floats(2.0)), given)
    scale = b.add("Div", given, whole)
    yx, hw = b.add("Mul", b.add("Sub", yx, offset), scale), b.add("Mul", hw, scale)
    half = b.add("Div", hw, b.floats(2.0))
    sides = b.add("Concat", b.add("Sub", yx, half), b.add("Add", yx, half), axis=4)
    boxes = b.add("Mul", sides, b.add("Concat", size, size, axis=1))
    scores = b.add("Mul", b.add("Sigmoid", objectness), b.add("Sigmoid", classes))
    return b.reshape(boxes, 1, -1, 4), b.reshape(scores, 1, -1, b.spec.classes)


def _corners_and_scores(b: GraphBuilder) -> tuple[str, str]:
    """Boxes (N, A, 4) as corners in pixels and scores (N, A, classes) of an anchor-free head."""
    levels = backbone(b, b.picture())
    boxes = boxes_xyxy(b, distances(b, levels, dfl=True), grid(b, levels))
    logits = flatten(b, [class_branch(b, level, b.spec.classes) for level in levels])
    boxes, scores = (b.add("Transpose", name, perm=[0, 2, 1]) for name in (boxes, b.add("Sigmoid", logits)))
    return boxes, scores


def _kept(b: GraphBuilder, boxes: str, scores: str, confidence: float, most: int) -> _Kept:
    """What NMS of best classes leaves."""
    best = b.add("ReduceMax", scores, b.ints(-1), keepdims=1)
    chosen = b.add(
        "NonMaxSuppression",
        boxes,
        b.add("Transpose", best, perm=[0, 2, 1]),
        b.ints(most),
        b.floats([0.45]),
        b.floats([confidence]),
    )
    index = b.add("Squeeze", b.slice(chosen, 2, 3, 1), b.ints(1))
    label = b.add("ArgMax", scores, axis=-1, keepdims=0)
    flat = [b.add("Squeeze", name, b.ints(0)) for name in (boxes, best, label)]
    flat[1] = b.add("Squeeze", flat[1], b.ints(1))
    left = [b.add("Gather", name, index, axis=0) for name in flat]
    return _Kept(left[0], left[1], left[2], b.add("Shape", index))


def _padded(b: GraphBuilder, rows: str, count: str, most: int, *, wide: bool) -> str:
    """Rows filled up with zeros to `most`; `wide` where they have columns."""
    missing = b.add("Sub", b.ints(most), count)
    pads = (b.ints(0, 0), missing, b.ints(0)) if wide else (b.ints(0), missing)
    return b.add("Pad", rows, b.add("Concat", *pads, axis=0), mode="constant")
