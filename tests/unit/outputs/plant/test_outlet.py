"""A control that reads between any two writes never sees valid results that are not whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import OutputError
from lineside.outputs.plant.outlet import Outlet
from lineside.outputs.plant.signals import STATUS_WORDS, Order, Status, pack_status, unpack_status


class Memory:
    """A control's memory, and every state that it went through."""

    def __init__(self):
        self.block = bytearray(2 * STATUS_WORDS)
        self.seen = []
        self.fails = set()
        self.writes = 0

    def write(self, word, data):
        self.writes += 1
        if self.writes in self.fails:
            raise OutputError("gone")
        self.block[2 * word : 2 * word + len(data)] = data
        self.seen.append(unpack_status(bytes(self.block), Order.BIG))


def part(number, verdict=1):
    return Status(results_valid=True, sequence=number, inspection=number, answered_id=number, verdict=verdict)


STATUSES = st.lists(
    st.one_of(
        st.builds(Status, ready=st.booleans(), heartbeat=st.integers(0, 3)),
        st.builds(part, st.integers(1, 5), st.integers(0, 2)),
    ),
    max_size=12,
)


@given(STATUSES, st.sets(st.integers(1, 30), max_size=4))
def test_valid_results_are_always_those_of_one_status(statuses, fails):
    memory = Memory()
    memory.fails = fails
    outlet = Outlet(memory.write, Order.BIG)
    for status in statuses:
        try:
            outlet.write(status)
        except OutputError:
            outlet.forget()
            continue
        assert unpack_status(bytes(memory.block), Order.BIG) == status
    whole = {(s.sequence, s.inspection, s.answered_id, s.verdict) for s in statuses if s.results_valid}
    for seen in memory.seen:
        if seen.results_valid:
            assert (seen.sequence, seen.inspection, seen.answered_id, seen.verdict) in whole


def test_valid_of_an_earlier_run_falls_before_anything_else_is_written():
    memory = Memory()
    memory.block[:] = pack_status(part(9), Order.BIG)
    Outlet(memory.write, Order.BIG).write(part(1))
    assert not memory.seen[0].results_valid
    assert memory.seen[-1] == part(1)


def test_nothing_is_written_where_nothing_has_changed():
    memory = Memory()
    outlet = Outlet(memory.write, Order.BIG)
    outlet.write(Status(ready=True))
    before = memory.writes
    outlet.write(Status(ready=True))
    assert memory.writes == before
    outlet.write(replace(Status(ready=True), heartbeat=1))
    assert memory.writes == before + 1


def test_an_answer_takes_two_writes_where_nothing_was_valid():
    memory = Memory()
    outlet = Outlet(memory.write, Order.BIG)
    outlet.write(Status())
    before = memory.writes
    outlet.write(part(1))
    assert memory.writes == before + 2


def test_a_write_that_failed_is_done_again():
    memory = Memory()
    outlet = Outlet(memory.write, Order.BIG)
    outlet.write(Status())
    memory.fails = {memory.writes + 1}
    with pytest.raises(OutputError):
        outlet.write(part(1))
    outlet.write(part(1))
    assert memory.seen[-1] == part(1)
