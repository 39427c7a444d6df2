"""`lineside eval` for every task: a model judged on a truth that it wrote itself is right."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from lineside import Detector
from lineside.core.oriented import corners
from lineside.models.probe import probe_picture
from lineside.testing.graphs import GraphSpec, classification, oriented_boxes, pose, segmentation

SPEC = GraphSpec(classes=2, names=("bolt", "nut"))
SIZE = SPEC.size
MOST = 4
AS_TOLD = ("--single-label", "--iou", 0.45, "--max-detections", MOST, "--confidence", 0.01, "--json")


@pytest.fixture
def answered(tmp_path):
    """Writes a model, and a picture into `images`; gives what the model finds in it."""

    def run(model):
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        (tmp_path / "set" / "images").mkdir(parents=True)
        (tmp_path / "set" / "labels").mkdir()
        assert cv2.imwrite(str(tmp_path / "set" / "images" / "1.png"), probe_picture(SIZE))
        detector = Detector(tmp_path / "model.onnx", cache=tmp_path / "cache")
        found = detector(probe_picture(SIZE), confidence=0.01, max_detections=MOST)
        assert len(found) == MOST
        return found

    return run


def write_coco(tmp_path, found, details):
    xywh = found.xyxy.astype(float)
    xywh[:, 2:] -= xywh[:, :2]
    document = {
        "images": [{"id": 1, "file_name": "1.png", "width": SIZE.width, "height": SIZE.height}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": int(k), "bbox": box, "area": box[2] * box[3], **more}
            for i, (box, k, more) in enumerate(
                zip(xywh.tolist(), found.class_id, details, strict=True), start=1
            )
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(SPEC.names)],
    }
    (tmp_path / "set" / "truth.json").write_text(json.dumps(document))


def write_yolo(tmp_path, lines):
    (tmp_path / "set" / "classes.txt").write_text("\n".join(SPEC.names))
    (tmp_path / "set" / "labels" / "1.txt").write_text("\n".join(" ".join(map(str, line)) for line in lines))


def judged(cli, *dataset):
    return json.loads(cli("eval", "model.onnx", *dataset, *AS_TOLD).stdout)


def test_masks(cli, answered, tmp_path):
    found = answered(segmentation(SPEC))
    assert found.masks.area_px().min() > 0
    write_coco(tmp_path, found, [{"segmentation": rle} for rle in found.masks.rle()])
    report = judged(cli, "set/truth.json")
    assert (report["task"], report["compared_by"]) == ("segment", "masks")
    assert report["map50_95"] == report["boxes"]["map50_95"] == 1


def test_keypoints(cli, answered, tmp_path):
    found = answered(pose(SPEC, keypoints=3))
    points = found.keypoints.copy()
    points[:, :, 2] = 2
    write_coco(tmp_path, found, [{"keypoints": own.ravel().tolist()} for own in points.astype(float)])
    report = judged(cli, "set/truth.json")
    assert (report["task"], report["compared_by"]) == ("pose", "keypoints")
    assert report["map50_95"] == report["boxes"]["map50_95"] == 1


def test_oriented_boxes(cli, answered, tmp_path):
    found = answered(oriented_boxes(SPEC))
    points = corners(found.xywhr) / [SIZE.width, SIZE.height]
    write_yolo(tmp_path, [[k, *own.ravel()] for k, own in zip(found.class_id, points, strict=True)])
    report = judged(cli, "set")
    assert (report["task"], report["compared_by"]) == ("obb", "oriented")
    assert report["map50"] == 1
    assert report["map50_95"] > 0.95


def test_classes(cli, tmp_path):
    (tmp_path / "model.onnx").write_bytes(classification(SPEC).SerializeToString())
    detector = Detector(tmp_path / "model.onnx", cache=tmp_path / "cache")
    rng = np.random.default_rng(3)
    for name in SPEC.names:
        (tmp_path / "set" / name).mkdir(parents=True)
    for number in range(6):
        picture = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
        best = detector(picture).class_name[0]
        name = best if number else next(other for other in SPEC.names if other != best)
        cv2.imwrite(str(tmp_path / "set" / name / f"{number}.png"), picture)
    for name in SPEC.names:  # a class needs a picture; this one is told by the model, right or wrong
        cv2.imwrite(str(tmp_path / "set" / name / "grey.png"), np.full((50, 50, 3), 90, np.uint8))
    report = json.loads(cli("eval", "model.onnx", "set", "--json", "--defects", "nut").stdout)
    # Of two grey pictures one is right, of the others all but the first.
    assert report["accuracy"] == {"top1": 6 / 8, "top5": 1.0}
    assert report["rates"]["bad"] + report["rates"]["good"] == 8


def test_a_truth_that_lacks_what_the_task_needs_is_named(cli, answered, tmp_path):
    found = answered(pose(SPEC, keypoints=3))
    write_coco(tmp_path, found, [{}] * MOST)
    done = cli("eval", "model.onnx", "set/truth.json", code=2)
    assert "annotations[0] (id 1): no keypoints" in done.stderr
    write_yolo(tmp_path, [[0, 0.5, 0.5, 0.2, 0.2]])
    done = cli("eval", "model.onnx", "set", code=2)
    assert "1.txt:1: expected a box and 3 keypoints" in done.stderr
