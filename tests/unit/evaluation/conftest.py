from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.evaluation.examine import Examined, Found
from lineside.evaluation.truth import Truth

WIDTH, HEIGHT = 64, 48


class Card:
    def to_dict(self):
        return {"file": "replay.onnx", "family": "replay"}


class Replay:
    """Answers known boxes: the grey level of a picture is its number."""

    def __init__(self, names, answers, *, truncated=()):
        self.names = tuple(names)
        self.card = Card()
        self.answers = answers
        self.truncated = truncated
        self.asked = []

    def __call__(self, image, *, confidence, iou, max_detections, multi_label):
        self.asked.append((confidence, iou, max_detections, multi_label))
        number = int(image[0, 0, 0])
        rows = [row for row in self.answers.get(number, []) if row[1] >= confidence]
        return detections_of(rows, self.names, image, truncated=number in self.truncated)


def detections_of(rows, names, image, *, truncated=False):
    rows = sorted(rows, key=lambda row: -row[1])
    return Detections(
        np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[0] for row in rows], np.int32),
        tuple(names),
        Size(*image.shape[:2]),
        truncated,
    )


@pytest.fixture
def replay():
    return Replay


@pytest.fixture
def paint():
    def write(path, number, size=(HEIGHT, WIDTH)):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((*size, 3), number, np.uint8))
        return path

    return write


@pytest.fixture
def coco(tmp_path, paint):
    """Writes a COCO data set: `truths[number]` are rows (category id, [x, y, w, h], further keys)."""

    def write(truths, categories, *, file="set/truth.json", images="set", edit=None):
        document = {
            "images": [
                {"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT}
                for number in truths
            ],
            "annotations": [
                {
                    "image_id": number,
                    "category_id": row[0],
                    "bbox": row[1],
                    **(row[2] if len(row) > 2 else {}),
                }
                for number, rows in truths.items()
                for row in rows
            ],
            "categories": [{"id": i, "name": name} for i, name in categories.items()],
        }
        for index, annotation in enumerate(document["annotations"]):
            annotation["id"] = index + 1
        if edit:
            edit(document)
        for image in document["images"]:
            if images is not None:
                paint(tmp_path / images / image["file_name"], image["id"])
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def yolo(tmp_path, paint):
    """Writes a YOLO folder: `labels[number]` is the text of the label file, or None for none."""

    def write(labels, *, split="", folder="set", classes=None, yaml=None):
        root = tmp_path / folder
        (root / "labels" / split).mkdir(parents=True, exist_ok=True)
        for number, text in labels.items():
            paint(root / "images" / split / f"{number}.png", number)
            if text is not None:
                (root / "labels" / split / f"{number}.txt").write_text(text, encoding="utf-8")
        if classes is not None:
            (root / "classes.txt").write_text(classes, encoding="utf-8")
        if yaml is not None:
            (root / "data.yaml").write_text(yaml, encoding="utf-8")
        return root

    return write


@pytest.fixture
def examined():
    """Makes one examined picture of rows (class, xyxy, ignored) and (class, confidence, xyxy)."""

    def make(truths, found, *, truncated=False):
        found = sorted(found, key=lambda row: -row[1])
        return Examined(
            path=Path("none.png"),
            name="none.png",
            size=Size(height=HEIGHT, width=WIDTH),
            truth=Truth(
                np.array([row[1] for row in truths], np.float64).reshape(-1, 4),
                np.array([row[0] for row in truths], np.intp),
                np.array([len(row) > 2 and row[2] for row in truths], np.bool_),
            ),
            found=Found(
                np.array([row[2] for row in found], np.float32).reshape(-1, 4),
                np.array([row[1] for row in found], np.float32),
                np.array([row[0] for row in found], np.intp),
                truncated,
            ),
        )

    return make
