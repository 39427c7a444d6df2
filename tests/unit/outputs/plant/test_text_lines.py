"""Text lines: what a control sends is understood or refused in a sentence, and no line is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.lines import (
    LINE_BYTES,
    MESSAGES,
    Message,
    parse,
    result_line,
    status_line,
    trigger_line,
)
from lineside.outputs.plant.link import PlantAnswer, PlantTrigger, TriggerRefused
from lineside.outputs.plant.signals import Status


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"TRIGGER", Message("TRIGGER")),
        (b"TRIGGER 7", Message("TRIGGER", 7)),
        (b"TRIGGER 7 product=caps serial=S%201", Message("TRIGGER", 7, "caps", "S 1")),
        (b"ACK", Message("ACK")),
        (b"ACK 12", Message("ACK", 12)),
        (b"PRODUCT caps-blue", Message("PRODUCT", product="caps-blue")),
        (b"PRODUCT", Message("PRODUCT", product="")),
        (b"RESET", Message("RESET")),
        (b"STATUS", Message("STATUS")),
    ],
)
def test_a_line_is_understood(line, message):
    assert parse(line) == message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", "TRIGGER, ACK"),
        (b"trigger 7", "TRIGGER, ACK"),
        (b"TRIGGER seven", "a number"),
        (b"TRIGGER -1", "a number"),
        (b"TRIGGER 4294967296", "a number"),
        (b"TRIGGER 99999999999999999999999999999", "a number"),
        (b"TRIGGER 1 2", "NUMBER"),
        (b"TRIGGER 1 colour=red", "NUMBER"),
        (b"RESET now", "RESET"),
        (b"ACK product=x", "ACK"),
        (b"TRIGGER\x00 7", "ASCII"),
        ("TRIGGER Ä".encode(), "ASCII"),
    ],
)
def test_what_is_no_message_is_refused_in_a_sentence(line, expected):
    answer = parse(line)
    assert isinstance(answer, str)
    assert expected in answer


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_sentence(line):
    assert isinstance(parse(line), (Message, str))


def test_what_lineside_sends():
    assert (
        status_line(Status(ready=True, missed=2, heartbeat=3))
        == "STATUS ready=1 busy=0 fault=0 missed=2 heartbeat=3"
    )
    late = PlantAnswer(7, 31, Verdict.UNKNOWN, Reason.LATE, 2, 0.5, "caps", "S 1")
    assert result_line(Status().showing(5, late)) == (
        "RESULT sequence=5 inspection=31 id=7 verdict=UNKNOWN reason=late count=2 score=500 product=caps serial=S%201"
    )
    passed = PlantAnswer(None, 1, Verdict.PASS, None)
    assert "id=0 verdict=PASS reason=- count=0 score=0 product=- serial=-" in result_line(
        Status().showing(1, passed)
    )
    assert trigger_line(PlantTrigger(7, 0.0)) == "TAKEN 7"
    assert trigger_line(TriggerRefused(None, 0.0, "why")) == "REFUSED 0 why"


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_result_is_longer_than_a_line_and_none_breaks_it(product, serial):
    answer = PlantAnswer(
        2**32 - 1, 2**32 - 1, Verdict.UNKNOWN, Reason.IMAGE_UNHEALTHY, 65535, 1.0, product, serial
    )
    line = result_line(Status().showing(2**32 - 1, answer))
    assert len(line) < LINE_BYTES
    assert len(line.split()) == 10
    assert line.isprintable()


def test_the_documented_messages_are_those_that_are_understood():
    words = {form.partition(" ")[0] for who, form, _ in MESSAGES if who == "control"}
    assert all(isinstance(parse(word.encode()), Message) for word in words)
