from __future__ import annotations

import json

import numpy as np
import pytest

from lineside import Detections, Size
from lineside.core.errors import SettingsError
from lineside.core.frame import Frame
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict


def frame(size=(8, 10)):
    return Frame(np.zeros((*size, 3), np.uint8), "cam/top", 7, part=3)


def nothing(size=(8, 10)):
    return Detections(
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.int32),
        ("dent",),
        Size(*size),
    )


SEEN = View("top", frame=frame(), detections=nothing(), seconds={"capture": 0.002})
LOST = View("side", reason=Reason.NO_FRAME, detail="the cable is out")


def inspection(verdict, reason=None, views=(SEEN,), answered_s=1.1):
    return Inspection(3, verdict, reason, "so it is", tuple(views), 1.0, answered_s, 1.2)


@pytest.mark.parametrize(
    ("reason", "views", "answered_s", "word"),
    [
        (Reason.LATE, [SEEN], 1.1, "reason"),
        (None, [], 1.1, "every camera"),
        (None, [SEEN, LOST], 1.1, "1 of 2"),
        (None, [SEEN], 1.2001, "answer by"),
        (None, [SEEN], float("nan"), "answer by"),
    ],
)
def test_a_pass_cannot_be_made_without_its_proof(reason, views, answered_s, word):
    with pytest.raises(SettingsError, match=word):
        inspection(Verdict.PASS, reason, views, answered_s)
    assert inspection(Verdict.PASS).total_s == pytest.approx(0.1)


def test_unknown_needs_a_reason_and_fail_needs_a_view_that_was_seen():
    with pytest.raises(SettingsError, match="reason"):
        inspection(Verdict.UNKNOWN)
    with pytest.raises(SettingsError, match="reason"):
        inspection(Verdict.FAIL, Reason.LATE)
    with pytest.raises(SettingsError, match="detections"):
        inspection(Verdict.FAIL, views=[LOST])
    assert inspection(Verdict.FAIL, views=[SEEN, LOST], answered_s=9.0).reason is None


def test_a_view_has_detections_or_a_reason_and_its_own_picture():
    with pytest.raises(SettingsError, match="neither"):
        View("top", frame=frame())
    with pytest.raises(SettingsError, match="both"):
        View("top", frame=frame(), detections=nothing(), reason=Reason.LATE)
    with pytest.raises(SettingsError, match="got none"):
        View("top", detections=nothing())
    with pytest.raises(SettingsError, match="10x8"):
        View("top", frame=frame((9, 10)), detections=nothing())


def test_an_inspection_becomes_json_without_its_pictures():
    answer = json.loads(json.dumps(inspection(Verdict.UNKNOWN, Reason.NO_FRAME, [SEEN, LOST]).to_dict()))
    assert (answer["verdict"], answer["reason"]) == ("UNKNOWN", "no_frame")
    seen, lost = answer["views"]
    assert seen["detections"] == []
    assert seen["seconds"] == {"capture": 0.002}
    assert "detections" not in lost
    assert lost["detail"] == "the cable is out"
