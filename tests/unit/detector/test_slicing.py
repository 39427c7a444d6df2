"""Large pictures in slices: the same objects as in one large run, each once, none lost."""

from __future__ import annotations

import numpy as np
import pytest

from lineside.core.errors import ImageFormatError, ModelOutputError, SettingsError, UnknownNameError
from lineside.core.geometry import Size
from lineside.detector.detector import Detector
from lineside.detector.slicing import SlicedDetector
from lineside.postprocess.slices import SliceGrid
from lineside.postprocess.upright import overlaps
from lineside.testing.graphs import (
    GraphSpec,
    classification,
    colour_spots,
    draw_spots,
    end_to_end,
    oriented_boxes,
    pose,
    segmentation,
)

BOARD = Size(height=640, width=960)
SLICE = Size(height=320, width=320)


@pytest.fixture(scope="module")
def model(write, cache):
    """A detector whose answer comes from the picture, with an input much smaller than the board."""
    return Detector(write(colour_spots(SLICE), "small-spots"), threads=1, cache=cache)


@pytest.fixture(scope="module")
def large(write, cache):
    """The same detector with an input as large as the board."""
    return Detector(write(colour_spots(BOARD), "large-spots"), threads=1, cache=cache)


@pytest.fixture(scope="module")
def boards():
    rng = np.random.default_rng(17)
    return [draw_spots(rng, BOARD, 40, side_px=(24, 36)) for _ in range(3)]


def assert_equal(one, other):
    for name in ("xyxy", "confidence", "class_id"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.names, one.size, one.truncated) == (other.names, other.size, other.truncated)


def matches(found, others):
    """For each object the best IoU with an object of its class among others."""
    overlap = overlaps(found.xyxy, others.xyxy) * (found.class_id[:, None] == others.class_id)
    return overlap.max(axis=1, initial=0)


@pytest.mark.parametrize("overlap", [0.15, 0.2, 0.5])
@pytest.mark.parametrize("merge", [None, "iou", "wbf", "diou"])
def test_the_same_objects_as_in_one_large_run_each_once(model, large, boards, overlap, merge):
    sliced = SlicedDetector(model, overlap=overlap, merge=merge)
    for board in boards:
        once, found = large(board.image, confidence=0.5), sliced(board.image, confidence=0.5)
        assert len(once) == len(found) == 40
        assert matches(once, found).min() >= 0.9
        assert matches(found, board).min() >= 0.85
        assert found.size == BOARD
        assert (np.diff(found.confidence) <= 0).all()


def test_a_spot_on_every_border_is_found_once_and_whole(model, boards):
    image = np.full((*BOARD, 3), 225, np.uint8)
    grid = SliceGrid.over(BOARD, SLICE, 0.2)
    borders = sorted({x for x, _ in grid.corners if x} | {x + 320 for x, _ in grid.corners if x + 320 < 960})
    for border in borders:
        image[150:180, border - 15 : border + 15] = (40, 40, 200)
    found = SlicedDetector(model, overlap=0.2)(image, confidence=0.5)
    expected = [[border - 15, 150, border + 15, 180] for border in borders]
    np.testing.assert_allclose(found.xyxy[found.xyxy[:, 0].argsort()], expected, atol=1.5)


def test_a_slice_may_be_of_another_size_than_the_model(model, boards):
    found = SlicedDetector(model, size=Size(height=320, width=480), overlap=0.2)(
        boards[0].image, confidence=0.3
    )
    assert found.size == BOARD
    assert matches(found, boards[0]).min() > 0.6


def test_slices_are_for_the_model_that_runs_also_after_a_swap(model, large, boards):
    class Swapped:
        """A detector whose model is another from some moment on."""

        now = model

        def __getattr__(self, name):
            return getattr(self.now, name)

    swapped = Swapped()
    sliced = SlicedDetector(swapped)
    assert sliced.card is model.card
    swapped.now = large
    assert sliced.card is large.card
    image = boards[0].image
    assert_equal(sliced(image, confidence=0.3), SlicedDetector(large)(image, confidence=0.3))


def test_a_picture_of_one_slice_is_one_run(model, boards):
    image = np.ascontiguousarray(boards[0].image[:320, :320])
    assert_equal(SlicedDetector(model, whole=True)(image), model(image))


