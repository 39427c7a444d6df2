"""A camera's numbers tell which pictures are missing, and its clock when one was taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.capture.genicam.clocks import FrameNumbers, HostClock, tick_s, together
from lineside.core.errors import SettingsError
from standin_genicam import TableNodes, integer


@given(
    first=st.integers(1, 65_535),
    steps=st.lists(st.integers(1, 300), max_size=60),
)
def test_gaps_are_counted_across_the_turn_of_sixteen_bits(first, steps):
    numbers = FrameNumbers(16)
    numbers.missing_before(first)
    at, missing = first, 0
    for step in steps:
        at = (at + step - 1) % 65_535 + 1  # never 0
        missing += numbers.missing_before(at)
    assert missing == sum(steps) - len(steps)


def test_a_camera_that_counts_anew_has_no_gap():
    numbers = FrameNumbers(0)
    assert [numbers.missing_before(n) for n in (10, 11, 0, 1, 5)] == [0, 0, 0, 0, 3]


def test_a_damaged_picture_without_a_number_fills_one_gap():
    numbers = FrameNumbers(16)
    assert [numbers.missing_before(n) for n in (10, None, 12, 13, None, 17)] == [0, 0, 0, 0, 0, 2]


def test_a_tick_is_a_nanosecond_unless_the_camera_says_otherwise():
    assert tick_s(TableNodes()) == 1e-9
    assert tick_s(TableNodes(GevTimestampTickFrequency=integer(125_000_000))) == 8e-9
    assert tick_s(TableNodes(GevTimestampTickFrequency=integer(SettingsError))) == 1e-9


@given(ways_s=st.lists(st.floats(0.001, 0.5), min_size=1, max_size=40), apart_s=st.floats(-1e6, 1e6))
def test_a_pictures_age_is_what_its_way_took_longer_than_the_shortest(ways_s, apart_s):
    clock = HostClock()
    shortest_s = float("inf")
    for i, way_s in enumerate(ways_s):
        taken_s = 1000 + i * 0.04
        shortest_s = min(shortest_s, way_s)
        age_s = clock.age_s(taken_s + apart_s, taken_s + way_s)
        assert age_s == pytest.approx(way_s - shortest_s, abs=1e-3)


def test_a_clock_that_is_set_makes_no_picture_old():
    clock = HostClock()
    assert clock.age_s(100.0, 5.0) == 0
    assert clock.age_s(100_000.0, 5.04) == 0
    assert clock.age_s(100_000.04, 5.18) == pytest.approx(0.1, abs=1e-3)
    assert clock.age_s(None, 6.0) == 0


def test_the_numbers_that_are_told_go_on_where_those_of_the_camera_begin_again():
    numbers = FrameNumbers(16)
    assert [numbers.told(number) for number in (65_533, 65_535, 1, 3)] == [65_533, 65_535, 65_536, 65_538]
    numbers.begin_again(goes_on=True)
    assert [numbers.told(number) for number in (1, 2)] == [65_539, 65_540]


def test_numbers_of_64_bits_are_told_as_they_are():
    numbers = FrameNumbers(16)  # of the packets; the picture's own have more
    assert [numbers.told(number) for number in (65_535, 65_536, 70_000)] == [65_535, 65_536, 70_000]


class HeldUp:
    """A thread that is held up, for so long each time, between two clocks that agree."""

    def __init__(self, *delays_s):
        self.now_s, self.delays_s = 100.0, list(delays_s)

    def clock(self):
        return self.now_s

    def other(self):
        self.now_s += self.delays_s.pop(0)
        return self.now_s


@pytest.mark.parametrize(
    ("delays_s", "off_s"),
    [
        ((0.0,), 0.0),
        ((0.04, 0.0), 0.0),
        ((0.04, 0.03, 0.0001), 0.0001),
        ((0.05, 0.03, 0.04, 0.06, 0.05), 0.03),
    ],
)
def test_two_clocks_are_read_again_where_the_thread_was_held_up_between_them(delays_s, off_s):
    thread = HeldUp(*delays_s)
    now_s, other_s = together(thread.clock, thread.other)
    assert other_s - now_s == pytest.approx(off_s)
    assert not thread.delays_s
