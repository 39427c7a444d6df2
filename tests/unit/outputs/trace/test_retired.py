"""Which segments go, and what the chain says of one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.outputs.trace.chain import GENESIS, sealed, unsealed
from lineside.outputs.trace.retired import Retired, surplus
from lineside.outputs.trace.segments import Segment


def segments(days, size=10):
    return [Segment(f"{n:06d}-{day}.jsonl", day, size) for n, day in enumerate(days, start=1)]


def remaining(found, max_days, max_bytes):
    while surplus(found, max_days, max_bytes) is not None:
        found = found[1:]
    return found


DAYS = st.lists(st.sampled_from(["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]), max_size=12)
LIMIT = st.none() | st.integers(1, 6)


@given(DAYS, LIMIT, LIMIT)
def test_what_stays_is_within_the_limits_and_nothing_more_could_stay(days, max_days, most):
    every = segments(days)
    max_bytes = None if most is None else most * 10
    kept = remaining(every, max_days, max_bytes)
    assert kept == every[len(every) - len(kept) :]
    assert bool(kept) == bool(every)
    if len(kept) > 1:
        assert max_days is None or len({one.day for one in kept}) <= max_days
        assert max_bytes is None or sum(one.bytes for one in kept) <= max_bytes
    if len(kept) < len(every):
        more = every[len(every) - len(kept) - 1 :]
        is_old = max_days is not None and len({one.day for one in more}) > max_days
        assert is_old or sum(one.bytes for one in more) > max_bytes


def test_the_segment_that_is_written_stays_whatever_it_takes():
    assert surplus(segments(["2026-03-01"], size=10**12), 1, 1) is None
    assert surplus([], 1, 1) is None


def test_a_clock_that_is_wrong_for_a_day_costs_the_records_of_one_day_at_most():
    days = ["2026-03-01", "2026-03-02", "2054-09-09", "2026-03-03"]
    assert [one.day for one in remaining(segments(days), 3, None)] == days[1:]


def test_why_a_segment_goes():
    assert surplus(segments(["2026-03-01", "2026-03-02"]), 1, 1) == "days"
    assert surplus(segments(["2026-03-01", "2026-03-02"]), 2, 19) == "bytes"
    assert surplus(segments(["2026-03-01", "2026-03-02"]), 2, 20) is None


def records(numbers, previous=GENESIS):
    found = []
    for number in numbers:
        line, previous = sealed({"kind": "part"}, number, previous)
        found.append(unsealed(line))
    return found


def test_what_was_removed_in_one_go_is_known_by_the_last_word_alone():
    chain = records(range(9))
    first = Retired.after(None, "a", chain[0], chain[2])
    second = Retired.after(first, "b", chain[3], chain[5])
    third = Retired.after(second, "c", chain[6], chain[8])
    assert (third.first, third.last, third.hash, third.whole_from) == (6, 8, chain[8]["hash"], 0)


def test_a_gap_before_a_segment_and_a_hash_that_does_not_fit_are_never_forgotten():
    chain = records(range(9))
    first = Retired.after(None, "a", chain[0], chain[2])
    after_a_gap = Retired.after(first, "c", chain[5], chain[6])
    assert after_a_gap.whole_from == 5
    assert Retired.after(after_a_gap, "d", chain[7], chain[8]).whole_from == 5
    others = records(range(3, 6), previous="f" * 64)
    assert Retired.after(first, "b", others[0], others[2]).whole_from == 3
    assert Retired.after(None, "b", others[0], others[2]).whole_from == 3


def test_a_record_of_a_removal_is_read_as_it_was_written():
    one = Retired("000001-2026-03-01.jsonl", 0, 7, "ab" * 32, 0)
    assert Retired.of(json.loads(json.dumps(one.to_record("days")))) == one


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "part"},
        {"segment": 7},
        {"last": None},
        {"first": "0"},
        {"last_hash": None},
        {"whole_from": 0.0},
    ],
)
def test_a_record_that_tells_of_something_else_is_no_word_of_a_removal(more):
    record = Retired("000001-2026-03-01.jsonl", 0, 7, "ab" * 32, 0).to_record("days")
    assert Retired.of(record | more) is None
