"""The rows of the contract suite: for each family its graphs, and its decoding in the plainest words.

A new family adds one row here. The graphs are those of `lineside.testing.graphs.CATALOGUE`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from contracts import raw_rows, task_rows
from lineside.testing.graphs import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.core.geometry import Size

Found = list[tuple[float, float, float, float, float, int]]
"""Left, top, right, bottom, score, class of each box above the confidence."""


@dataclass(frozen=True)
class Row:
    """What is known of a family from outside.

    Attributes:
        decode: The reference: outputs, number of classes, input size, strides, confidence.
        grid: Whether its card must name strides.
        tasks: What its heads may answer.
        floats: Which output of its first graph holds floats.
    """

    decode: Callable[[list[np.ndarray], int, Size, tuple[int, ...], float], Found]
    grid: bool = True
    tasks: tuple[str, ...] = ("detect",)
    floats: int = 0

    def graphs(self, family: str) -> list[str]:
        return [name for name, entry in CATALOGUE.items() if entry.family == family]


def anchor_free(outputs, classes, size, strides, confidence):
    table = outputs[0][0].astype(np.float64)
    if table.shape[0] != 4 + classes:
        table = table.T
    found = []
    for column in table.T:
        x, y, w, h = column[:4]
        label = int(np.argmax(column[4:]))
        if column[4 + label] > confidence:
            found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, column[4 + label], label))
    return found


def objectness(outputs, classes, size, strides, confidence):
    found = []
    for x, y, w, h, objectness, *scores in outputs[0][0].astype(np.float64):
        label = int(np.argmax(scores))
        score = objectness * scores[label]
        if score > confidence:
            found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, label))
    return found


def raw_grid(outputs, classes, size, strides, confidence):
    cells = [
        (column, line, stride)
        for stride in strides
        for line in range(size.height // stride)
        for column in range(size.width // stride)
    ]
    found = []
    for (column, line, stride), row in zip(cells, outputs[0][0].astype(np.float64), strict=True):
        x, y = (row[0] + column) * stride, (row[1] + line) * stride
        w, h = math.exp(row[2]) * stride, math.exp(row[3]) * stride
        label = int(np.argmax(row[5:]))
        score = row[4] * row[5 + label]
        if score > confidence:
            found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, label))
    return found


def grid_raw_or_decoded(outputs, classes, size, strides, confidence):
    """YOLOX: offsets are a few cells at the most, decoded centres reach over the whole picture."""
    decode = objectness if outputs[0][0][:, 0].max() > size.width / 2 else raw_grid
    return decode(outputs, classes, size, strides, confidence)


def corners(outputs, classes, size, strides, confidence):
    """Left, top, right, bottom and a score a class, in one table or two, with rows or columns first."""
    tables = [o[0].astype(np.float64) for o in outputs]
    if len(tables) == 1:
        table = tables[0] if tables[0].shape[1] == 4 + classes else tables[0].T
        boxes, scores = table[:, :4], table[:, 4:]
    else:
        boxes, scores = tables[0], tables[1] if tables[1].shape[1] == classes else tables[1].T
    return [
        (*box, row.max(), int(row.argmax()))
        for box, row in zip(boxes, scores, strict=True)
        if row.max() > confidence
    ]


def distributions(outputs, classes, size, strides, confidence, *, clipped):
    """Each side's distance is the mean of its bins: PicoDet's from cell centres, NanoDet-Plus' from their corners."""
    offset = 0.0 if clipped and len(strides) == 4 else 0.5
    points = [
        ((column + offset) * stride, (line + offset) * stride, stride)
        for stride in strides
        for line in range(math.ceil(size.height / stride))
        for column in range(math.ceil(size.width / stride))
    ]
    if len(outputs) == 1:
        scores, logits = outputs[0][0][:, :classes], outputs[0][0][:, classes:]
    else:
        # Probabilities are never below 0; of so many logits some are.
        scores, logits = (
            np.concatenate([o[0] for o in outputs if (o.min() < 0) == negative]) for negative in (False, True)
        )
    found = []
    for (x, y, stride), row, sides in zip(
        points, scores.astype(np.float64), logits.astype(np.float64), strict=True
    ):
        if row.max() > confidence:
            weights = np.exp(sides.reshape(4, -1))
            means = [sum(k * w for k, w in enumerate(side)) / sum(side) * stride for side in weights]
            box = [x - means[0], y - means[1], x + means[2], y + means[3]]
            if clipped:
                box = [
                    min(max(v, 0), most) for v, most in zip(box, [size.width, size.height] * 2, strict=True)
                ]
            found.append((*box, row.max(), int(row.argmax())))
    return found


