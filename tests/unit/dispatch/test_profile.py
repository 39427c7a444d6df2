"""Service times, and what runs teach about them."""

from __future__ import annotations

import pytest

from lineside.core.errors import SettingsError
from lineside.dispatch.profile import Pace, ServiceTimes, drain_table


def test_sizes_between_two_measured_ones_are_interpolated():
    times = ServiceTimes.measured({1: 0.002, 4: 0.005, 8: 0.011})
    assert times.seconds == pytest.approx((0, 0.002, 0.003, 0.004, 0.005, 0.0065, 0.008, 0.0095, 0.011))


@pytest.mark.parametrize("seconds", [{}, {2: 0.1}, {1: 0.0}, {1: -1.0}, {1: float("inf")}])
def test_times_that_cannot_be_are_refused(seconds):
    with pytest.raises(SettingsError, match="service times: expected"):
        ServiceTimes.measured(seconds)


def test_a_batch_that_slows_the_device_down_is_not_the_best():
    times = ServiceTimes.measured({1: 0.002, 4: 0.004, 8: 0.012})
    assert times.best_batch() == 4
    assert times.rate() == pytest.approx(1000)
    assert times.best_batch(0.0025) == 1
    assert times.rate(0.001) == 0


def test_a_queue_is_worked_off_in_full_batches_and_a_rest():
    table = drain_table(ServiceTimes.linear(0.001, 0.001, 8))
    assert table[0] == 0
    assert table[8] == pytest.approx(0.009)
    assert table[11] == pytest.approx(0.009 + 0.004)


def test_small_errors_move_the_pace_slowly():
    pace = Pace()
    for _ in range(40):
        pace.observe(0.01, 0.012)
    assert pace.ratio == pytest.approx(1.2, abs=0.01)
    assert pace.deviation < 0.05


def test_one_slow_run_is_damped_and_a_second_is_believed():
    pace = Pace()
    pace.observe(0.01, 0.05)
    assert pace.ratio < 1.1
    pace.observe(0.01, 0.05)
    assert pace.ratio == pytest.approx(5)


def test_a_slow_run_and_then_a_fast_one_are_not_two_of_a_kind():
    pace = Pace()
    pace.observe(0.01, 0.03)
    pace.observe(0.01, 0.002)
    assert 0.9 < pace.ratio < 1.1


def test_a_device_that_got_well_is_believed_after_two_runs():
    pace = Pace()
    pace.believe(5.0)
    pace.observe(0.01, 0.01)
    pace.observe(0.01, 0.01)
    assert pace.ratio == pytest.approx(1)
