"""The simulator: virtual time, devices with noise and faults, and what it tells of them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.settings import Settings
from lineside.dispatch.simulation.handover import Handover
from lineside.dispatch.simulation.scenario import (
    Arrivals,
    FaultKind,
    Scenario,
    SimulatedDevice,
    SimulatedFault,
    SimulatedStream,
)
from lineside.dispatch.simulation.simulate import simulate

FAST = ServiceTimes.linear(0.001, 0.001, 8)
MID = ServiceTimes.linear(0.0015, 0.0025, 8)
SLOW = ServiceTimes.linear(0.002, 0.005, 4)
HET4 = tuple(
    SimulatedDevice(name, name, times)
    for name, times in (("fast-1", FAST), ("fast-2", FAST), ("mid", MID), ("slow", SLOW))
)


def scenario(load, *, devices=HET4, judged=1.0, count=20, arrivals=Arrivals.REGULAR, **more):
    bound = sum(device.times.rate(0.02) for device in devices)
    deliveries = [Delivery.EVERY_PART if k < judged * count else Delivery.LATEST for k in range(count)]
    streams = tuple(
        SimulatedStream(f"camera-{k}", bound * load / count, 0.02, delivery, arrivals)
        for k, delivery in enumerate(deliveries)
    )
    return Scenario(streams, devices, **({"seconds": 1.5} | more))


def test_the_same_scenario_gives_the_same_outcome():
    one, other = (simulate(scenario(0.7, tails=0.01, seconds=0.5)) for _ in range(2))
    assert np.array_equal(one.answered_s, other.answered_s, equal_nan=True)
    different = simulate(scenario(0.7, tails=0.01, seconds=0.5, seed=2))
    assert not np.array_equal(one.arrived_s, different.arrived_s)


def test_nearly_all_that_the_bound_allows_is_in_time():
    assert simulate(scenario(0.9)).figures().misses <= 0.001


@pytest.mark.parametrize("load", [1.1, 1.5, 2.0])
def test_overload_costs_no_more_than_what_is_over(load):
    figures = simulate(scenario(load)).figures()
    assert figures.in_time >= 0.9 / load
    assert figures.lost == 0


def test_judged_pictures_are_in_time_in_an_overload_of_live_ones():
    outcome = simulate(scenario(2.0, judged=0.4))
    assert outcome.figures(delivery=Delivery.EVERY_PART).in_time >= 0.99
    assert outcome.figures(delivery=Delivery.LATEST).dropped > 0


def test_live_views_lose_alike():
    shares = simulate(scenario(1.3, judged=0.0, seconds=3.0)).shares()
    assert shares.min() >= 0.85 * shares.mean()


def test_the_figures_are_those_of_an_idle_device():
    device = SimulatedDevice("only", "only", ServiceTimes((0.0, 0.004)))
    stream = SimulatedStream("slow camera", 10.0, 0.02)
    figures = simulate(Scenario((stream,), (device,), noise=0.0, seconds=2.0)).figures()
    assert figures.p50_s == pytest.approx(0.004)
    assert figures.p99_s == pytest.approx(0.004)
    assert figures.frames == 20


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_of_one_of_four_costs_little_and_loses_nothing(kind):
    fault = SimulatedFault("fast-1", kind, 0.5, 1.0)
    well, ill = (simulate(scenario(0.45, faults=faults, seconds=2.5)) for faults in ((), (fault,)))
    assert ill.figures().lost == 0
    assert ill.figures().misses <= well.figures().misses + 0.005


@pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.HANG, FaultKind.DEATH])
def test_a_device_is_back_within_a_second_after_it_healed(kind):
    fault = SimulatedFault("fast-1", kind, 0.5, 2.5)
    marks = [m for m in simulate(scenario(0.3, faults=(fault,), seconds=4.0)).marks if m.device == "fast-1"]
    assert marks[-1].health == "healthy"
    assert 2.5 < marks[-1].at_s <= 3.5


def test_a_dead_device_is_not_waited_for():
    fault = SimulatedFault("fast-1", FaultKind.DEATH, 0.5, math.inf)
    outcome = simulate(scenario(0.4, faults=(fault,)))
    assert outcome.statistics.devices[0].health == "quarantined"
    assert outcome.figures(from_s=0.6).misses < 0.005


def test_no_policy_without_admission_comes_near():
    ours = simulate(scenario(0.7, arrivals=Arrivals.RANDOM)).figures()
    plain = Settings(admission=False)
    for routing, most in (("round_robin", 0.6), ("shared_queue", 0.9)):
        theirs = simulate(scenario(0.7, arrivals=Arrivals.RANDOM, routing=routing, settings=plain)).figures()
        assert ours.result_p99_s <= most * theirs.result_p99_s


@pytest.mark.parametrize("arrivals", list(Arrivals))
def test_pictures_come_at_their_rate(arrivals):
    outcome = simulate(scenario(0.3, arrivals=arrivals, seconds=3.0))
    assert len(outcome.kind) == pytest.approx(outcome.scenario.asked_fps * 3, rel=0.06)
    if arrivals is Arrivals.TOGETHER:
        assert len(set(outcome.arrived_s.tolist())) == pytest.approx(len(outcome.kind) / 20, abs=1)


def test_many_devices_and_streams_are_simulated():
    devices = tuple(SimulatedDevice(f"d{k}", "fast", FAST) for k in range(64))
    outcome = simulate(scenario(0.8, devices=devices, count=2000, seconds=0.3))
    assert len(outcome.kind) > 10_000
    assert outcome.figures().misses < 0.005


def test_every_virtual_second_is_told():
    seconds = []
    simulate(scenario(0.1, seconds=3.2), on_second=lambda: seconds.append(None))
    assert len(seconds) == 3


def test_a_fault_of_a_device_that_does_not_exist_is_refused():
    with pytest.raises(SettingsError, match='no device "fast"; did you mean'):
        scenario(0.5, faults=(SimulatedFault("fast", FaultKind.ERROR, 0, 1),))


def test_a_timeline_tells_of_every_run():
    outcome = simulate(scenario(0.5, seconds=0.5))
    assert sum(s.size for s in outcome.segments) == len(outcome.kind)
    for device in HET4:
        runs = sorted(s for s in outcome.segments if s.device == device.name)
        assert all(a.to_s <= b.from_s + 1e-12 for a, b in pairwise(runs))


def test_the_arrivals_of_a_real_run_can_be_played():
    lump = ([0.1] * 40, [k % 20 for k in range(40)])
    outcome = simulate(scenario(0.5), arrivals=lump)
    assert outcome.arrived_s.tolist() == [0.1] * 40
    assert outcome.statistics.arrived == 40
    evenly = simulate(scenario(0.5), arrivals=([0.1 + 0.01 * k for k in range(40)], lump[1]))
    assert np.nanmax(evenly.result_s - evenly.arrived_s) < np.nanmax(outcome.result_s - outcome.arrived_s)


def test_a_device_is_busy_while_its_run_is_under_way_and_not_while_it_is_handed_over():
    device = SimulatedDevice("only", "only", ServiceTimes((0.0, 0.004)))
    stream = SimulatedStream("camera", 50.0, 0.02)
    slow = Handover.constant(5000)
    outcome = simulate(Scenario((stream,), (device,), noise=0.0, seconds=2.0, handover=slow))
    assert outcome.utilisation() == {"only": pytest.approx(0.2, rel=0.02)}


def test_a_run_that_hangs_keeps_its_device_busy_to_the_end():
    device = SimulatedDevice("only", "only", ServiceTimes((0.0, 0.004)))
    hang = SimulatedFault("only", FaultKind.HANG, 0.0, math.inf)
    busy = simulate(
        Scenario((SimulatedStream("camera", 50.0, 0.02),), (device,), (hang,), seconds=1.0)
    ).utilisation()
    assert 0.1 < busy["only"] <= 1
