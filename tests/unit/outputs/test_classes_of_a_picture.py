"""The answer of a classifier, drawn and written."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from lineside.core.classification import Classification
from lineside.core.geometry import Size
from lineside.outputs.overlay import PALETTE, draw
from lineside.outputs.records import Record
from lineside.outputs.tables import Csv, JsonLines

NAMES = ("good", "scratched", "dented")


@pytest.fixture
def classes():
    def answer(size=(120, 160), names=NAMES):
        return Classification.of(
            np.array([1, 0], np.int32), np.array([0.75, 0.25], np.float32), names, Size(*size), truncated=True
        )

    return answer


def test_the_classes_stand_below_each_other_and_no_box_is_drawn(classes):
    grey = np.full((480, 640, 3), 90, np.uint8)
    drawn = draw(grey, classes((480, 640)))
    changed = (drawn != 90).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.max() < 60
    assert columns.max() < 320
    first, second = ((drawn == PALETTE[k]).all(axis=2).nonzero()[0] for k in (1, 0))
    assert first.max() < second.min()


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (300, 8), (30, 40)])
def test_the_smallest_pictures_are_drawn_into(classes, size):
    assert draw(np.zeros((*size, 3), np.uint8), classes(size, ("x" * 50, "划痕", "z"))).shape == (*size, 3)


def test_json_holds_classes_and_no_detections(classes):
    stream = io.StringIO()
    with JsonLines(stream) as table:
        table.write(Record("a.png", 0, classes()))
    line = json.loads(stream.getvalue())
    assert line["detections"] == []
    assert line["classes"] == [
        {"class_id": 1, "name": "scratched", "confidence": 0.75},
        {"class_id": 0, "name": "good", "confidence": 0.25},
    ]


def test_csv_has_a_row_a_class_without_corners(classes):
    stream = io.StringIO()
    with Csv(stream) as table:
        table.write(Record("a.png", 0, classes()))
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [(r["status"], r["name"], r["confidence"], r["x1"], r["y2"]) for r in rows] == [
        ("ok", "scratched", "0.75", "", ""),
        ("ok", "good", "0.25", "", ""),
    ]
