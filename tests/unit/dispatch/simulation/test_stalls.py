"""A machine that stands still is seen by who has nothing to do but to be on time."""

from __future__ import annotations

import pytest

from lineside.dispatch.simulation.stalls import StallWatch


class Time:
    """A clock whose sleeps take longer than they were told to."""

    def __init__(self, *late_s):
        self.now_s = 0.0
        self._late_s = list(late_s)

    def sleep(self, seconds):
        self.now_s += seconds + self._late_s.pop(0)


def watched(*late_s):
    time = Time(*late_s)
    watch = StallWatch(0.002, clock=lambda: time.now_s, sleep=time.sleep)
    for _ in late_s:
        watch.look()
    return watch


def test_a_little_late_is_no_stall():
    watch = watched(0.0001, 0.0019)
    assert watch.seen == []
    assert watch.longest_s == 0.0


def test_a_stall_lasts_from_when_it_was_due_until_it_woke_up():
    watch = watched(0.0, 0.005, 0.0, 0.003)
    assert watch.seen == [pytest.approx((0.002, 0.007)), pytest.approx((0.009, 0.012))]
    assert watch.longest_s == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("from_s", "to_s", "inside"),
    [
        (0, 0.0015, False),
        (0, 0.003, True),
        (0.003, 0.004, True),
        (0.0071, 0.0085, False),
        (0.008, 1, True),
        (0.013, 1, False),
    ],
)
def test_what_was_measured_meanwhile_is_known(from_s, to_s, inside):
    assert watched(0.0, 0.005, 0.0, 0.003).within(from_s, to_s) is inside
