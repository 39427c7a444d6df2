"""Policies: what each of the folder must do, and what makes them different."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_rig import FAST, PART, SLOW, VIEW, Rig
from lineside.core import plugins
from lineside.core.errors import UnknownNameError
from lineside.dispatch.actions import Release, Run
from lineside.dispatch.device import Device, Running
from lineside.dispatch.events import MemorySeen
from lineside.dispatch.job import Job
from lineside.dispatch.lane import soonest
from lineside.dispatch.routing import POLICIES, open_policy
from lineside.dispatch.words import Request, Stream

TWO = {"slow": {"model": SLOW}, "fast": {"model": FAST}}


@pytest.mark.parametrize("name", plugins.own(POLICIES))
def test_every_policy_keeps_the_promises(name):
    rig = Rig(TWO, routing=name).start()
    for k in range(40):
        rig.frame(Stream(f"camera-{k % 3}"), at_s=k * 0.001)
        if k % 4 == 3:
            for device in list(rig.running):
                rig.done(device)
    rig.finish()
    assert rig.scheduler.statistics().released > 0


@pytest.mark.parametrize("name", plugins.own(POLICIES))
def test_every_policy_says_what_it_is(name):
    module = plugins.load(POLICIES, name)
    assert module.__doc__.startswith(f"`{name}`")


def test_an_unknown_policy_is_refused_with_the_near_ones():
    with pytest.raises(UnknownNameError, match='no policy "round_robbin"; did you mean "round_robin"'):
        open_policy("round_robbin")


def devices_of(rig):
    return [run.device for run in rig.of(Run)]


def test_the_earliest_completion_is_the_fast_device_while_it_is_free():
    rig = Rig(TWO).start()
    for k in range(3):
        rig.frame(at_s=k * 0.01)
        rig.done("fast", k * 0.01 + 0.002)
    assert devices_of(rig) == ["fast"] * 3


def test_the_earliest_completion_is_the_slow_device_when_the_fast_one_has_enough():
    rig = Rig(TWO).start()
    for _ in range(8):
        rig.frame()
    assert devices_of(rig) == ["fast", "slow"]
    assert len(rig.of(Run)[1].requests) == 1


def test_a_picture_with_an_earlier_deadline_counts_only_what_goes_before_it():
    rig = Rig({"fast": {"model": FAST}}).start()
    for _ in range(40):
        rig.frame(Stream("patient"), within_s=1.0)
    urgent = rig.frame(PART, within_s=0.02)
    rig.done("fast", 0.002)
    assert urgent in rig.of(Run)[-1].requests
    rig.done("fast", 0.011)
    assert isinstance(rig.answers[urgent], Release)


NOW_S = 10.0
DEADLINES_S = st.sampled_from([NOW_S + 0.01, NOW_S + 0.02, NOW_S + 0.05])
JOBS = st.builds(
    lambda stream, deadline_s: Job(Request(stream, 0, deadline_s), "model", NOW_S),
    st.sampled_from([PART, VIEW]),
    DEADLINES_S,
)


@st.composite
def busy_lanes(draw):
    """A queue on each of some devices, in whatever state they are."""
    lanes = []
    for number in range(draw(st.integers(1, 6))):
        device = Device(f"d{number}")
        for model in ("model", "other")[: draw(st.integers(1, 2))]:
            device.load(model, draw(st.sampled_from([FAST, SLOW])))
        lane = device.lanes["model"]
        lane.pace.believe(draw(st.sampled_from([0.5, 1.0, 3.0])))
        if draw(st.booleans()):
            started_s = NOW_S - draw(st.sampled_from([0.0, 0.001, 0.1]))
            device.begin(Running(number, lane, draw(st.lists(JOBS, max_size=4)), started_s))
        for each in device.lanes.values():
            for job in draw(st.lists(JOBS, max_size=5)) * draw(st.sampled_from([1, 20])):
                each.add(job)
        lanes.append(lane)
    return lanes


@given(lanes=busy_lanes(), job=JOBS)
def test_the_soonest_of_many_is_the_one_whose_own_reckoning_is_least(lanes, job):
    least_s = min(lane.finish_s(job, NOW_S) for lane in lanes)
    first = next(lane for lane in lanes if lane.finish_s(job, NOW_S) == least_s)
    assert soonest(lanes, job, NOW_S) is first


def test_round_robin_takes_turns():
    rig = Rig(TWO, routing="round_robin").start()
    rig.frame()
    rig.frame()
    assert sorted(devices_of(rig)) == ["fast", "slow"]


def test_least_memory_always_means_the_same_device():
    rig = Rig(TWO, routing="least_memory").start()
    rig.send(MemorySeen("fast", 2_000))
    rig.send(MemorySeen("slow", 1_000))
    for k in range(4):
        rig.frame(at_s=k * 0.1)
        rig.done("slow", k * 0.1 + 0.007)
    assert devices_of(rig) == ["slow"] * 4


def test_sticky_keeps_a_stream_on_its_device():
    rig = Rig(TWO, routing="sticky").start()
    seen = set()
    for k in range(5):
        rig.frame(at_s=k * 0.1)
        device = next(iter(rig.running))
        seen.add(device)
        rig.done(device, k * 0.1 + 0.005)
    assert len(seen) == 1


def test_a_shared_queue_gives_the_head_to_whoever_is_free():
    rig = Rig(TWO, routing="shared_queue").start()
    for _ in range(3):
        rig.frame()
    assert sorted(rig.running) == ["fast", "slow"]
    rig.done("slow", 0.001)
    assert devices_of(rig)[-1] == "slow"
