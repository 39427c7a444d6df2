"""The arithmetic on detections and truth that others made."""

from __future__ import annotations

import json

import pytest

from lineside.evaluation.coco_metrics import measure
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import mean_of


@pytest.fixture(scope="module")
def detections(zoo):
    return json.loads((zoo / "expected" / "yolox_nano_coco79_detections.json").read_text())


def test_the_precision_of_published_detections_is_the_published_one(zoo, detections, examined):
    dataset = open_dataset(zoo / "truth" / "coco79.json")
    document = json.loads(dataset.path.read_text())
    index = {c: k for k, c in enumerate(sorted(c["id"] for c in document["categories"]))}
    ids = {image["file_name"]: image["id"] for image in document["images"]}
    many = []
    for picture in dataset.pictures:
        of_picture = [d for d in detections if d["image_id"] == ids[picture.name]]
        found = [(index[d["category_id"]], d["score"], _corners(d["bbox"])) for d in of_picture]
        truth = picture.truth
        rows = zip(truth.class_index.tolist(), truth.xyxy.tolist(), truth.ignored.tolist(), strict=True)
        many.append(examined(list(rows), found))
    metrics = measure(many, 80, 300)
    assert mean_of(metrics.ap50_95) == pytest.approx(0.3114, abs=5e-5)
    assert mean_of(metrics.ap50) == pytest.approx(0.4906, abs=5e-5)
    assert metrics.ignored == 9


def _corners(xywh):
    x, y, width, height = xywh
    return [x, y, x + width, y + height]


@pytest.mark.parametrize(("name", "pictures", "classes"), [("coco79", 79, 80), ("neu180", 180, 6)])
def test_data_sets_of_others_are_read_with_their_pictures(zoo, name, pictures, classes):
    dataset = open_dataset(zoo / "truth" / f"{name}.json")
    assert (len(dataset.pictures), len(dataset.names)) == (pictures, classes)
    assert all(picture.path.is_file() for picture in dataset.pictures)
