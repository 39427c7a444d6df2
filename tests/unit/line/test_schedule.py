from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import SettingsError
from lineside.line.schedule import Schedule


def test_parts_come_at_an_even_rate_until_the_time_is_up():
    schedule = Schedule(10.0, 120, 1.5)
    assert list(schedule.due(9.9)) == []
    assert list(schedule.due(10.0)) == [(0, 10.0)]
    assert schedule.wake_s == 10.5
    assert list(schedule.due(11.2)) == [(1, 10.5), (2, 11.0)]
    assert schedule.wake_s == 11.5
    assert not schedule.is_over(11.4)
    assert schedule.is_over(11.5)


def test_a_line_that_is_stopped_gets_no_more_parts():
    schedule = Schedule(0.0, 60, 100)
    list(schedule.due(1.0))
    schedule.end(1.5)
    assert schedule.is_over(1.5)
    assert list(schedule.due(50.0)) == []


@given(st.floats(1, 6000), st.floats(0.01, 60), st.lists(st.floats(0, 10), max_size=20))
def test_no_part_is_lost_or_given_twice_however_rarely_one_looks(rate, seconds, steps):
    schedule, now_s, given_parts = Schedule(0.0, rate, seconds), 0.0, []
    for step in [*steps, seconds]:
        now_s += step
        given_parts += [part for part, _ in schedule.due(now_s)]
    assert given_parts == list(range(len(given_parts)))
    assert schedule.is_over(now_s)
    assert abs(len(given_parts) - seconds * rate / 60) <= 1


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (60, 0), (60, float("inf")), (float("nan"), 1)])
def test_an_endless_or_empty_schedule_is_refused(rate, seconds):
    with pytest.raises(SettingsError, match="above 0"):
        Schedule(0.0, rate, seconds)
