"""The rows of the contract suite: for each family its graphs, and its decoding in the plainest words.

A new family adds one row here. The graphs are those of `lineside.testing.graphs.CATALOGUE`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    """

    decode: Callable[[list[np.ndarray], int, Size, tuple[int, ...], float], Found]
    grid: bool = True

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


def end_to_end(outputs, classes, size, strides, confidence):
    return [(*row[:5], int(row[5])) for row in outputs[0][0].astype(np.float64) if row[4] > confidence]


ROWS = {
    "yolov8": Row(anchor_free),
    "yolov5": Row(objectness),
    "yolox": Row(raw_grid),
    "yolov10": Row(end_to_end, grid=False),
}
