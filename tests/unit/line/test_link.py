from __future__ import annotations

import pytest

from lineside.core.backoff import Backoff
from lineside.core.errors import (
    DeviceError,
    ImageFormatError,
    ModelOutputError,
    OutputError,
    SettingsError,
    SourceError,
)
from lineside.core.verdict import Reason
from lineside.line.border import Fault, attempt
from lineside.line.link import Link

FAULT = Fault(Reason.DEVICE_LOST, "gone", "device.fault")


class Door:
    """Opens as often as it is told to refuse before."""

    def __init__(self, refusals):
        self.refusals = refusals
        self.attempts = 0

    def __call__(self):
        self.attempts += 1
        if self.attempts <= self.refusals:
            raise DeviceError("shut")
        return "open"


def test_the_first_attempt_comes_at_once_and_the_next_ones_after_growing_pauses():
    backoff = Backoff(first_s=0.5, longest_s=3.0)
    assert [backoff.pause_s(n) for n in range(7)] == [0, 0, 0.5, 1, 2, 3, 3]
    assert backoff.pause_s(10_000) == 3.0


@pytest.mark.parametrize("pauses", [(0, 1), (2, 1), (-1, 1)])
def test_pauses_that_are_out_of_order_are_refused(pauses):
    with pytest.raises(SettingsError, match="backoff"):
        Backoff(*pauses)


def test_a_link_opens_when_it_is_first_asked():
    link = Link("the door", Door(0))
    assert link.wait_s(5.0) == 0.0
    assert link.open_if_due(5.0)
    assert link.resource == "open"
    assert link.wait_s(5.0) is None
    assert link.lost_s is None


def test_a_lost_link_is_opened_again_after_its_pauses_and_not_before():
    door = Door(2)
    link = Link("the door", door, opened="open", backoff=Backoff(1.0, 4.0))
    link.lose(FAULT, 10.0)
    assert not link.open_if_due(10.0)
    assert link.wait_s(10.0) == 1.0
    assert not link.open_if_due(10.9)
    assert door.attempts == 1
    assert not link.open_if_due(11.0)
    assert link.wait_s(11.0) == 2.0
    assert link.open_if_due(13.0)
    assert link.lost_s == 10.0
    link.prove()
    assert (link.fault, link.lost_s, link.failures) == (None, None, 0)


def test_a_link_that_is_lost_again_before_it_worked_waits_longer():
    link = Link("the door", Door(0), opened="open", backoff=Backoff(1.0, 4.0))
    link.lose(FAULT, 0.0)
    assert link.open_if_due(0.0)
    link.lose(FAULT, 0.1)
    assert not link.open_if_due(0.2)
    assert link.open_if_due(1.1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SourceError("gone"), Reason.NO_FRAME),
        (ImageFormatError("float64"), Reason.IMAGE_UNHEALTHY),
        (ModelOutputError("NaN"), Reason.MODEL_UNHEALTHY),
        (DeviceError("gone"), Reason.DEVICE_LOST),
        (OutputError("full"), Reason.INTERNAL_FAULT),
    ],
)
def test_each_error_has_its_reason_and_keeps_its_words(error, reason):
    def work():
        raise error

    assert attempt("work", work) == Fault(reason, str(error), error.code, error.recovery)


def test_a_fault_that_nobody_foresaw_names_its_type_and_place():
    fault = attempt("work", lambda: 1 / 0)
    assert fault.reason is Reason.INTERNAL_FAULT
    assert "ZeroDivisionError" in fault.sentence
    assert "test_link.py:" in fault.sentence


def test_what_goes_well_comes_through():
    assert attempt("work", lambda: 7) == 7
