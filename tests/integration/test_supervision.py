from __future__ import annotations

import dataclasses

import numpy as np
import supervision

from lineside import Detections, Size
from lineside.core.masks import Masks


def found(count: int) -> Detections:
    rng = np.random.default_rng(count)
    corner = rng.uniform(0, 50, (count, 2)).astype(np.float32)
    return Detections(
        np.hstack([corner, corner + 10]),
        np.sort(rng.random(count, np.float32))[::-1].copy(),
        rng.integers(0, 2, count).astype(np.int32),
        ("scratch", "dent"),
        Size(height=100, width=100),
    )


def test_supervision_gets_the_same_boxes():
    ours = found(4)
    theirs = ours.to_supervision()
    assert isinstance(theirs, supervision.Detections)
    np.testing.assert_array_equal(theirs.xyxy, ours.xyxy)
    np.testing.assert_array_equal(theirs.confidence, ours.confidence)
    np.testing.assert_array_equal(theirs.class_id, ours.class_id)
    assert list(theirs.data["class_name"]) == ours.class_name


def test_supervision_gets_masks_keypoints_and_corners():
    plain = found(2)
    crops = (np.ones((4, 6), bool), np.eye(5, dtype=bool))
    masks = Masks(crops, np.array([[3, 4], [50, 60]], np.int32), plain.size)
    points = np.ones((2, 17, 3), np.float32)
    turned = np.array([[20, 20, 10, 5, 0.5], [60, 60, 10, 5, 1.5]], np.float32)
    ours = dataclasses.replace(plain, masks=masks, keypoints=points, xywhr=turned)
    for theirs, expected in ((ours.to_supervision(), ours), (ours[:0].to_supervision(), ours[:0])):
        np.testing.assert_array_equal(theirs.mask, expected.masks.dense())
        np.testing.assert_array_equal(theirs.data["keypoints"], expected.keypoints)
        np.testing.assert_array_equal(theirs.data["xyxyxyxy"], expected.xyxyxyxy)


def test_supervision_draws_them():
    canvas = np.zeros((100, 100, 3), np.uint8)
    turned = np.array([[30, 30, 20, 10, 0.5], [60, 60, 20, 10, 1.5]], np.float32)
    ours = dataclasses.replace(found(2), xywhr=turned)
    assert supervision.OrientedBoxAnnotator().annotate(canvas, ours.to_supervision()).any()


def test_supervision_gets_an_empty_answer_as_one():
    assert len(found(0).to_supervision()) == 0
