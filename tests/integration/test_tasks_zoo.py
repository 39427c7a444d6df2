"""Masks, keypoints and oriented boxes of real models that others trained, against what others computed."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from lineside import Detector
from lineside.capture.pictures import read_picture
from lineside.core.oriented import corners
from zoo import needs_zoo

pytestmark = needs_zoo

SEGMENTATION = "yolov8n-seg_coco_dynint8_320"
POSE = "yolo11n-pose_coco_fp32_640"
ORIENTED = "yolov8n-obb_taufibrils_fp32_640"


@pytest.fixture(scope="module")
def cases(zoo, tmp_path_factory):
    """Each picture of a model's reference with the detector's answer; other settings by name."""
    cache = tmp_path_factory.mktemp("prepared")

    def of(name, **settings):
        detector = Detector(zoo / "models" / f"{name}.onnx", cache=cache)
        for case in json.loads((zoo / "expected" / f"{name}.json").read_text())["cases"]:
            how = {"confidence": case["conf"], "iou": case["iou"]} | settings
            yield detector, case, detector(read_picture(zoo / case["image"]), **how)

    return of


def paired(found, case):
    """For each expected box the number of the detection that it is."""
    numbers = []
    for box, score, label in zip(case["boxes"], case["scores"], case["classes"], strict=True):
        near = (np.abs(found.xyxy - np.array(box)).max(axis=1) <= 0.05) & (found.class_id == label)
        near &= np.abs(found.confidence - score) <= 1e-4
        assert near.any(), f"{case['image']}: nothing at {box}"
        numbers.append(int(near.argmax()))
    assert len(set(numbers)) == len(found) == len(case["boxes"])
    return numbers


def test_keypoints_are_those_of_the_reference(cases):
    objects = 0
    for _, case, found in cases(POSE):
        numbers = paired(found, case)
        objects += len(numbers)
        assert found.keypoints.shape == (len(found), 17, 3)
        if numbers:
            expected = np.array(case["kpts"])
            assert np.abs(found.keypoints[numbers][..., :2] - expected[..., :2]).max() <= 0.05
            assert np.abs(found.keypoints[numbers][..., 2] - expected[..., 2]).max() <= 1e-3
    assert objects > 20


def net_masks(detector, found, picture):
    """The masks in the model's own pixels, as whole maps that are cut to the boxes at the end."""
    space = detector._spaces.new()  # the only place where a run's own outputs are
    letterbox = space.slot.fill(picture)
    rows, prototypes = (output[0] for output in space.binding.run())
    model = letterbox.to_model(found.xyxy)
    masks = []
    for box, score, label in zip(model, found.confidence, found.class_id, strict=True):
        centre = np.abs(rows[:2].T - (box[:2] + box[2:]) / 2).max(axis=1)
        row = np.where(np.abs(rows[4 + label] - score) < 1e-6, centre, np.inf).argmin()
        sums = np.tensordot(rows[-32:, row], prototypes, 1)
        sums = cv2.resize(sums, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
        left, top, right, bottom = box
        y, x = np.ogrid[: sums.shape[0], : sums.shape[1]]
        masks.append((sums > 0) & (x >= left) & (x < right) & (y >= top) & (y < bottom))
    return letterbox, masks


def test_masks_are_those_of_the_reference(zoo, cases):
    shares, areas = [], []
    for detector, case, found in cases(SEGMENTATION):
        numbers = paired(found, case)
        picture = read_picture(zoo / case["image"])
        letterbox, masks = net_masks(detector, found, picture)
        dense = found.masks.dense()
        for number, area in zip(numbers, case["mask_net_area"], strict=True):
            # This reference is whole enough to have the very areas of the one that the file comes from.
            areas.append(abs(np.count_nonzero(masks[number]) - area) / area)
            shift = np.array(
                [[letterbox.gain_x, 0, letterbox.left_px], [0, letterbox.gain_y, letterbox.top_px]]
            )
            shift[:, 2] += np.array([letterbox.gain_x, letterbox.gain_y]) / 2 - 0.5
            expected = cv2.warpAffine(
                masks[number].astype(np.uint8),
                shift,
                (found.size.width, found.size.height),
                flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            ).astype(bool)
            both = np.count_nonzero(dense[number] & expected)
            shares.append(both / np.count_nonzero(dense[number] | expected))
    assert len(shares) > 40
    assert np.mean(areas) < 0.002
    assert np.mean(shares) >= 0.95
    assert min(shares) >= 0.8


def test_oriented_boxes_are_those_of_the_reference(cases):
    objects = 0
    for _, case, found in cases(ORIENTED):
        assert len(found) == len(case["xywhr"])
        objects += len(found)
        for box, four, score in zip(case["xywhr"], case["corners"], case["scores"], strict=True):
            near = np.abs(found.confidence - score) <= 1e-4
            near &= np.abs(found.xywhr[:, :4] - np.array(box[:4])).max(axis=1) <= 0.05
            near &= np.abs(found.xywhr[:, 4] - box[4]) <= 1e-3
            assert near.any(), f"{case['image']}: nothing at {box}"
            # The corners of 200 px long boxes are told from angles of four digits.
            assert np.abs(corners(found.xywhr[near])[0] - np.array(four)).max() <= 0.05
    assert objects > 25
