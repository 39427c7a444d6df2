"""The handshake, step by step: what a control sees, and what the line hears."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.codes import REASON_CODES
from lineside.outputs.plant.exchange import REFUSALS_KEPT
from lineside.outputs.plant.handshake import Handshake
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    ProductChosen,
    TriggerRefused,
)
from lineside.outputs.plant.settings import LinkSettings
from lineside.outputs.plant.signals import Control, Status

MISSED = REASON_CODES[Reason.TRIGGER_MISSED]


class Bench:
    """A handshake with a control at its other end, in virtual time."""

    def __init__(self, *, known=True, state=LineState.READY, **settings):
        self.now_s = 100.0
        self.control = Control()
        self.handshake = Handshake(LinkSettings(**settings), self.now_s, known=Control() if known else None)
        self.handshake.tell(state)
        self.heard = []

    @property
    def status(self):
        return self.handshake.status

    def set(self, **signals):
        self.control = replace(self.control, **signals)
        new = self.handshake.observe(self.control, self.now_s)
        self.heard += new
        return new

    def later(self, seconds):
        self.now_s += seconds
        new = self.handshake.tick(self.now_s)
        self.heard += new
        return new

    def answer(self, trigger, inspection=1, verdict=Verdict.PASS, reason=None, **more):
        self.handshake.answer(PlantAnswer(trigger, inspection, verdict, reason, **more), self.now_s)

    def trigger(self, number):
        event = self.set(trigger=True, trigger_id=number)[-1]
        self.set(trigger=False)
        return event

    def acknowledge(self):
        self.set(acknowledge=True)
        self.set(acknowledge=False)


def test_one_part_from_ready_to_ready():
    bench = Bench()
    assert bench.status == Status(ready=True)
    assert bench.set(trigger=True, trigger_id=7, serial="S7") == [PlantTrigger(7, 100.0, None, "S7", 1)]
    assert bench.status == Status(busy=True, trigger_acknowledged=True)
    bench.set(trigger=False)
    assert bench.status == Status(busy=True)
    bench.answer(7, 31, count=2, confidence=0.5, order=1)
    shown = bench.status
    assert (shown.results_valid, shown.verdict, shown.answered_id, shown.inspection) == (True, 1, 7, 31)
    assert not shown.busy
    assert not shown.ready
    bench.set(acknowledge=True)
    assert bench.status == Status(ready=True)
    bench.set(acknowledge=False)
    assert bench.status == Status(ready=True)


def test_nothing_is_taken_before_the_line_is_ready_and_the_refusal_is_answered():
    bench = Bench(state=LineState.STARTING)
    assert not bench.status.ready
    event = bench.trigger(1)
    assert isinstance(event, TriggerRefused)
    assert "starting" in event.sentence
    shown = bench.status
    assert (shown.results_valid, shown.verdict, shown.reason, shown.answered_id) == (True, 0, MISSED, 1)
    assert shown.missed == 1


@pytest.mark.parametrize("state", [LineState.STOPPING, LineState.FAULT])
def test_a_line_that_takes_no_parts_still_answers_those_on_the_way(state):
    bench = Bench()
    bench.trigger(1)
    bench.handshake.tell(state)
    assert bench.status.fault is (state is LineState.FAULT)
    bench.answer(1)
    assert bench.status.results_valid
    bench.acknowledge()
    assert isinstance(bench.trigger(2), TriggerRefused)


def test_a_double_trigger_is_answered_after_the_first_in_its_turn():
    bench = Bench()
    bench.trigger(1)
    assert "trigger 1 has no answer yet" in bench.trigger(2).sentence
    assert not bench.status.results_valid
    bench.answer(1)
    assert (bench.status.sequence, bench.status.answered_id, bench.status.verdict) == (1, 1, 1)
    bench.acknowledge()
    assert (bench.status.sequence, bench.status.answered_id, bench.status.verdict) == (2, 2, 0)
    assert bench.status.reason == MISSED
    bench.acknowledge()
    assert bench.status == Status(ready=True, missed=1)


def test_a_trigger_before_the_last_answer_is_acknowledged_is_refused():
    bench = Bench()
    bench.trigger(1)
    bench.answer(1)
    assert "not acknowledged" in bench.trigger(2).sentence


def test_the_next_results_come_only_after_the_acknowledgement_has_fallen():
    bench = Bench(depth=2)
    for number in (1, 2):
        bench.trigger(number)
        bench.answer(number, number)
    assert bench.status.sequence == 1
    bench.set(acknowledge=True)
    assert not bench.status.results_valid
    assert bench.status.verdict == 0
    bench.later(0.5)
    assert not bench.status.results_valid
    bench.set(acknowledge=False)
    assert bench.status.sequence == 2


def test_several_parts_are_answered_in_the_order_of_their_triggers():
    bench = Bench(depth=3)
    orders = [bench.trigger(number).order for number in (11, 12, 13)]
    assert not bench.status.ready
    for order, number in reversed(list(zip(orders, (11, 12, 13), strict=True))):
        bench.answer(number, number, order=order)
    seen = []
    for _ in range(3):
        seen.append(bench.status.answered_id)
        bench.acknowledge()
    assert seen == [11, 12, 13]
    assert bench.status.ready


def test_an_answer_finds_its_trigger_by_the_order_where_numbers_are_missing_or_alike():
    bench = Bench(depth=2)
    first, second = bench.trigger(0), bench.trigger(0)
    assert (first.id, second.id) == (None, None)
    with pytest.raises(OutputError, match="order"):
        bench.answer(None)
    bench.answer(None, 2, Verdict.FAIL, order=second.order)
    bench.answer(None, 1, Verdict.PASS, order=first.order)
    assert bench.status.verdict == 1
    bench.acknowledge()
    assert bench.status.verdict == 2


def test_an_answer_to_nobody_in_particular_is_never_that_to_a_trigger_without_a_number():
    bench = Bench()
    trigger = bench.trigger(0)
    with pytest.raises(OutputError, match="order"):
        bench.answer(None)
    assert not bench.status.results_valid
    bench.answer(None, 2, Verdict.FAIL, order=trigger.order)
    assert bench.status.verdict == 2


def test_a_second_answer_to_a_part_is_refused():
    bench = Bench(depth=2)
    bench.trigger(1)
    bench.answer(1, verdict=Verdict.FAIL)
    with pytest.raises(OutputError, match="no trigger 1 waits"):
        bench.answer(1, verdict=Verdict.PASS)
    assert bench.status.verdict == 2


def test_an_answer_to_nobody_is_refused():
    with pytest.raises(OutputError, match="no trigger 5 waits"):
        Bench().answer(5)


def test_a_part_that_no_trigger_began_is_shown_in_its_turn():
    bench = Bench()
    bench.answer(None, 1)
    bench.answer(None, 2, Verdict.FAIL)
    assert (bench.status.inspection, bench.status.answered_id) == (1, 0)
    bench.acknowledge()
    assert (bench.status.inspection, bench.status.verdict) == (2, 2)


def test_a_control_that_never_acknowledges_is_no_leak():
    bench = Bench()
    for number in range(1 + REFUSALS_KEPT):
        bench.answer(None, number + 1)
    with pytest.raises(OutputError, match="not acknowledged"):
        bench.answer(None, 99)


def test_results_that_are_not_acknowledged_are_noted_and_taken_back():
    bench = Bench(acknowledge_timeout_s=1.0)
    bench.trigger(1)
    bench.answer(1)
    assert not bench.later(1.0)
    (note,) = bench.later(0.1)
    assert note.code == "plc.unacknowledged"
    assert bench.status == Status(ready=True, heartbeat=2)
    assert isinstance(bench.trigger(2), PlantTrigger)


def test_results_may_also_stay_until_they_are_acknowledged():
    bench = Bench(acknowledge_timeout_s=1.0, lost_acknowledge="wait")
    bench.trigger(1)
    bench.answer(1)
    notes = bench.later(5.0) + bench.later(5.0)
    assert [note.code for note in notes] == ["plc.unacknowledged"]
    assert bench.status.results_valid
    assert isinstance(bench.trigger(2), TriggerRefused)
    bench.acknowledge()
    assert bench.status.answered_id == 2


def test_results_that_are_taken_back_are_gone_before_the_next_are_valid():
    bench = Bench(depth=2, acknowledge_timeout_s=1.0)
    for number in (1, 2):
        bench.trigger(number)
        bench.answer(number)
    bench.later(1.1)
    assert not bench.status.results_valid
    bench.later(0.01)
    assert bench.status.sequence == 2


def test_more_refusals_than_are_kept_leave_a_gap_in_the_sequence():
    bench = Bench()
    bench.trigger(1)
    for number in range(2, 3 + REFUSALS_KEPT):
        bench.set(trigger=True, trigger_id=number)
        acknowledged = bench.status.trigger_acknowledged
        bench.set(trigger=False)
    assert not acknowledged
    assert bench.status.missed == REFUSALS_KEPT + 1
    bench.answer(1)
    for _ in range(1 + REFUSALS_KEPT):
        bench.acknowledge()
    assert isinstance(bench.trigger(99), PlantTrigger)
    bench.answer(99)
    assert bench.status.sequence == REFUSALS_KEPT + 3


def test_a_part_that_the_line_forgets_is_answered_by_the_link():
    bench = Bench(answer_timeout_s=2.0)
    bench.trigger(1)
    (note,) = bench.later(2.1)
    assert note.code == "plc.unanswered"
    bench.later(0.01)
    assert (bench.status.verdict, bench.status.reason) == (0, REASON_CODES[Reason.INTERNAL_FAULT])
    with pytest.raises(OutputError):
        bench.answer(1)


def test_a_reset_forgets_everything_that_is_on_the_way():
    bench = Bench(depth=2)
    bench.trigger(1)
    bench.trigger(2)
    bench.answer(1)
    (note,) = bench.set(reset=True)
    assert (note.code, "2 parts" in note.sentence) == ("plc.reset", True)
    assert bench.status == Status()
    assert not bench.set(trigger=True, trigger_id=3)
    bench.set(trigger=False)
    bench.set(reset=False)
    assert bench.status == Status(ready=True)
    with pytest.raises(OutputError, match="reset"):
        bench.answer(2)
    assert isinstance(bench.trigger(4), PlantTrigger)


def test_a_product_is_chosen_before_the_part_that_comes_with_it():
    bench = Bench()
    events = bench.set(product="caps", trigger=True, trigger_id=1)
    assert events == [ProductChosen("caps", 100.0), PlantTrigger(1, 100.0, "caps", "", 1)]
    bench.set(trigger=False)
    assert bench.set(product="") == [ProductChosen("", 100.0)]


def test_a_trigger_of_unknown_age_is_refused():
    bench = Bench(known=False)
    (event,) = bench.set(trigger=True, trigger_id=1)
    assert isinstance(event, TriggerRefused)
    assert "how old" in event.sentence


def test_a_trigger_that_was_taken_before_the_control_went_away_is_not_taken_again():
    bench = Bench()
    bench.set(trigger=True, trigger_id=1)
    bench.handshake.away()
    bench.handshake.back(bench.now_s)
    assert not bench.set()
    bench.handshake.away()
    assert isinstance(bench.set(trigger_id=2)[-1], TriggerRefused)


def test_the_time_to_acknowledge_does_not_run_while_the_control_is_away():
    bench = Bench(acknowledge_timeout_s=1.0)
    bench.trigger(1)
    bench.answer(1)
    bench.handshake.away()
    bench.now_s += 60
    bench.handshake.back(bench.now_s)
    assert not bench.set()
    assert bench.status.results_valid


def test_an_acknowledgement_from_before_the_results_is_none():
    bench = Bench()
    bench.trigger(1)
    bench.set(acknowledge=True)
    bench.answer(1)
    assert not bench.status.results_valid
    bench.set(acknowledge=False)
    assert bench.status.results_valid


def test_garbage_is_noted_once_and_changes_nothing():
    bench = Bench()
    bench.trigger(1)
    before = bench.status
    assert [n.code for n in bench.handshake.observe(None, bench.now_s)] == ["plc.garbage"]
    assert not bench.handshake.observe(None, bench.now_s)
    assert bench.status == before
    bench.set()
    assert isinstance(bench.handshake.observe(None, bench.now_s)[0], PlantNote)


def test_the_heartbeat_counts_and_starts_over():
    bench = Bench(heartbeat_s=0.5)
    bench.later(0.5)
    assert bench.status.heartbeat == 1
    bench.later(0.5 * 65536)
    assert bench.status.heartbeat == 1


def test_a_closed_link_shows_nothing_that_could_be_taken_for_an_answer():
    bench = Bench()
    bench.trigger(1)
    bench.answer(1)
    bench.handshake.close()
    assert bench.status == Status(fault=True)
