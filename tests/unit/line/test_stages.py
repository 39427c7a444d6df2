"""Several models as one that is asked."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from lineside.core.detections import Detections
from lineside.core.errors import UnansweredError
from lineside.core.geometry import Size
from lineside.core.verdict import Reason
from lineside.judge.stages import Stage, Stages
from lineside.line.events import Shown
from lineside.line.stages import StagedLook

SIZE = Size(height=60, width=80)


def seen(names, size, *boxes):
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.zeros(len(boxes), np.int32),
        names,
        size,
    )


class Engine:
    """Holds its futures until a test settles them."""

    def __init__(self):
        self.asked, self.futures = [], []

    def submit(self, image, *, deadline_s=None, **asked):
        self.asked.append((image.shape[:2], deadline_s, asked))
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def rig():
    plan = Stages(("cap",), [Stage("label", ("cap",))], {"label": ("ok",)})
    first, later = Engine(), Engine()
    look = StagedLook(plan, first, {"label": (later, {"confidence": 0.1})})
    whole = look.submit(np.zeros((*SIZE, 3), np.uint8), deadline_s=7.0, name=Shown("top", 3), confidence=0.2)
    return first, later, whole


def test_what_the_later_model_sees_in_each_crop_becomes_one_answer(rig):
    first, later, whole = rig
    assert first.asked == [((60, 80), 7.0, {"name": Shown("top", 3), "confidence": 0.2})]
    first.futures[0].device, first.futures[0].seconds = "cuda:0", {"run": 0.01}
    first.futures[0].set_result(seen(("cap",), SIZE, (10, 10, 30, 30), (40, 10, 60, 30)))
    assert [(shape, due, asked) for shape, due, asked in later.asked] == [
        ((20, 20), 7.0, {"name": Shown("top", 3, "label"), "confidence": 0.1})
    ] * 2
    crop = Size(height=20, width=20)
    later.futures[1].set_result(seen(("ok",), crop, (1, 1, 5, 5)))
    assert not whole.done()
    later.futures[0].set_result(seen(("ok",), crop))
    answer = whole.result(0)
    assert answer.names == ("cap", "label/ok")
    assert len(answer) == 3
    assert (whole.device, whole.seconds) == ("cuda:0", {"run": 0.01})


def test_where_nothing_is_to_be_looked_at_again_the_first_answer_is_the_answer(rig):
    first, later, whole = rig
    first.futures[0].set_result(seen(("cap",), SIZE))
    assert len(whole.result(0)) == 0
    assert later.asked == []


def test_where_the_first_model_knows_nothing_nothing_is_known(rig):
    first, _, whole = rig
    first.futures[0].set_exception(UnansweredError("no time", Reason.LATE))
    assert whole.exception(0).reason is Reason.LATE


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (UnansweredError("gone", Reason.DEVICE_LOST), Reason.DEVICE_LOST),
        (ZeroDivisionError("oh"), Reason.INTERNAL_FAULT),
    ],
)
def test_where_a_later_model_does_not_answer_for_one_crop_nothing_is_known(rig, fault, reason):
    first, later, whole = rig
    first.futures[0].set_result(seen(("cap",), SIZE, (10, 10, 30, 30), (40, 10, 60, 30)))
    later.futures[0].set_result(seen(("ok",), Size(height=20, width=20)))
    later.futures[1].set_exception(fault)
    assert whole.exception(0).reason is reason


def test_an_answer_of_another_model_is_no_answer(rig):
    first, later, whole = rig
    first.futures[0].set_result(seen(("cap",), SIZE, (10, 10, 30, 30)))
    later.futures[0].set_result(seen(("other",), Size(height=20, width=20)))
    assert whole.exception(0).reason is Reason.MODEL_UNHEALTHY
