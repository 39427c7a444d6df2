import cv2
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.testing.graphs import SPOT_CLASSES, colour_spots, draw_spots

SIZE = Size(320, 320)


def overlap(box, boxes):
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + areas - shared)


@pytest.fixture(scope="module")
def detect():
    sessions = {}

    def run(image):
        """Boxes, classes and scores above 0.5 after NMS at 0.45."""
        size = Size(*image.shape[:2])
        if size not in sessions:
            sessions[size] = onnxruntime.InferenceSession(
                colour_spots(size).SerializeToString(), providers=["CPUExecutionProvider"]
            )
        planes = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1)[None], np.float32) / 255
        out = sessions[size].run(None, {"images": planes})[0][0]
        scores, labels = out[4:].max(axis=0), out[4:].argmax(axis=0)
        boxes = np.concatenate([out[:2] - out[2:4] / 2, out[:2] + out[2:4] / 2]).T
        kept = []
        for i in np.argsort(-scores):
            if scores[i] < 0.5:
                break
            if not kept or overlap(boxes[i], boxes[kept]).max() < 0.45:
                kept.append(i)
        return boxes[kept], labels[kept], scores[kept]

    return run


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), spots=st.integers(0, 8))
def test_it_finds_every_spot_and_nothing_else(seed, spots, detect):
    picture = draw_spots(np.random.default_rng(seed), SIZE, spots)
    boxes, labels, _ = detect(picture.image)
    assert len(boxes) == spots
    for box, label in zip(picture.xyxy, picture.class_id, strict=True):
        found = overlap(box, boxes)
        assert found.max() > 0.8
        assert labels[found.argmax()] == label


@pytest.mark.parametrize("side", [20, 24, 32, 40, 44])
def test_boxes_are_within_two_pixels(side, detect):
    picture = draw_spots(np.random.default_rng(side), SIZE, 4, side_px=(side, side))
    boxes, _, _ = detect(picture.image)
    for box in picture.xyxy:
        assert np.abs(boxes[overlap(box, boxes).argmax()] - box).max() < 2


@pytest.mark.parametrize(
    "image",
    [
        np.full((320, 320, 3), 114, np.uint8),
        np.zeros((320, 320, 3), np.uint8),
        np.full((320, 320, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8),
        np.full((320, 320, 3), (40, 40, 200), np.uint8),
    ],
    ids=["letterbox grey", "black", "white", "noise", "all red"],
)
def test_a_picture_without_spots_gives_nothing(image, detect):
    assert len(detect(image)[0]) == 0


def test_spots_too_small_or_too_large_are_not_found(detect):
    image = np.full((320, 320, 3), 225, np.uint8)
    image[40:50, 40:50] = (40, 40, 200)
    image[150:270, 150:270] = (35, 35, 35)
    assert len(detect(image)[0]) == 0


def test_a_larger_picture_scaled_down_is_judged_as_well(detect):
    picture = draw_spots(np.random.default_rng(7), Size(640, 960), 9, side_px=(52, 80))
    small = cv2.resize(picture.image, (480, 320), interpolation=cv2.INTER_LINEAR)
    boxes, labels, _ = detect(small)
    assert len(boxes) == 9
    for box, label in zip(picture.xyxy / 2, picture.class_id, strict=True):
        found = overlap(box, boxes)
        assert found.max() > 0.8
        assert labels[found.argmax()] == label


def test_batches_are_judged_one_by_one(open_session):
    opened = open_session(colour_spots(dynamic_batch=True))
    pictures = [draw_spots(np.random.default_rng(i), SIZE, 3).image for i in range(2)]
    planes = np.stack([p[:, :, ::-1].transpose(2, 0, 1) for p in pictures]).astype(np.float32) / 255
    both = opened.run(None, {"images": planes})[0]
    assert both.shape == (2, 4 + len(SPOT_CLASSES), 1600)
    np.testing.assert_allclose(both[1:], opened.run(None, {"images": planes[1:]})[0], atol=1e-3)


def test_truth_lies_in_the_picture_and_is_repeatable():
    first, second = (draw_spots(np.random.default_rng(3), Size(240, 400), 5) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.image.shape == (240, 400, 3)
    assert first.image.dtype == np.uint8
    assert first.xyxy.dtype == np.float32
    assert (first.xyxy >= 0).all()
    assert (first.xyxy[:, 2:] < (400, 240)).all()


def test_a_full_picture_takes_no_more_spots():
    with pytest.raises(SettingsError, match="room for"):
        draw_spots(np.random.default_rng(0), Size(128, 128), 30)
