"""Policies: what each of the folder must do, and what makes them different."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_rig import FAST, PART, SLOW, VIEW, Rig
from lineside.core import plugins
from lineside.core.errors import UnknownNameError
from lineside.dispatch.actions import Release, Run
from lineside.dispatch.device import Device, Running
from lineside.dispatch.events import MemorySeen
from lineside.dispatch.job import Job
from lineside.dispatch.lane import soonest
from lineside.dispatch.profile import DRAIN
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
def lanes(draw):
    """A queue on a device in whatever state it is."""
    device = Device("a")
    for model in ("model", "other")[: draw(st.integers(1, 2))]:
        device.load(model, draw(st.sampled_from([FAST, SLOW])))
    lane = device.lanes["model"]
    lane.pace.believe(draw(st.sampled_from([0.5, 1.0, 3.0])))
    began_s = draw(st.sampled_from([0.0, 0.001, 0.1, None]))
    if began_s is not None:
        device.begin(Running(1, lane, draw(st.lists(JOBS, max_size=4)), NOW_S - began_s))
    for each in device.lanes.values():
        kinds = draw(st.lists(JOBS, min_size=1, max_size=3))
        for job in islice(cycle(kinds), draw(st.sampled_from([0, 1, 3, DRAIN - 1, DRAIN + 9]))):
            each.add(job)
    return lane


@dataclass
class Rival:
    """A queue that would have anything done at one time."""

    at_s: float

    def finish_s(self, job, now_s):
        return self.at_s


@given(lane=lanes(), job=JOBS)
@settings(max_examples=800, deadline=None)
def test_of_many_devices_each_is_reckoned_with_as_alone(lane, job):
    at_s = lane.finish_s(job, NOW_S)
    equal, later = Rival(at_s), Rival(math.nextafter(at_s, math.inf))
    assert soonest([equal, lane], job, NOW_S) is equal
    assert soonest([later, lane], job, NOW_S) is lane


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
