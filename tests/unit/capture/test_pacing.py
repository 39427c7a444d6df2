"""When pictures are due; time is an argument, and no wait is one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.capture.camera import CameraSettings, TriggerMode
from lineside.capture.pacing import KEPT, Pace
from lineside.core.delivery import Delivery
from lineside.core.errors import SourceError


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def pace(clock, fps=10.0, **settings):
    return Pace(CameraSettings("top", "stub:", clock=clock, **settings), fps)


def test_the_first_is_due_at_once_and_the_others_at_the_rate(clock):
    one = pace(clock)
    assert one.wait(0).at_s == 100.0
    assert one.wait(0) is None
    clock.now_s = 100.1
    assert (due := one.wait(0)).number == 1
    assert due.at_s == pytest.approx(100.1)


def test_a_reader_of_the_newest_skips_what_it_was_too_late_for(clock):
    one = pace(clock, delivery=Delivery.LATEST)
    one.wait(0)
    clock.now_s = 100.55
    due = one.wait(0)
    assert (due.number, due.skipped) == (5, 4)


def test_where_every_picture_counts_they_wait_up_to_a_bound(clock):
    one = pace(clock)
    one.wait(0)
    clock.now_s = 100.0 + (KEPT + 5) / 10 + 0.01
    due = one.wait(0)
    assert (due.number, due.skipped) == (6, 5)
    assert due.at_s == pytest.approx(100.6)


def test_a_trigger_makes_one_picture_due(clock):
    one = pace(clock, trigger=TriggerMode.SOFTWARE)
    assert one.wait(0) is None
    one.trigger()
    clock.now_s = 100.2
    assert one.wait(0).at_s == 100.0
    assert one.wait(0) is None


def test_what_runs_by_itself_is_not_triggered_and_what_is_closed_gives_nothing(clock):
    one = pace(clock)
    with pytest.raises(SourceError, match="trigger"):
        one.trigger()
    one.close()
    with pytest.raises(SourceError, match="closed"):
        one.wait(0)


@given(
    st.lists(st.floats(0, 2), max_size=60),
    st.sampled_from([0.5, 7.0, 30.0, 999.0]),
    st.sampled_from(list(Delivery)),
)
def test_numbers_rise_by_what_was_skipped_and_nothing_is_due_before_its_time(pauses, fps, delivery):
    clock = Clock()
    one, dues = pace(clock, fps, delivery=delivery), []
    for pause_s in pauses:
        if (due := one.wait(0)) is not None:
            assert due.at_s <= clock.now_s
            dues.append(due)
        clock.now_s += pause_s
    assert all(b.number == a.number + 1 + b.skipped for a, b in pairwise(dues))
    assert all(a.at_s <= b.at_s for a, b in pairwise(dues))