@pytest.mark.parametrize(
    "how", [{"threads": 3}, {"each": lambda look, views: [look(v) for v in views[::-1]][::-1]}]
)
def test_however_the_slices_are_spread_the_answer_is_the_same(model, boards, how):
    image = boards[1].image
    assert_equal(SlicedDetector(model, **how)(image), SlicedDetector(model)(image))


def test_an_answer_that_is_missing_is_told(model, boards):
    sliced = SlicedDetector(model, each=lambda look, views: [look(views[0])])
    with pytest.raises(SettingsError, match="an answer for each of 12 slices"):
        sliced(boards[0].image)


def test_objects_larger_than_the_overlap_come_from_the_whole_picture(model):
    # 108 px: too large for the detector in a slice, 36 px of its input in the whole picture.
    image = np.full((*BOARD, 3), 225, np.uint8)
    image[270:378, 250:358] = (35, 35, 35)
    image[100:130, 600:630] = (40, 40, 200)
    found = SlicedDetector(model, whole=True)(image, confidence=0.5)
    assert {found.names[k] for k in found.class_id} == {"red spot", "dark spot"}
    assert len(found) == 2
    expected = np.array([[250, 270, 358, 378], [600, 100, 630, 130]])
    np.testing.assert_allclose(found.xyxy[found.class_id.argsort()[::-1]], expected, atol=6)
    assert len(SlicedDetector(model)(image, confidence=0.5)) == 1


def test_a_piece_that_no_other_slice_shows_better_is_not_lost(model):
    image = np.full((*BOARD, 3), 225, np.uint8)
    image[150:180, 310:340] = (40, 40, 200)  # across the border at 320, where nothing overlaps
    found = SlicedDetector(model, overlap=0)(image, confidence=0.1)
    assert len(found) >= 1
    assert overlaps(found.xyxy, np.array([[310, 150, 340, 180]])).max() > 0.3


def test_a_cap_on_any_slice_or_on_the_picture_is_told(model, boards):
    image = boards[0].image
    sliced = SlicedDetector(model)
    assert not sliced(image, confidence=0.5).truncated
    few = sliced(image, confidence=0.5, max_detections=12)
    assert len(few) == 12
    assert few.truncated
    one_slice = draw_spots(np.random.default_rng(4), SLICE, 6, side_px=(24, 36))
    alone = np.full((*BOARD, 3), 225, np.uint8)
    alone[:320, :320] = one_slice.image
    assert sliced(alone, confidence=0.5, max_detections=5).truncated


def test_classes_and_thresholds_are_those_of_the_call(model, boards):
    found = SlicedDetector(model)(boards[0].image, confidence=0.5, classes=["blue spot"])
    assert len(found) == (boards[0].class_id == 1).sum()
    with pytest.raises(SettingsError, match="confidence"):
        SlicedDetector(model)(boards[0].image, confidence=2)


DETAILED = [(segmentation, "masks"), (pose, "keypoints"), (oriented_boxes, "xywhr")]


@pytest.mark.parametrize(("build", "detail"), DETAILED, ids=[d for _, d in DETAILED])
def test_masks_keypoints_and_oriented_boxes_move_with_their_slice(build, detail, write, cache):
    detector = Detector(write(build(GraphSpec(classes=3)), build.__name__), threads=1, cache=cache)
    height, width = detector.card.input.size
    image = np.random.default_rng(2).integers(0, 256, (2 * height, 2 * width, 3), dtype=np.uint8)
    how = {"confidence": 0.05, "max_detections": 40}
    # Slices that share nothing and are not merged: each object of each slice, at its place.
    sliced = SlicedDetector(detector, overlap=0, merge="none")
    found = sliced(image, **how | {"max_detections": 1000})
    assert len(found) > 20
    places = {(0, 0): 0, (width, 0): 0, (0, height): 0, (width, height): 0}
    for x, y in places:
        alone = detector(image[y : y + height, x : x + width], **how | {"max_detections": 1000})
        places[x, y] = len(alone)
        for k in range(len(alone)):
            shifted = alone.xyxy[k] + np.array([x, y, x, y], np.float32)
            same = np.flatnonzero(
                (found.xyxy == shifted).all(axis=1) & (found.confidence == alone.confidence[k])
            )
            assert len(same)
            at = same[0]
            if detail == "masks":
                whole = found.masks[same].dense()
                moved = np.zeros(image.shape[:2], bool)
                moved[y : y + height, x : x + width] = alone.masks[np.array([k])].dense()[0]
                assert (whole == moved).all(axis=(1, 2)).any()
            elif detail == "keypoints":
                expected = alone.keypoints[k] + np.array([x, y, 0], np.float32)
                np.testing.assert_allclose(found.keypoints[at], expected, atol=1e-3)
            else:
                expected = alone.xywhr[k] + np.array([x, y, 0, 0, 0], np.float32)
                np.testing.assert_allclose(found.xywhr[at], expected, atol=1e-3)
    assert len(found) == sum(places.values())


