"""How many pictures the next run takes, and which are left out for it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.dispatch.batching import Plan, fitting, plan
from lineside.dispatch.profile import ServiceTimes

GUARDS = ServiceTimes.linear(0.001, 0.001, 8).seconds


def test_all_that_wait_go_where_the_first_is_in_time():
    assert plan([0.02] * 5, GUARDS, 0.0) == Plan(0, 5)


def test_no_batch_is_larger_than_the_model_takes():
    assert plan([0.02] * 30, GUARDS, 0.0) == Plan(0, 8)


def test_a_batch_is_as_large_as_its_head_allows():
    assert plan([0.004, 0.005, 0.006, 0.007], GUARDS, 0.0) == Plan(0, 3)


def test_a_head_that_would_cost_many_behind_it_is_left_out():
    # Saving the head means a run of one, after which only some of the others are in time.
    deadlines = [0.002] + [0.0095] * 8
    assert plan(deadlines, GUARDS, 0.0) == Plan(1, 8)


def test_a_head_alone_is_not_left_out():
    assert plan([0.002], GUARDS, 0.0) == Plan(0, 1)


@given(
    deadlines=st.lists(st.floats(0.002, 0.03), min_size=1, max_size=24).map(sorted),
    now_s=st.floats(0, 0.001),
)
def test_a_plan_is_within_what_waits_and_in_time_for_its_own_head(deadlines, now_s):
    if now_s + GUARDS[1] > deadlines[0]:
        return
    skip, size = plan(deadlines, GUARDS, now_s)
    assert 0 <= skip < len(deadlines)
    assert 1 <= size <= min(len(deadlines) - skip, 8)
    assert now_s + GUARDS[size] <= deadlines[skip]


@pytest.mark.parametrize("room_s", [0.0, 0.0019, 0.002, 0.0045, 0.009, 1.0])
def test_what_fits_is_the_largest_that_does(room_s):
    found = fitting(GUARDS, room_s, 8)
    assert found == max((b for b in range(1, 9) if GUARDS[b] <= room_s), default=1)


def test_leaving_heads_out_never_saves_fewer_a_second_than_keeping_them():
    for spread in itertools.product([0.0022, 0.0041, 0.0063, 0.0092], repeat=3):
        deadlines = sorted([*spread, 0.012, 0.012, 0.012])
        skip, size = plan(deadlines, GUARDS, 0.0)
        first = fitting(GUARDS, deadlines[0], 6)
        if skip:
            assert size / GUARDS[size] > first / GUARDS[first]
