"""The detector as one callable: a picture in, the right boxes out."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from lineside.core.detections import Detections
from lineside.core.errors import ImageFormatError, ModelFileError, ModelOutputError, SettingsError
from lineside.core.geometry import Fit, Letterbox, Size
from lineside.detector.detector import Detector
from lineside.testing.graphs import (
    CATALOGUE,
    GraphSpec,
    anchor_free,
    end_to_end,
    yolov5,
    yolox,
)

MODEL = Size(height=160, width=192)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def best_order(plants):
    return np.argsort(-plants.confidence, kind="stable")


def assert_equal(one, other):
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    np.testing.assert_array_equal(one.confidence, other.confidence)
    np.testing.assert_array_equal(one.class_id, other.class_id)
    assert (one.names, one.size, one.truncated) == (other.names, other.size, other.truncated)


def test_planted_candidates_come_back_as_they_are(detector, plants, picture):
    found = detector(picture, confidence=0.25, nms="none")
    order = best_order(plants)
    extent = [MODEL.width, MODEL.height] * 2
    np.testing.assert_allclose(found.xyxy, np.clip(plants.xyxy[order], 0, extent), atol=0.01)
    np.testing.assert_allclose(found.confidence, plants.confidence[order], atol=1e-5)
    np.testing.assert_array_equal(found.class_id, plants.class_id[order])
    assert found.names == detector.names
    assert found.size == MODEL
    assert not found.truncated


@pytest.mark.parametrize(
    "frame", [Size(720, 1280), Size(333, 250), Size(20, 24), Size(160, 192), Size(7, 900)]
)
def test_candidates_are_given_in_pixels_of_the_picture(detector, plants, frame):
    found = detector(noise(*frame), nms="none")
    expected = plants.xyxy[best_order(plants)].copy()
    Letterbox.fit(frame, MODEL, Fit()).to_frame(expected)
    scale = max(frame) / max(MODEL)
    np.testing.assert_allclose(found.xyxy, expected, atol=0.01 * max(scale, 1))
    assert found.size == frame
    assert found.xyxy.min() >= 0
    assert (found.xyxy.max(axis=0) <= [frame.width, frame.height] * 2).all()


def test_one_box_an_object_is_left(detector, plants, picture):
    found = detector(picture, iou=0.5)
    surest = {}
    for i in best_order(plants):
        surest.setdefault(int(plants.object_id[i]), int(i))
    chosen = list(surest.values())
    assert len(found) == len(plants.objects_xyxy)
    np.testing.assert_allclose(found.confidence, plants.confidence[chosen], atol=1e-5)
    np.testing.assert_array_equal(found.class_id, plants.class_id[chosen])


def test_spots_are_found_where_they_are(spots, spot_pictures):
    for drawn in spot_pictures:
        found = spots(drawn.image, confidence=0.5)
        assert len(found) == len(drawn.xyxy)
        for box, label in zip(drawn.xyxy, drawn.class_id, strict=True):
            away = np.abs(found.xyxy - box).max(axis=1)
            nearest = away.argmin()
            assert away[nearest] < 2.5
            assert found.class_id[nearest] == label


def test_a_list_is_answered_in_its_order(spots, spot_pictures):
    images = [drawn.image for drawn in spot_pictures]
    answers = spots(images)
    assert isinstance(answers, list)
    assert [found.size for found in answers] == [Size(*image.shape[:2]) for image in images]
    for image, found in zip(images, answers, strict=True):
        assert_equal(found, spots(image))


def test_a_tuple_and_a_generator_are_lists_too_and_an_empty_one_has_no_answers(spots, spot_pictures):
    images = tuple(drawn.image for drawn in spot_pictures[:2])
    assert len(spots(images)) == 2
    assert len(spots(image for image in images)) == 2
    assert spots([]) == []


def test_one_bad_picture_in_a_list_is_an_error_and_no_gap(spots, spot_pictures):
    with pytest.raises(ImageFormatError, match="float32"):
        spots([spot_pictures[0].image, spot_pictures[1].image.astype(np.float32)])


@pytest.mark.parametrize(
    "image",
    [
        "part.png",
        b"\x89PNG",
        None,
        7,
        [[1, 2], [3, 4]],
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=lambda image: type(image).__name__,
)
def test_what_is_no_picture_is_refused(spots, image):
    with pytest.raises(ImageFormatError):
        spots(image)


def test_grey_and_alpha_are_taken(spots):
    grey = np.random.default_rng(0).integers(0, 256, (100, 120), dtype=np.uint8)
    as_colour = np.repeat(grey[..., None], 3, axis=2)
    with_alpha = np.dstack([as_colour, np.zeros_like(grey)])
    expected = spots(as_colour, confidence=0.0)
    for image in (grey, grey[..., None], with_alpha):
        assert_equal(spots(image, confidence=0.0), expected)


def test_the_picture_is_never_changed(spots, spot_pictures):
    image = spot_pictures[3].image
    kept = image.copy()
    spots(image)
    np.testing.assert_array_equal(image, kept)


def test_answers_are_the_callers_and_no_later_call_changes_them(spots, spot_pictures):
    first = spots(spot_pictures[3].image)
    kept = first.xyxy.copy(), first.confidence.copy(), first.class_id.copy()
    for drawn in spot_pictures:
        spots(drawn.image)
    np.testing.assert_array_equal(first.xyxy, kept[0])
    np.testing.assert_array_equal(first.confidence, kept[1])
    np.testing.assert_array_equal(first.class_id, kept[2])


@pytest.mark.parametrize("build", [anchor_free, yolov5, yolox, end_to_end])
def test_the_same_picture_has_the_same_answer(build, write, cache):
    model = Detector(write(build()), threads=1, cache=cache)
    image = noise(100, 150)
    first = model(image, confidence=0.1)
    model(noise(90, 30, 1))
    assert_equal(model(image, confidence=0.1), first)


def test_threads_get_the_answers_of_one_after_the_other(spots, spot_pictures):
    images = [drawn.image for drawn in spot_pictures]
    expected = [spots(image) for image in images]
    start = Barrier(8)

    def work(first):
        start.wait(60)
        for turn in range(3 * len(images)):
            i = (first + turn) % len(images)
            assert_equal(spots(images[i]), expected[i])
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


@pytest.mark.parametrize("build", [anchor_free, yolov5, yolox, end_to_end], ids=lambda build: build.__name__)
def test_a_run_that_answers_nan_is_an_error_and_the_next_one_works(build, nan_for_black, write, cache):
    model = Detector(write(nan_for_black(build())), threads=1, cache=cache)
    image = noise(*model.card.input.size)
    before = model(image, confidence=0.05)
    assert len(before)
    for _ in range(2):
        with pytest.raises(ModelOutputError, match="not used"):
            model(np.zeros_like(image))
    assert_equal(model(image, confidence=0.05), before)


def test_in_half_precision_nan_is_seen_too(nan_for_black, write, cache):
    model = Detector(write(nan_for_black(anchor_free(GraphSpec(precision="fp16")))), threads=1, cache=cache)
    image = noise(*model.card.input.size)
    assert len(model(image, confidence=0.05))
    with pytest.raises(ModelOutputError):
        model(np.zeros_like(image))


@pytest.mark.parametrize(
    "name",
    [name for name, entry in CATALOGUE.items() if entry.refusal is None],
)
def test_every_graph_that_is_recognised_answers(name, write, cache):
    entry = CATALOGUE[name]
    model = Detector(write(entry.build()), threads=1, cache=cache)
    found = model(noise(77, 133), confidence=0.01, max_detections=1000)
    assert isinstance(found, Detections)
    assert len(model.names) == entry.classes
    assert (np.diff(found.confidence) <= 0).all()
    assert (found.confidence > 0.01).all()
    assert (found.xyxy[:, :2] >= 0).all()
    assert (found.xyxy[:, 2:] <= [133, 77]).all()


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.refusal is not None])
def test_every_graph_that_must_be_refused_is(name, write, cache):
    entry = CATALOGUE[name]
    with pytest.raises(entry.refusal):
        Detector(write(entry.build()), threads=1, cache=cache)


@pytest.mark.parametrize("threads", [0, -1, 1.0, True, "2"])
def test_threads_out_of_range_are_refused(small, cache, threads):
    with pytest.raises(SettingsError, match="threads: expected a whole number"):
        Detector(small, threads=threads, cache=cache)


def test_a_missing_file_is_told_with_the_near_ones(small, cache):
    with pytest.raises(ModelFileError, match=r'no such model file; did you mean "small.onnx"'):
        Detector(small.with_name("smal.onnx"), cache=cache)


def test_its_text_names_file_family_classes_and_size(detector):
    assert repr(detector) == "Detector(planted.onnx: yolov8, 5 classes, 192x160, on cpu)"


def test_stages_are_timed_by_the_clock_that_is_given(detector, picture):
    ticks = iter(range(100))
    _, timings = detector.timed(picture, detector.thresholds(), clock=lambda: float(next(ticks)))
    assert (timings.preprocess_s, timings.run_s, timings.postprocess_s) == (1.0, 1.0, 1.0)


FAULTS = """
import resource, sys
from pathlib import Path
import numpy as np
from lineside import Detector
detector = Detector(sys.argv[1], threads=1, cache=Path(sys.argv[2]))
images = np.random.default_rng(0).integers(0, 256, (4, 720, 1280, 3), dtype=np.uint8)
for turn in range(20):
    detector(images[turn % 4])
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(50):
    detector(images[turn % 4])
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 50)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts page faults as Linux does")
def test_the_steady_state_takes_no_new_memory(planted_file, cache):
    result = subprocess.run(
        [sys.executable, "-c", FAULTS, planted_file, cache], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) < 2


def test_raw_outputs_are_copies_that_the_next_run_leaves_alone(spots, spot_pictures):
    first = spots.outputs(spot_pictures[0].image)
    kept = [output.copy() for output in first]
    others = spots.outputs(spot_pictures[1].image)
    assert_same_arrays(first, kept)
    assert not np.array_equal(first[0], others[0])


def assert_same_arrays(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)