def test_a_head_that_needs_no_nms_is_merged_all_the_same(write, cache):
    detector = Detector(write(end_to_end(), "end-to-end"), threads=1, cache=cache)
    height, width = detector.card.input.size
    image = np.random.default_rng(3).integers(0, 256, (height, width + width // 2, 3), dtype=np.uint8)
    found = SlicedDetector(detector, overlap=0.5)(image, confidence=0.05, iou=0.4, max_detections=1000)
    assert len(found) > 1
    overlap = overlaps(found.xyxy, found.xyxy) * (found.class_id[:, None] == found.class_id)
    np.fill_diagonal(overlap, 0)
    assert overlap.max() <= 0.4 + 1e-6


def test_one_slice_that_cannot_be_judged_leaves_no_answer(write, cache, nan_for_black):
    detector = Detector(write(nan_for_black(colour_spots(SLICE)), "nan-for-black"), threads=1, cache=cache)
    image = np.full((*BOARD, 3), 225, np.uint8)
    SlicedDetector(detector, overlap=0)(image)
    image[320:, :320] = 0
    for threads in (1, 2):
        with pytest.raises(ModelOutputError):
            SlicedDetector(detector, overlap=0, threads=threads)(image)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"overlap": -0.1}, "overlap: expected .* from 0 to 0.9; got -0.1"),
        ({"overlap": 0.95}, "from 0 to 0.9"),
        ({"overlap": float("nan")}, "overlap"),
        ({"overlap": "0.2"}, "overlap"),
        ({"overlap": True}, "overlap"),
        ({"size": 0}, "slices: expected a side in whole pixels of at least 1"),
        ({"size": -640}, "got -640"),
        ({"size": 640.0}, "slices"),
        ({"size": (640, 0)}, "slices"),
        ({"size": (640,)}, "slices"),
        ({"threads": 0}, "threads: expected a whole number"),
        ({"threads": 2, "each": map}, "threads"),
        ({"merge": "probiou"}, "oriented"),
        ({"merge": 5}, "nms"),
    ],
    ids=repr,
)
def test_what_is_out_of_range_is_refused_when_it_is_made(model, how, said):
    with pytest.raises(SettingsError, match=said):
        SlicedDetector(model, **how)


def test_an_unknown_way_of_merging_is_refused_with_the_near_ones(model):
    with pytest.raises(UnknownNameError, match='did you mean "wbf"'):
        SlicedDetector(model, merge="wbff")


def test_a_slice_larger_than_the_picture_is_refused(model):
    with pytest.raises(SettingsError, match="slices of 320x320 do not fit into a picture of 900x300"):
        SlicedDetector(model)(np.zeros((300, 900, 3), np.uint8))
    with pytest.raises(ImageFormatError):
        SlicedDetector(model)(np.zeros((900, 900, 3), np.float32))


def test_a_classifier_is_not_sliced(write, cache):
    detector = Detector(write(classification(GraphSpec(classes=3)), "classes"), threads=1, cache=cache)
    with pytest.raises(SettingsError, match="classifies whole pictures"):
        SlicedDetector(detector)


def test_the_times_are_those_of_all_slices(model, boards):
    ticks = iter(range(10_000))
    sliced = SlicedDetector(model, overlap=0)
    found, timings = sliced.timed(
        boards[0].image, sliced.thresholds(confidence=0.5), clock=lambda: next(ticks)
    )
    assert len(found) > 20
    assert (timings.preprocess_s, timings.run_s, timings.postprocess_s) == (6, 6, 7)