def picodet(outputs, *rest):
    return corners(outputs, *rest) if len(outputs) == 2 else distributions(outputs, *rest, clipped=False)


def end_to_end(outputs, classes, size, strides, confidence):
    return [(*row[:5], int(row[5])) for row in outputs[0][0].astype(np.float64) if row[4] > confidence]


def classes_of_the_picture(outputs, classes, size, strides, confidence):
    values = outputs[0][0].astype(np.float64)
    if values.min() < 0 or values.max() > 1:
        values = np.exp(values) / np.exp(values).sum()
    return [(0, 0, size.width, size.height, v, k) for k, v in enumerate(values) if v > confidence]


def best_pairs(outputs, confidence):
    """DETRs that choose the best pairs of box and class: of a box given twice the surest class counts."""
    if len(outputs) == 3:
        labels = next(o[0] for o in outputs if o.dtype.kind == "i")
        boxes = next(o[0] for o in outputs if o.ndim == 3)
        scores = next(o[0] for o in outputs if o.ndim == 2 and o.dtype.kind == "f")
    else:
        labels, scores, boxes = outputs[0][:, 0], outputs[0][:, 1], outputs[0][:, 2:]
    best = {}
    for box, label, score in zip(boxes.astype(np.float64), labels, scores.astype(np.float64), strict=True):
        if score > best.get(tuple(box), (confidence, 0))[0]:
            best[tuple(box)] = (score, int(label))
    return [(*box, *found) for box, found in best.items()]


def queries(outputs, classes, size, strides, confidence):
    """DETRs: boxes and classes in one table or two, or the best pairs of them."""
    if len(outputs) == 3 or outputs[0].ndim == 2:
        return best_pairs(outputs, confidence)
    if len(outputs) == 1:
        boxes, values = outputs[0][0, :, :4], outputs[0][0, :, 4:]
    else:
        logits_first = outputs[0].shape[2] != 4 or outputs[0].min() < -0.5
        values, boxes = (o[0] for o in (outputs if logits_first else reversed(outputs)))
    values = values.astype(np.float64)
    if values.min() < 0 or values.max() > 1:
        values = 1 / (1 + np.exp(-values))
    found = []
    for (x, y, w, h), row in zip(
        boxes.astype(np.float64) * ([size.width, size.height] * 2), values, strict=True
    ):
        label = int(np.argmax(row))
        if row[label] > confidence:
            found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, row[label], label))
    return found


ROWS = {
    "classifier": Row(classes_of_the_picture, grid=False, tasks=("classify",)),
    "rfdetr": Row(queries, grid=False),
    "rtdetr": Row(queries, grid=False),
    "yolov8": Row(anchor_free),
    "yolov5": Row(objectness),
    "yolox": Row(grid_raw_or_decoded),
    "yolov6": Row(objectness),
    "yolonas": Row(corners),
    "ppyoloe": Row(corners),
    "rtmdet": Row(corners),
    "picodet": Row(picodet),
    "nanodet": Row(partial(distributions, clipped=True)),
    "yolov10": Row(end_to_end, grid=False),
    "nms_outputs": Row(raw_rows.counted, grid=False, floats=1),
    "nms_rows": Row(raw_rows.seven, grid=False),
    "nms_indices": Row(raw_rows.chosen, grid=False),
    "raw_yolov3": Row(raw_rows.yolov3),
    "raw_yolov4": Row(raw_rows.yolov4),
    "raw_yolov5": Row(raw_rows.yolov5),
    "raw_yolov7": Row(raw_rows.yolov7),
    "yolov8_seg": Row(task_rows.anchor_free_with_more, tasks=("segment",)),
    "yolov8_pose": Row(task_rows.anchor_free_with_more, tasks=("pose",)),
    "yolov8_obb": Row(task_rows.oriented, tasks=("obb",)),
    "yolov5_seg": Row(task_rows.objectness_with_masks, tasks=("segment",)),
    "yolo26_seg": Row(task_rows.chosen_with_more, grid=False, tasks=("segment",)),
    "yolo26_pose": Row(task_rows.chosen_with_more, grid=False, tasks=("pose",)),
    "yolo26_obb": Row(task_rows.chosen_oriented, grid=False, tasks=("obb",)),
}
