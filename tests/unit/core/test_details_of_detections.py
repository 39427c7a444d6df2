"""Masks, keypoints and oriented boxes in detections: chosen with them, written, and refused where they disagree."""

from __future__ import annotations

import json

import numpy as np
import pytest
from faster_coco_eval.core import mask as coco

from lineside.core.detections import Detections
from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.core.masks import Masks

SIZE = Size(height=40, width=60)
BOXES = np.array([[5, 6, 25, 30], [30.12345, 3, 50, 20]], np.float32)


def found(**details):
    return Detections(
        BOXES, np.array([0.9, 0.5], np.float32), np.array([1, 0], np.int32), ("cap", "dent"), SIZE, **details
    )


@pytest.fixture
def masks():
    crops = (np.eye(10, dtype=bool), np.ones((4, 6), bool))
    return Masks(crops, np.array([[5, 6], [31, 4]], np.int32), SIZE)


@pytest.fixture
def keypoints():
    return np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3) / 17


@pytest.fixture
def xywhr():
    return np.array([[15, 18, 20, 24, 0], [40, 11.5, 19.5, 16.12345, 1.2345678]], np.float32)


def test_details_are_chosen_with_their_boxes(masks, keypoints, xywhr):
    both = found(masks=masks, keypoints=keypoints, xywhr=xywhr)
    for index in (1, -1, slice(1, None), np.array([1]), both.confidence < 0.6):
        one = both[index]
        assert np.array_equal(one.masks.dense(), masks.dense()[1:])
        assert np.array_equal(one.keypoints, keypoints[1:])
        assert np.array_equal(one.xywhr, xywhr[1:])


def test_json_holds_what_there_is(masks, keypoints, xywhr):
    assert set(found().to_dict()["detections"][0]) == {"class_id", "name", "confidence", "xyxy"}
    value = json.loads(
        json.dumps(found(masks=masks, keypoints=keypoints, xywhr=xywhr).to_dict(), allow_nan=False)
    )
    first, second = value["detections"]
    assert second["xyxy"] == [30.123, 3, 50, 20]
    assert second["xywhr"] == [40, 11.5, 19.5, 16.123, 1.234568]
    assert first["keypoints"][1] == [0.176, 0.235, 0.294118]
    for detection, plane in zip((first, second), masks.dense(), strict=True):
        assert np.array_equal(coco.decode(detection["mask"]), plane)


def test_no_detections_have_no_details(masks, keypoints, xywhr):
    none = found(masks=masks, keypoints=keypoints, xywhr=xywhr)[:0]
    assert none.to_dict()["detections"] == []
    assert none.masks.dense().shape == (0, 40, 60)
    assert none.xyxyxyxy.shape == (0, 4, 2)


def test_corners_are_there_for_oriented_boxes_only(xywhr):
    assert found().xyxyxyxy is None
    four = found(xywhr=xywhr).xyxyxyxy
    assert four.shape == (2, 4, 2)
    assert four[0].tolist() == [[25, 30], [25, 6], [5, 6], [5, 30]]


@pytest.mark.parametrize(
    ("details", "said"),
    [
        (
            {"masks": Masks((), np.empty((0, 2), np.int32), SIZE)},
            "masks: expected 2 of a picture of 60x40, got 0",
        ),
        ({"keypoints": np.zeros((2, 17), np.float32)}, r"keypoints: expected float32 \(2, 0, 3\)"),
        ({"keypoints": np.zeros((1, 17, 3), np.float32)}, "keypoints: expected float32"),
        ({"keypoints": np.full((2, 17, 3), np.nan, np.float32)}, "keypoints: expected finite"),
        ({"xywhr": np.zeros((2, 4), np.float32)}, r"xywhr: expected float32 \(2, 5\)"),
        ({"xywhr": np.full((2, 5), np.inf, np.float32)}, "xywhr: expected finite"),
    ],
)
def test_details_that_disagree_are_refused(details, said):
    with pytest.raises(SettingsError, match=said):
        found(**details)
