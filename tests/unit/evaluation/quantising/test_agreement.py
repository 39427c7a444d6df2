"""How far two models agree: by place, class, mask, keypoints and turn, and not by which side of a threshold they fall."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lineside.core.classification import Classification
from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.core.masks import Masks
from lineside.evaluation.agreement import agreement

SIZE = Size(height=100, width=100)


def found(*rows, **details):
    rows = sorted(rows, key=lambda row: -row[1])
    return Detections(
        np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[0] for row in rows], np.int32),
        ("bolt", "nut"),
        SIZE,
        **details,
    )


BOX, FAR = (10, 10, 40, 40), (60, 60, 90, 90)


def test_a_model_agrees_with_itself():
    one = found((0, 0.9, BOX), (1, 0.4, FAR))
    result = agreement([(one, one)], "detect")
    assert (result.agreement, result.damage, result.overlap, result.drift) == (1, 0, 1, 0)
    assert result.verdicts == 1


def test_what_only_crossed_the_threshold_is_drift_and_not_lost():
    result = agreement([(found((0, 0.3, BOX)), found((0, 0.2, BOX)))], "detect")
    assert (result.lost, result.extra) == (0, 0)
    assert result.drift == pytest.approx(0.1)
    assert result.verdicts == 0


def test_what_fell_to_nothing_is_lost_and_what_came_from_nothing_is_extra():
    result = agreement([(found((0, 0.9, BOX)), found((0, 0.9, FAR)))], "detect")
    assert (result.expected, result.lost, result.found, result.extra) == (1, 1, 1, 1)
    assert (result.recall, result.precision, result.agreement) == (0, 0, 0)


def test_the_same_place_in_another_class_is_no_agreement():
    assert agreement([(found((0, 0.9, BOX)), found((1, 0.9, BOX)))], "detect").agreement == 0


def test_a_detection_is_matched_once():
    result = agreement([(found((0, 0.9, BOX)), found((0, 0.9, BOX), (0, 0.8, (11, 11, 40, 40))))], "detect")
    assert (result.lost, result.extra) == (0, 1)


def test_where_the_float_model_finds_nothing_there_is_no_agreement_to_speak_of():
    result = agreement([(found(), found())], "detect")
    assert math.isnan(result.agreement)
    assert result.verdicts == 1


def masked(on):
    crop = np.zeros((30, 30), bool)
    crop[on] = True
    return found((0, 0.9, BOX), masks=Masks((crop,), np.array([[10, 10]], np.int32), SIZE))


def test_equal_boxes_with_other_masks_are_no_agreement():
    left, right = masked(np.s_[:, :15]), masked(np.s_[:, 15:])
    assert agreement([(left, left)], "segment").agreement == 1
    assert agreement([(left, right)], "segment").agreement == 0


def pointed(shift):
    points = np.array([[[20 + shift, 20, 0.9], [30, 30, 0.1]]], np.float32)
    return found((0, 0.9, BOX), keypoints=points)


def test_equal_boxes_with_keypoints_elsewhere_are_no_agreement():
    assert agreement([(pointed(0), pointed(1))], "pose").agreement == 1
    assert agreement([(pointed(0), pointed(15))], "pose").agreement == 0


def turned(angle):
    return found((0, 0.9, BOX), xywhr=np.array([[50, 50, 60, 10, angle]], np.float32))


def test_equal_upright_boxes_that_are_turned_otherwise_are_no_agreement():
    assert agreement([(turned(0.1), turned(0.1))], "obb").agreement == 1
    assert agreement([(turned(0.1), turned(1.5))], "obb").agreement == 0


def classified(*scores):
    order = np.argsort(-np.array(scores))
    return Classification.of(
        order.astype(np.int32), np.array(scores, np.float32)[order], ("bolt", "nut"), SIZE, truncated=False
    )


def test_a_classifier_agrees_where_its_best_class_is_the_same():
    result = agreement([(classified(0.9, 0.1), classified(0.7, 0.3))], "classify")
    assert result.agreement == 1
    assert result.drift == pytest.approx(0.2)
    assert agreement([(classified(0.9, 0.1), classified(0.4, 0.6))], "classify").agreement == 0
