"""Boxes of the heads of other tasks in the plainest words; masks, keypoints and angles have tests of their own."""

from __future__ import annotations

import math

import numpy as np

MASKS = 32


def rows_of(outputs):
    """The rows of a head as (rows, channels), whatever else it answers."""
    table = next(output[0] for output in outputs if output.ndim == 3).astype(np.float64)
    return table if table.shape[0] > table.shape[1] else table.T


def around(x, y, w, h, angle):
    """Left, top, right, bottom around a turned rectangle."""
    xs, ys = [], []
    for dx, dy in ((w, h), (w, -h), (-w, h), (-w, -h)):
        xs.append(x + dx / 2 * math.cos(angle) - dy / 2 * math.sin(angle))
        ys.append(y + dx / 2 * math.sin(angle) + dy / 2 * math.cos(angle))
    return min(xs), min(ys), max(xs), max(ys)


def _from_centre(x, y, w, h):
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def anchor_free_with_more(outputs, classes, size, strides, confidence):
    found = []
    for row in rows_of(outputs):
        scores = row[4 : 4 + classes]
        label = int(np.argmax(scores))
        if scores[label] > confidence:
            found.append((*_from_centre(*row[:4]), scores[label], label))
    return found


def oriented(outputs, classes, size, strides, confidence):
    found = []
    for row in rows_of(outputs):
        label = int(np.argmax(row[4:-1]))
        if row[4 + label] > confidence:
            found.append((*around(*row[:4], row[-1]), row[4 + label], label))
    return found


def objectness_with_masks(outputs, classes, size, strides, confidence):
    found = []
    for row in rows_of(outputs):
        scores = row[4] * row[5:-MASKS]
        label = int(np.argmax(scores))
        if scores[label] > confidence:
            found.append((*_from_centre(*row[:4]), scores[label], label))
    return found


def chosen_with_more(outputs, classes, size, strides, confidence):
    return [(*row[:5], int(row[5])) for row in rows_of(outputs) if row[4] > confidence]


def chosen_oriented(outputs, classes, size, strides, confidence):
    return [
        (*around(*row[:4], row[6]), row[4], int(row[5])) for row in rows_of(outputs) if row[4] > confidence
    ]
