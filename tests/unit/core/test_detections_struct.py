"""Detections: what is refused, what an index gives, and what others read of it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from lineside.core.detections import Detections
from lineside.core.errors import LinesideError, NotInstalledError, SettingsError
from lineside.core.geometry import Size

NAMES = ("scratch", "dent", "stain")


def detections(count=3, **changes):
    fields = {
        "xyxy": np.arange(4 * count, dtype=np.float32).reshape(count, 4),
        "confidence": np.linspace(0.9, 0.5, count, dtype=np.float32),
        "class_id": (np.arange(count) % 3).astype(np.int32),
        "names": NAMES,
        "size": Size(height=480, width=640),
    }
    return Detections(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"xyxy": np.zeros((3, 4))}, r"xyxy: expected float32 \(3, 4\), got float64"),
        ({"xyxy": np.zeros((3, 5), np.float32)}, r"got float32 \(3, 5\)"),
        ({"xyxy": np.zeros(12, np.float32)}, r"got float32 \(12,\)"),
        ({"xyxy": np.float32(1)}, r"got float32 \(\)"),
        ({"xyxy": [[0, 0, 1, 1]] * 3}, "xyxy: expected float32 .* got list"),
        ({"confidence": np.zeros(2, np.float32)}, r"confidence: expected float32 \(3,\), got float32 \(2,\)"),
        ({"confidence": [0.5, 0.5, 0.5]}, "confidence: .* got list"),
        ({"confidence": None}, "confidence: .* got NoneType"),
        ({"class_id": np.zeros(3, np.int64)}, "class_id: expected int32"),
        ({"class_id": np.zeros((3, 1), np.int32)}, r"got int32 \(3, 1\)"),
        ({"class_id": np.array([0, 3, 1], np.int32)}, "expected 0 to 2, one of 3 names; got 0 to 3"),
        ({"class_id": np.array([0, -1, 1], np.int32)}, "got -1 to 1"),
        ({"names": ()}, "one of 0 names"),
        ({"xyxy": np.full((3, 4), np.nan, np.float32)}, "finite"),
        ({"xyxy": np.array([[-np.inf, 0, np.inf, 1]] * 3, np.float32)}, "finite"),
        ({"confidence": np.array([0.5, np.nan, 0.1], np.float32)}, "finite"),
    ],
)
def test_arrays_that_disagree_are_refused(changes, said):
    with pytest.raises(SettingsError, match=said) as refusal:
        detections(**changes)
    assert isinstance(refusal.value, LinesideError)


def test_nothing_found_is_a_legal_answer():
    none = detections(0)
    assert len(none) == 0
    assert none.class_name == []
    assert none.to_dict()["detections"] == []


def test_its_fields_cannot_be_set_to_others():
    with pytest.raises(AttributeError):
        detections().truncated = True


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        (slice(1, None), [1, 2]),
        (slice(None, None, -1), [2, 1, 0]),
        (np.array([True, False, True]), [0, 2]),
        (np.array([2, 0]), [2, 0]),
        (np.array([], np.intp), []),
        ([0, 2], [0, 2]),
        (1, [1]),
        (-1, [2]),
        (np.int64(2), [2]),
    ],
)
def test_an_index_chooses_detections(index, kept):
    whole = detections(truncated=True)
    part = whole[index]
    np.testing.assert_array_equal(part.xyxy, whole.xyxy[kept])
    np.testing.assert_array_equal(part.confidence, whole.confidence[kept])
    assert part.class_name == [whole.class_name[i] for i in kept]
    assert (part.names, part.size, part.truncated) == (whole.names, whole.size, True)


@pytest.mark.parametrize("index", [3, -4, np.array([True, False]), np.array([9])])
def test_an_index_beyond_the_last_is_an_index_error(index):
    with pytest.raises(IndexError):
        detections()[index]


def test_a_loop_gives_one_at_a_time():
    assert [one.class_name for one in detections()] == [["scratch"], ["dent"], ["stain"]]


def test_array_indices_copy():
    whole = detections()
    part = whole[np.array([0])]
    part.xyxy[0] = -1
    assert whole.xyxy[0, 0] == 0


def test_the_dictionary_is_strict_json_and_rounded():
    found = detections(
        1,
        xyxy=np.array([[1 / 3, 2 / 3, 100.00049, 7]], np.float32),
        confidence=np.array([0.123456789], np.float32),
        truncated=True,
    )
    value = found.to_dict()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert value == {
        "width": 640,
        "height": 480,
        "truncated": True,
        "detections": [
            {"class_id": 0, "name": "scratch", "confidence": 0.123457, "xyxy": [0.333, 0.667, 100.0, 7.0]}
        ],
    }
    assert type(value["truncated"]) is bool
    assert type(value["detections"][0]["class_id"]) is int


def test_without_supervision_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)  # as Python marks a module that cannot be imported
    with pytest.raises(NotInstalledError, match="pip install 'supervision"):
        detections().to_supervision()
