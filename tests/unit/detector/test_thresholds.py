"""The settings of a call: what they do, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from lineside.core.errors import SettingsError, UnknownNameError
from lineside.detector.detector import Detector
from lineside.testing.graphs import GraphSpec, anchor_free, end_to_end, nms_inside, oriented_boxes, yolox


@pytest.fixture(scope="module")
def crowded(write, cache):
    """A detector that finds hundreds of boxes of three classes in noise."""
    return Detector(write(anchor_free(GraphSpec(names=("Scratch", "dent", "3")))), threads=1, cache=cache)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (128, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["confidence", "iou"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf"), "0.5", True, [0.5], 1j])
def test_a_threshold_out_of_range_is_refused_by_its_name(crowded, noise, name, value):
    with pytest.raises(SettingsError, match=f"{name}: expected a number from 0 to 1"):
        crowded(noise, **{name: value})


@pytest.mark.parametrize("value", [0, 1, 0.3, np.float32(0.3), np.float64(0.3)])
def test_numbers_of_numpy_are_numbers(crowded, noise, value):
    crowded(noise, confidence=value, iou=value)


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "5"])
def test_a_count_that_is_none_is_refused(crowded, noise, value):
    with pytest.raises(SettingsError, match="max_detections: expected a whole number of at least 1"):
        crowded(noise, max_detections=value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("weighted", "known: diou, iou, none"),
        ("IOU", 'mean "iou"'),
        ("soft?width=2", 'no such setting "width"'),
    ],
)
def test_an_unknown_kind_of_nms_is_refused_with_the_known_ones(crowded, noise, value, said):
    with pytest.raises(UnknownNameError, match=said):
        crowded(noise, nms=value)


@pytest.mark.parametrize("value", [3, True, ["iou"], {"kind": "iou"}, b"iou"])
def test_a_kind_of_nms_is_a_name(crowded, noise, value):
    with pytest.raises(SettingsError, match="nms: expected the name of a kind"):
        crowded(noise, nms=value)


@pytest.mark.parametrize("kind", ["soft", "soft?sigma=0.1", "diou", "wbf"])
def test_each_kind_of_nms_leaves_fewer_than_none_and_more_than_nothing(crowded, noise, kind):
    every = crowded(noise, confidence=0.05, nms="none", max_detections=10_000)
    some = crowded(noise, confidence=0.05, nms=kind, max_detections=10_000)
    assert 0 < len(some) < len(every)
    assert (np.diff(some.confidence) <= 0).all()
    assert (some.confidence > 0.05).all()


def test_the_habit_of_oriented_boxes_is_their_own_and_what_has_no_meaning_for_them_is_refused(
    write, cache, noise
):
    model = Detector(write(oriented_boxes(GraphSpec(classes=3)), "turned"), threads=1, cache=cache)
    habit = model(noise, confidence=0.05, max_detections=10_000)
    np.testing.assert_array_equal(
        habit.xywhr, model(noise, confidence=0.05, max_detections=10_000, nms="probiou").xywhr
    )
    assert len(habit) < len(model(noise, confidence=0.05, max_detections=10_000, nms="none"))
    assert len(model(noise, confidence=0.05, max_detections=10_000, nms="iou"))
    with pytest.raises(SettingsError, match="choose one of iou, none, probiou"):
        model(noise, nms="wbf")


def test_the_kind_for_oriented_boxes_is_refused_by_a_model_of_upright_ones(crowded, noise):
    with pytest.raises(SettingsError, match="probiou"):
        crowded(noise, nms="probiou")


def test_an_unknown_setting_is_pythons_own_error(crowded, noise):
    with pytest.raises(TypeError):
        crowded(noise, conf=0.5)


@pytest.mark.parametrize(
    ("classes", "ids"),
    [
        ([0], {0}),
        (["dent"], {1}),
        ("dent", {1}),
        (1, {1}),
        (["Scratch", 1], {0, 1}),
        (["scratch"], {0}),
        (["DENT"], {1}),
        (["1"], {1}),
        (["3"], {2}),  # a name, before it could be a number out of range
        (np.array([0, 2]), {0, 2}),
        ((1, 1), {1}),
        ({"dent": "any"}, {1}),
        (None, {0, 1, 2}),
    ],
)
def test_classes_are_chosen_by_id_or_name(crowded, noise, classes, ids):
    found = crowded(noise, confidence=0.05, classes=classes, max_detections=10_000)
    assert set(found.class_id.tolist()) == ids


def test_a_filter_leaves_out_and_changes_nothing_else(crowded, noise):
    every = crowded(noise, confidence=0.05, max_detections=10_000)
    dents = crowded(noise, confidence=0.05, classes=["dent"], max_detections=10_000)
    np.testing.assert_array_equal(dents.xyxy, every[every.class_id == 1].xyxy)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["scrach"], 'no class "scrach"; did you mean "Scratch"'),
        ("stain", "known: Scratch, dent, 3"),
        ("", "known: Scratch"),
        ([3], "expected an id from 0 to 2; got 3"),
        ([-1], "got -1"),
        (["-1"], 'no class "-1"'),
    ],
)
def test_unknown_classes_are_refused_with_the_near_ones(crowded, noise, classes, said):
    with pytest.raises(UnknownNameError, match=said):
        crowded(noise, classes=classes)


def test_a_name_that_two_classes_have_never_stands_for_one_of_them(write, cache, noise):
    model = Detector(write(anchor_free(GraphSpec(names=("dent", "dent", "stain")))), threads=1, cache=cache)
    try:
        found = model(noise, confidence=0.05, classes=["dent"], max_detections=10_000)
    except SettingsError:
        return
    assert set(found.class_id.tolist()) == {0, 1}


def test_no_class_at_all_is_refused_and_not_an_empty_answer(crowded, noise):
    with pytest.raises(SettingsError, match="at least one class"):
        crowded(noise, classes=[])


@pytest.mark.parametrize(
    "classes",
    [
        "²",  # a digit, and no number
        [1.7],
        1.0,
        [None],
        [[1]],
        [True],
        np.array([False, True, True]),  # a mask is no list of ids
    ],
    ids=repr,
)
def test_what_names_no_class_is_refused(crowded, noise, classes):
    with pytest.raises(SettingsError):
        crowded(noise, classes=classes)


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_at_most_so_many_and_truncated_says_when_there_were_more(crowded, noise, limit):
    every = crowded(noise, confidence=0.05, max_detections=10_000)
    assert len(every) > limit
    assert not every.truncated
    some = crowded(noise, confidence=0.05, max_detections=limit)
    np.testing.assert_array_equal(some.xyxy, every.xyxy[:limit])
    assert some.truncated
    exact = crowded(noise, confidence=0.05, max_detections=len(every))
    assert len(exact) == len(every)
    assert not exact.truncated


def test_a_higher_confidence_gives_the_surer_part(crowded, noise):
    every = crowded(noise, confidence=0.05, nms="none", max_detections=10_000)
    some = crowded(noise, confidence=0.2, nms="none", max_detections=10_000)
    np.testing.assert_array_equal(some.xyxy, every.xyxy[every.confidence > np.float32(0.2)])


def test_nms_within_classes_keeps_at_least_as_many_as_over_all(crowded, noise):
    within = crowded(noise, confidence=0.05, class_aware=True, max_detections=10_000)
    over_all = crowded(noise, confidence=0.05, class_aware=False, max_detections=10_000)
    habit = crowded(noise, confidence=0.05, max_detections=10_000)
    assert len(within) > len(over_all)
    np.testing.assert_array_equal(habit.xyxy, within.xyxy)


@pytest.mark.parametrize("build", [anchor_free, yolox])
def test_with_several_labels_each_class_above_the_confidence_is_a_detection(build, write, cache, noise):
    model = Detector(write(build()), threads=1, cache=cache)
    one = model(noise, confidence=0.05, nms="none", max_detections=10_000)
    several = model(noise, confidence=0.05, nms="none", max_detections=10_000, multi_label=True)
    assert len(several) > len(one)
    pairs = set(map(tuple, np.column_stack([several.xyxy, several.class_id]).tolist()))
    assert set(map(tuple, np.column_stack([one.xyxy, one.class_id]).tolist())) <= pairs


@pytest.mark.parametrize("build", [end_to_end, nms_inside])
def test_a_head_that_needs_no_nms_never_gets_one(build, write, cache, noise):
    model = Detector(write(build()), threads=1, cache=cache)
    strict = model(noise, confidence=0.05, iou=0.0)
    free = model(noise, confidence=0.05, nms="none")
    np.testing.assert_array_equal(strict.xyxy, free.xyxy)


def test_the_cap_inside_an_end_to_end_head_is_told(write, cache, noise):
    model = Detector(write(end_to_end(max_detections=20)), threads=1, cache=cache)
    full = model(noise, confidence=0.0)
    assert len(full) == 20
    assert full.truncated
    few = model(noise, confidence=float(full.confidence[10]))
    assert len(few) == 10
    assert not few.truncated


def test_settings_are_checked_once_and_used_again(crowded, noise):
    settings = crowded.thresholds(confidence=0.1, classes=["dent"])
    found, _ = crowded.timed(noise, settings)
    np.testing.assert_array_equal(found.xyxy, crowded(noise, confidence=0.1, classes=["dent"]).xyxy)
