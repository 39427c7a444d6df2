"""What an engine itself takes: as a value, in virtual time, and in what the simulator tells."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import SettingsError
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.simulation.handover import Desk, Handover, at
from lineside.dispatch.simulation.scenario import Scenario, SimulatedDevice, SimulatedStream
from lineside.dispatch.simulation.simulate import simulate

US = 1e-6
EACH_WAY = Handover.constant(100)
ONE = SimulatedDevice("one", "one", ServiceTimes.linear(0.01, 0, 1))
EIGHT = SimulatedDevice("eight", "eight", ServiceTimes.linear(0.01, 0.001, 8))


def line(*devices, fps=10.0, deadline_s=0.1, **more):
    stream = SimulatedStream("top", fps, deadline_s)
    return Scenario((stream,), devices, **({"seconds": 1.0, "noise": 0.0} | more))


def latencies_ms(scenario, arrived_s):
    outcome = simulate(scenario, arrivals=(arrived_s, [0] * len(arrived_s)))
    return (outcome.answered_s - outcome.arrived_s) * 1e3


def test_a_picture_takes_both_ways_and_its_run():
    assert latencies_ms(line(ONE, handover=EACH_WAY), [0.1]) == pytest.approx([10.2])


def test_a_picture_that_waits_needs_no_thread_to_wake_up():
    took = latencies_ms(line(ONE, handover=EACH_WAY), [0.1, 0.1])
    assert took == pytest.approx([10.2, 20.3])  # its run begins when the first one's end is heard


def test_the_next_run_waits_for_the_answers_of_the_last_one():
    handover = Handover.measured({50: 100}, {50: 100}, "a test", settle=10, each=20, next=30)
    took = latencies_ms(line(EIGHT, handover=handover), [0.1, 0.1, 0.1, 0.1])
    # Alone: 100 + 11,000 + 100 µs. Then three in one run of 13 ms, from 30 µs later on: their answers are put off by 2 * 10 µs,
    # and come 20 µs apart.
    assert took == pytest.approx([11.2, 11.2 + 0.03 + 13 + 0.12, 24.37, 24.39])


def test_a_device_is_not_busy_while_its_pictures_are_handed_over():
    outcome = simulate(line(ONE, handover=EACH_WAY), arrivals=([0.1], [0]))
    (run,) = [segment for segment in outcome.segments if segment.size]
    assert (run.from_s, run.to_s) == pytest.approx((0.1001, 0.1101))


def test_no_hand_over_and_one_of_no_time_are_the_same():
    without, zero = (line(ONE, fps=60, handover=given) for given in (None, Handover.constant(0)))
    assert np.array_equal(simulate(without).answered_s, simulate(zero).answered_s)


def test_one_interpreter_sees_to_one_thing_at_a_time():
    handover = Handover.measured({50: 0}, {50: 0}, "a test", python=200)
    desk = Desk(handover, random.Random(1))
    assert [desk.arrives(1.0), desk.arrives(1.0), desk.ends(1.0, 2)] == pytest.approx(
        [1.0, 1.0 + 100 * US, 1.0 + 200 * US]
    )
    assert desk.arrives(1.0) == pytest.approx(1.0 + 400 * US)
    assert desk.busy_s == pytest.approx(500 * US)
    assert desk.arrives(2.0) == 2.0


def test_more_pictures_than_the_interpreter_has_time_for_are_late_on_any_device():
    devices = tuple(SimulatedDevice(f"d{k}", "d", ServiceTimes.linear(0.001, 0, 1)) for k in range(16))
    handover = Handover.measured({50: 10}, {50: 10}, "a test", python=200)
    outcome = simulate(line(*devices, fps=8000, deadline_s=0.02, handover=handover))
    assert simulate(line(*devices, fps=8000, deadline_s=0.02)).figures().misses == 0
    assert outcome.figures().misses > 0.2
    assert outcome.figures().lost == 0
    assert outcome.handing == 1.0


def test_what_is_drawn_follows_the_spread():
    handover = Handover.measured({0: 100, 50: 200, 100: 1000}, {50: 0}, "a test")
    desk = Desk(handover, random.Random(1))
    drawn = np.array([desk.starts(0.0, None) for _ in range(4000)]) / US
    assert np.percentile(drawn, (25, 50, 75)) == pytest.approx((150, 200, 600), rel=0.1)


def test_between_two_percentages_is_interpolated_and_beyond_the_last_nothing_is_made_up():
    spread = ((10.0, 1.0), (50.0, 2.0), (99.0, 9.0))
    assert [at(spread, share) for share in (0, 10, 30, 50, 99, 99.9)] == [1.0, 1.0, 1.5, 2.0, 9.0, 9.0]


@given(
    start_us=st.floats(0, 5000),
    end_us=st.floats(0, 5000),
    more=st.fixed_dictionaries({key: st.floats(0, 300) for key in ("settle", "each", "next", "python")}),
    arrived=st.lists(st.floats(0, 0.5), min_size=1, max_size=40),
)
def test_whatever_it_takes_every_picture_has_one_answer_and_runs_do_not_overlap(
    start_us, end_us, more, arrived
):
    handover = Handover.measured({50: start_us}, {50: end_us}, "a test", **more)
    scenario = line(EIGHT, ONE, deadline_s=0.04, handover=handover)
    outcome = simulate(scenario, arrivals=(sorted(arrived), [0] * len(arrived)))
    figures = outcome.figures()
    assert figures.lost == 0
    assert outcome.statistics.arrived == len(arrived)
    assert math.isnan(figures.p50_s) or figures.p50_s >= 0.01 - 1e-9
    for device in ("eight", "one"):
        runs = [segment for segment in outcome.segments if segment.device == device]
        assert all(before.to_s <= after.from_s + 1e-9 for before, after in pairwise(runs))


@pytest.mark.parametrize("microseconds", [-1, math.nan, math.inf, 2e6])
def test_what_cannot_be_is_refused(microseconds):
    with pytest.raises(SettingsError, match="hand-over: expected microseconds of 0 to 1000000"):
        Handover.constant(microseconds)


@pytest.mark.parametrize("spread", [{}, {101: 5}, {-1: 5}])
def test_percentages_out_of_range_are_refused(spread):
    with pytest.raises(SettingsError, match="percentages of 0 to 100"):
        Handover.measured(spread, {50: 1}, "a test")


def test_it_is_told_with_its_tail():
    assert str(EACH_WAY) == "100 µs to an idle device, 100 µs from a run's end to its answer"
    measured = Handover.measured({50: 110, 99: 300}, {50: 70, 99: 200}, "a test")
    assert str(measured).startswith("110 µs (p99 300 µs) to an idle device, 70 µs (p99 200 µs)")
