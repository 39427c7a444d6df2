from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside import Classification, Detections, Size
from lineside.core.errors import SettingsError, UnansweredError, UnknownNameError
from lineside.core.masks import Masks
from lineside.core.verdict import Reason
from lineside.judge.stages import Stage, Stages
from lineside.testing.rules import seen

NAMES, LABELS = ("cap", "label", "scratch"), ("ok", "torn")
IMAGE = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
LABEL = ("label", 0.8, (100, 50, 200, 90))
STAGE = Stage("label", ("label",), pad=0.1, min_confidence=0.3, max_crops=2)


@pytest.fixture
def stages():
    return Stages(NAMES, [STAGE], {"label": LABELS})


def first(*found, **more):
    return seen("top", NAMES, *found, **more).detections


def says(crop, *rows, truncated=False):
    """A detector's answer to a crop: class, confidence, box in pixels of the crop."""
    return seen("crop", LABELS, *rows, size=Size(*crop.image.shape[:2]), truncated=truncated).detections


def classified(crop, ok, *, truncated=False):
    size = Size(*crop.image.shape[:2])
    scores = sorted([(ok, 0), (1 - ok, 1)], reverse=True)
    ids = np.array([k for _, k in scores], np.int32)
    return Classification.of(
        ids, np.array([s for s, _ in scores], np.float32), LABELS, size, truncated=truncated
    )


def test_each_object_of_a_stage_is_cut_out_with_its_margin(stages):
    found = first(LABEL, ("cap", 0.9, (10, 10, 60, 60)), ("label", 0.3, (300, 300, 340, 340)))
    (crop,) = stages.follow_ups(found, IMAGE)
    assert (crop.stage, crop.row, crop.left_px, crop.top_px) == ("label", 1, 90, 46)
    assert np.array_equal(crop.image, IMAGE[46:94, 90:210])
    assert crop.image.flags.c_contiguous
    assert not np.shares_memory(crop.image, IMAGE)


def test_the_names_are_the_union_and_boxes_are_back_in_the_picture(stages):
    assert stages.names == ("cap", "label", "scratch", "label/ok", "label/torn")
    found = first(LABEL)
    (crop,) = stages.follow_ups(found, IMAGE)
    merged = stages.merge(found, [crop], [says(crop, ("torn", 0.9, (10, 4, 30, 20)))])
    assert merged.names == stages.names
    assert merged.class_name == ["label/torn", "label"]
    assert merged.xyxy.tolist() == [[100, 50, 120, 66], [100, 50, 200, 90]]
    assert not merged.truncated


def test_the_classes_of_a_classifier_get_the_objects_box(stages):
    found = first(LABEL)
    (crop,) = stages.follow_ups(found, IMAGE)
    merged = stages.merge(found, [crop], [classified(crop, 0.95)])
    assert merged.class_name == ["label/ok", "label", "label/torn"]
    assert merged.xyxy[0].tolist() == [90, 46, 210, 94]
    assert type(merged) is Detections


def test_without_objects_there_are_no_crops_and_all_names(stages):
    found = first(("cap", 0.9, (10, 10, 60, 60)))
    assert stages.follow_ups(found, IMAGE) == ()
    merged = stages.merge(found, [], [])
    assert (merged.names, len(merged)) == (stages.names, 1)


def test_a_crop_without_an_answer_leaves_no_detections(stages):
    found = first(LABEL)
    crops = stages.follow_ups(found, IMAGE)
    for reason in (Reason.LATE, Reason.DEVICE_LOST):
        with pytest.raises(UnansweredError, match="label: no answer for label: too late") as refusal:
            stages.merge(found, crops, [UnansweredError("too late", reason)])
        assert refusal.value.reason is reason
    with pytest.raises(UnansweredError, match="1 crops; got 0") as refusal:
        stages.merge(found, crops, [])
    assert refusal.value.reason is Reason.INTERNAL_FAULT


