"""The decoding of undecoded levels and of NMS layers' outputs in the plainest words, for `head_rows.py`."""

from __future__ import annotations

import math

import numpy as np

V3 = [10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326]
V4 = [12, 16, 19, 36, 40, 28, 36, 75, 76, 55, 72, 146, 142, 110, 192, 243, 459, 401]
P6 = [
    19,
    27,
    44,
    40,
    38,
    94,
    96,
    68,
    86,
    152,
    180,
    137,
    140,
    301,
    303,
    264,
    238,
    542,
    436,
    615,
    739,
    380,
    925,
    792,
]
TINY = [10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319]


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def _cells(level, classes, outputs):
    """Anchor, line, column and values of every box of a level, whatever the order of its axes."""
    values = 5 + classes
    level = level[0].astype(np.float64)
    if level.ndim == 4:
        # Only the values and the anchors are as many on every level.
        where = [axis for axis in range(4) if {o.shape[1 + axis] for o in outputs} == {values}]
        level = np.moveaxis(level, where[0], -1)
        if level.shape[0] != 3:
            level = level.transpose(2, 0, 1, 3)
    elif level.shape[0] == 3 * values:
        level = np.stack([level[a * values : (a + 1) * values].transpose(1, 2, 0) for a in range(3)])
    else:
        level = np.stack([level[:, :, a * values : (a + 1) * values] for a in range(3)])
    for anchor, line, column in np.ndindex(level.shape[:3]):
        yield anchor, line, column, level[anchor, line, column]


def _probable(found, columns):
    """Whether all values of these columns have been through a sigmoid already."""
    return all(0 <= value <= 1 for *_, row in found for value in row[columns])


def _levels(outputs, classes, size, strides, confidence, box):
    found = []
    finest_first = sorted(outputs, key=lambda o: o.size, reverse=True)
    assert len(finest_first) == len(strides)
    for number, (level, stride) in enumerate(zip(finest_first, strides, strict=True)):
        cells = list(_cells(level, classes, outputs))
        columns, lines = size.width // stride, size.height // stride
        assert len(cells) == 3 * columns * lines
        scored, centred, all_done = (
            _probable(cells, part) for part in (slice(4, None), slice(0, 2), slice(0, None))
        )
        for anchor, line, column, row in cells:
            scores = row[4:] if scored else [sigmoid(v) for v in row[4:]]
            label = int(np.argmax(scores[1:]))
            score = scores[0] * scores[1 + label]
            if score > confidence:
                xy = row[:2] if centred and scored else [sigmoid(v) for v in row[:2]]
                sides = row[2:4] if all_done else None
                x, y, w, h = box(number, anchor, xy, sides, row[2:4])
                x, y = (x + column) * stride, (y + line) * stride
                found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, label))
    return found


def squared(outputs, classes, size, strides, confidence, *, three):
    """YOLOv5 and YOLOv7: a centre within half a cell beyond its own, a side up to four times the anchor's."""
    anchors = {2: TINY, 3: three, 4: P6}[len(strides)]

    def box(level, anchor, xy, done, raw):
        w, h = done if done is not None else [sigmoid(v) for v in raw]
        at = 6 * level + 2 * anchor
        x, y = (2 * v - 0.5 for v in xy)
        return x, y, (2 * w) ** 2 * anchors[at], (2 * h) ** 2 * anchors[at + 1]

    return _levels(outputs, classes, size, strides, confidence, box)


def yolov5(*arguments):
    return squared(*arguments, three=V3)


def yolov7(*arguments):
    return squared(*arguments, three=V4)


def yolov3(outputs, classes, size, strides, confidence):
    """Redmon and Farhadi: b_x = sigmoid(t_x) + c_x, b_w = p_w exp(t_w)."""

    def box(level, anchor, xy, done, raw):
        at = 6 * level + 2 * anchor
        return *xy, V3[at] * math.exp(raw[0]), V3[at + 1] * math.exp(raw[1])

    return _levels(outputs, classes, size, strides, confidence, box)


def yolov4(outputs, classes, size, strides, confidence):
    """The same with `scale_x_y` of 1.2, 1.1 and 1.05, and other anchors."""

    def box(level, anchor, xy, done, raw):
        factor, at = (1.2, 1.1, 1.05)[level], 6 * level + 2 * anchor
        x, y = (factor * v - 0.5 * (factor - 1) for v in xy)
        return x, y, V4[at] * math.exp(raw[0]), V4[at + 1] * math.exp(raw[1])

    return _levels(outputs, classes, size, strides, confidence, box)


def counted(outputs, classes, size, strides, confidence):
    """Number, boxes, scores and classes of TensorRT's NMS layers."""
    count, boxes, scores, labels = outputs
    return [
        (*boxes[0, i].tolist(), float(scores[0, i]), int(labels[0, i]))
        for i in range(int(count[0, 0]))
        if scores[0, i] > confidence
    ]


def seven(outputs, classes, size, strides, confidence):
    """Picture, left, top, right, bottom, class, score."""
    return [(*row[1:5], row[6], int(row[5])) for row in outputs[0].tolist() if row[6] > confidence]


def chosen(outputs, classes, size, strides, confidence):
    """Boxes of y before x, scores a class, and (picture, class, box) of what NMS kept."""
    boxes, scores, index = outputs
    found = []
    for _, label, box in index.reshape(-1, 3).tolist():
        top, left, bottom, right = boxes[0, box].tolist()
        if scores[0, label, box] > confidence:
            found.append((left, top, right, bottom, float(scores[0, label, box]), label))
    return found
