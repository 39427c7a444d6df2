"""The blocks of signals: what goes in comes out, in its place, and nonsense is no block."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.link import PlantAnswer
from lineside.outputs.plant.signals import (
    CONTROL,
    CONTROL_WORDS,
    RESULTS_WORD,
    STATUS,
    STATUS_WORDS,
    Control,
    Order,
    Status,
    from_words,
    pack_control,
    pack_status,
    per_mille,
    to_words,
    unpack_control,
    unpack_status,
)

LONG = st.integers(0, 0xFFFF_FFFF)
WORD = st.integers(0, 0xFFFF)
CODE = st.text("ABCxyz0189-_./", max_size=16)
ORDER = st.sampled_from(Order)
CONTROLS = st.builds(
    Control, st.booleans(), st.booleans(), st.booleans(), LONG, CODE, st.text("ABC019-", max_size=32)
)
STATUSES = st.builds(
    Status,
    *[st.booleans()] * 5,
    WORD,
    *[LONG] * 4,
    *[WORD] * 4,
    CODE,
    st.text("ABC019-", max_size=32),
)


@pytest.mark.parametrize(
    ("table", "kind", "words"), [(CONTROL, Control, CONTROL_WORDS), (STATUS, Status, STATUS_WORDS)]
)
def test_the_tables_name_every_signal_once_and_no_two_share_a_place(table, kind, words):
    assert [signal.name for signal in table] == [field.name for field in fields(kind)]
    places = [
        (signal.word + more, signal.bit if signal.kind == "bit" else None)
        for signal in table
        for more in range(signal.words)
    ]
    assert len(set(places)) == len(places)
    assert max(word for word, _ in places) == words - 1
    bits = {word for word, bit in places if bit is not None}
    assert not bits & {word for word, bit in places if bit is None}


def test_the_results_are_one_run_of_words_behind_the_flags():
    assert {signal.name for signal in STATUS if signal.word < RESULTS_WORD} == {
        "ready",
        "busy",
        "trigger_acknowledged",
        "results_valid",
        "fault",
        "heartbeat",
        "missed",
    }


@given(CONTROLS, ORDER)
def test_what_the_control_writes_is_read(control, order):
    block = pack_control(control, order)
    assert unpack_control(block, order) == control
    assert from_words(to_words(block, order), order) == block


@given(STATUSES, ORDER)
def test_what_lineside_writes_is_read(status, order):
    assert unpack_status(pack_status(status, order), order) == status


@given(st.binary(max_size=120), ORDER)
def test_any_bytes_are_a_block_or_none(block, order):
    control = unpack_control(block, order)
    if control is not None:
        assert len(block) == 2 * CONTROL_WORDS
        assert control.product.isascii() or "�" in control.product


def test_a_block_of_ones_is_no_trigger():
    assert unpack_control(b"\xff" * 2 * CONTROL_WORDS, Order.BIG) is None
    assert unpack_control(b"", Order.BIG) is None


def test_numbers_stand_as_the_makers_of_controls_have_them():
    control = Control(trigger=True, trigger_id=0x0102_0304, product="AB")
    assert to_words(pack_control(control, Order.BIG), Order.BIG)[:5] == [1, 0, 0x0102, 0x0304, 0x4142]
    assert to_words(pack_control(control, Order.LITTLE), Order.LITTLE)[:5] == [1, 0, 0x0304, 0x0102, 0x4241]


def test_results_without_an_answer_say_unknown():
    words = to_words(pack_status(Status(), Order.BIG), Order.BIG)
    assert words == [0] * STATUS_WORDS


def test_an_answer_is_shown_whole():
    answer = PlantAnswer(7, 12, Verdict.PASS, None, 3, 0.8765, "caps", "S1")
    shown = Status(ready=True).showing(5, answer)
    assert shown == Status(
        ready=True,
        results_valid=True,
        sequence=5,
        inspection=12,
        answered_id=7,
        verdict=1,
        reason=0,
        count=3,
        score=876,
        answered_product="caps",
        answered_serial="S1",
    )
    late = Status().showing(5, PlantAnswer(None, 2**32 + 1, Verdict.UNKNOWN, Reason.LATE, 70_000, math.nan))
    assert (late.verdict, late.reason, late.count, late.score) == (0, 1, 65535, 0)
    assert (late.inspection, late.answered_id) == (1, 0)


def test_text_that_is_too_long_or_no_ascii_fits_and_names_no_product():
    status = Status(answered_product="ä" + "x" * 40)
    assert unpack_status(pack_status(status, Order.BIG), Order.BIG).answered_product == "?" + "x" * 15
    block = bytearray(pack_control(Control(product="caps"), Order.BIG))
    block[8] = 0xC3
    assert unpack_control(bytes(block), Order.BIG).product == "�aps"


@pytest.mark.parametrize(
    ("confidence", "score"), [(0, 0), (1, 1000), (2, 1000), (-1, 0), (0.5, 500), (math.inf, 1000)]
)
def test_a_confidence_is_per_mille(confidence, score):
    assert per_mille(confidence) == score
