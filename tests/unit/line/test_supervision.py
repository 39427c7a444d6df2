from __future__ import annotations

import pytest

from lineside.core.errors import ImageFormatError, OutputError, SettingsError, UnansweredError
from lineside.core.verdict import Reason
from lineside.line.border import Fault, fault_of
from lineside.line.supervision import Supervision


def supervised():
    notes = []
    return Supervision(lambda *what: notes.append(what)), notes


def test_an_error_that_only_people_can_mend_stops_the_line_once_and_says_so():
    supervision, notes = supervised()
    error = SettingsError("the map has no such tag")
    assert supervision.failed("link 0", fault_of(error))
    assert supervision.error is error
    assert not supervision.failed("link 0", fault_of(SettingsError("again")))
    ((code, sentence),) = notes
    assert code == "line.operator"
    assert "settings.invalid" in sentence
    assert "link 0: the map has no such tag" in sentence


@pytest.mark.parametrize(
    "fault",
    [
        fault_of(OutputError("away")),
        fault_of(UnansweredError("no time", Reason.LATE)),
        Fault(Reason.INTERNAL_FAULT, "a bug", "internal"),
    ],
)
def test_an_error_that_somebody_mends_stops_nothing(fault):
    supervision, notes = supervised()
    assert not any(supervision.failed("it", fault) for _ in range(100))
    assert notes == []


def test_a_freak_is_forgiven_and_a_row_is_not():
    supervision, _ = supervised()
    fault = fault_of(ImageFormatError("float64"))
    for _ in range(5):
        assert not supervision.failed("top", fault, patience=3)
        assert not supervision.failed("top", fault, patience=3)
        assert not supervision.failed("side", fault, patience=3)
        supervision.worked("top")
        supervision.worked("side")
    assert [supervision.failed("top", fault, patience=3) for _ in range(3)] == [False, False, True]