def test_an_answer_of_another_model_or_without_numbers_is_none(stages):
    found = first(LABEL)
    (crop,) = stages.follow_ups(found, IMAGE)
    size = Size(*crop.image.shape[:2])
    box = ("ok", 0.9, (10, 4, 30, 20))
    other_names = seen("crop", ("ok",), box, size=size).detections
    other_size = seen("crop", LABELS, box).detections
    fields = {"class_id": np.zeros(1, np.int32), "names": LABELS, "size": size, "truncated": False}
    nan = Detections.proven(
        xyxy=np.full((1, 4), np.nan, np.float32), confidence=np.ones(1, np.float32), **fields
    )
    for answer in (other_names, other_size, nan):
        with pytest.raises(UnansweredError) as refusal:
            stages.merge(found, [crop], [answer])
        assert refusal.value.reason is Reason.MODEL_UNHEALTHY


def test_what_was_cut_off_anywhere_stays_a_doubt(stages):
    found = first(LABEL)
    (crop,) = stages.follow_ups(found, IMAGE)
    assert stages.merge(found, [crop], [says(crop, truncated=True)]).truncated
    cut = first(LABEL, truncated=True)
    assert stages.merge(cut, [crop], [says(crop)]).truncated
    many = first(*[("label", 0.9, (n * 60 + 5, 50, n * 60 + 45, 90)) for n in range(3)])
    crops = stages.follow_ups(many, IMAGE)
    assert len(crops) == STAGE.max_crops
    assert stages.merge(many, crops, [says(crop) for crop in crops]).truncated


def test_masks_and_turned_boxes_stay_and_others_get_their_box(stages):
    found = first(LABEL)
    (crop,) = stages.follow_ups(found, IMAGE)
    size = Size(*crop.image.shape[:2])
    plain = says(crop, ("ok", 0.9, (10, 4, 30, 20)))
    bitmap = np.ones((3, 5), bool)
    detailed = Detections(
        plain.xyxy, plain.confidence, plain.class_id, LABELS, size,
        masks=Masks((bitmap,), np.array([[12, 6]], np.int32), size),
        xywhr=np.array([[20, 12, 20, 10, 0.3]], np.float32),
    )  # fmt: skip
    merged = stages.merge(found, [crop], [detailed])
    assert merged.masks.corners.tolist() == [[102, 52], [100, 50]]
    assert merged.masks.area_px().tolist() == [15, 4000]
    assert np.allclose(merged.xywhr, [[110, 58, 20, 10, 0.3], [150, 70, 100, 40, 0]])


@given(
    st.tuples(st.floats(-5, 640), st.floats(-5, 480), st.floats(0, 300), st.floats(0, 300)),
    st.floats(0, 1),
)
def test_every_object_has_a_crop_inside_the_picture_that_holds_it(place, pad):
    left, top, width, height = place
    box = np.clip([left, top, left + width, top + height], 0, [640, 480, 640, 480])
    stages = Stages(NAMES, [Stage("label", ("label",), pad=pad)], {"label": LABELS})
    (crop,) = stages.follow_ups(first(("label", 0.9, tuple(box))), IMAGE)
    height_px, width_px = crop.image.shape[:2]
    assert min(height_px, width_px) >= 4
    assert 0 <= crop.left_px <= box[0] + 4
    assert crop.left_px + width_px <= 640
    assert crop.top_px + height_px <= 480
    assert crop.left_px + width_px >= box[2] - 1e-3
    assert np.array_equal(
        crop.image, IMAGE[crop.top_px : crop.top_px + height_px, crop.left_px : crop.left_px + width_px]
    )


def test_a_plan_that_does_not_fit_is_refused():
    with pytest.raises(UnknownNameError, match=r'stage\[0\].on: the model has no class "lable".*"label"'):
        Stages(NAMES, [Stage("label", ("lable",))], {"label": LABELS})
    with pytest.raises(SettingsError, match="class names"):
        Stages(NAMES, [STAGE])
    with pytest.raises(SettingsError, match='two classes are called "label/ok"'):
        Stages((*NAMES, "label/ok"), [STAGE], {"label": LABELS})


def test_without_stages_the_first_answer_is_the_answer():
    found = first(LABEL)
    assert Stages(NAMES).merge(found, [], []) is found
