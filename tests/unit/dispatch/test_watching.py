"""Runs that take too long, on a machine that itself stands still now and then."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_rig import FAST, Rig
from lineside.dispatch.actions import HealthChanged, Release, Terminate
from lineside.dispatch.events import Tick
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.settings import Settings
from lineside.dispatch.words import Health, Stream

BOTH = ("a", "b")
EXPECTED_S = st.floats(1e-4, 2.0)
GAP_S = st.floats(0.0, 1e4)


def busy_rig(expected_s=0.002, how=None):
    """A rig whose two devices each run one picture without a deadline, from 0 on; the seconds after which such a run hangs."""
    how = how or Settings()
    rig = Rig({name: {"model": ServiceTimes.linear(expected_s, 0, 1)} for name in BOTH}, settings=how).start()
    for name in BOTH:
        rig.frame(Stream(name), within_s=float("inf"))
    return rig, how.hang_after_s(expected_s)


def stand_still(rig, from_s, gap_s):
    """Let time go by up to a moment, then nobody ticks for so long, then all that is due is seen to at once."""
    rig.tick(from_s)
    rig.send(Tick(), from_s + gap_s)


def was_out(rig):
    return [change.device for change in rig.of(HealthChanged) if change.health is Health.QUARANTINED]


@settings(max_examples=200, deadline=None)
@given(expected_s=EXPECTED_S, from_share=st.floats(0, 0.5), gap_s=GAP_S)
def test_no_device_is_out_of_service_because_nobody_ticked(expected_s, from_share, gap_s):
    rig, hang_s = busy_rig(expected_s)
    stand_still(rig, from_share * hang_s, gap_s)
    rig.tick(rig.now_s)
    assert was_out(rig) == []
    for name in BOTH:
        rig.done(name)
    assert rig.health == dict.fromkeys(BOTH, Health.HEALTHY)
    assert rig.scheduler.statistics().retried == 0


@settings(max_examples=200, deadline=None)
@given(
    expected_s=st.floats(1e-4, 0.05),
    gap_s=GAP_S,
    suspect=st.floats(1, 40),
    hang=st.floats(1, 40),
    hang_s=st.floats(0.01, 1),
)
def test_that_holds_for_all_thresholds(expected_s, gap_s, suspect, hang, hang_s):
    how = Settings(suspect_factor=suspect, hang_factor=hang, hang_s=hang_s)
    rig, _ = busy_rig(expected_s, how)
    rig.send(Tick(), gap_s)
    assert was_out(rig) == [] or gap_s < how.hang_after_s(expected_s) / 4


@settings(max_examples=200, deadline=None)
@given(
    expected_s=EXPECTED_S,
    gaps=st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 20)), min_size=1, max_size=4),
)
def test_a_device_that_hangs_is_found_within_its_bound_and_the_gaps(expected_s, gaps):
    rig, hang_s = busy_rig(expected_s)
    slept_s = 0.0
    for awake_share, gap_s in gaps:
        stand_still(rig, rig.now_s + awake_share * hang_s, gap_s)
        slept_s += gap_s
    rig.tick(max(rig.now_s, hang_s + slept_s + 1e-6))
    assert sorted(was_out(rig)) == ["a", "b"]


@settings(max_examples=50, deadline=None)
@given(expected_s=EXPECTED_S, late_share=st.floats(0.01, 2))
def test_a_device_that_hangs_is_found_where_every_tick_is_late(expected_s, late_share):
    rig, hang_s = busy_rig(expected_s)
    for _ in range(40):
        wake_s = rig.scheduler.wake_s
        if was_out(rig) or wake_s == float("inf"):
            break
        rig.send(Tick(), max(wake_s, rig.now_s) + late_share * hang_s)
    assert was_out(rig)


@given(gap_s=st.floats(0, 100))
@settings(max_examples=50, deadline=None)
def test_a_dead_worker_is_out_at_once_whatever_the_machine_did(gap_s):
    rig, _ = busy_rig()
    rig.lose("a", gap_s)
    assert rig.health["a"] is Health.QUARANTINED


def test_a_run_that_ended_while_the_machine_stood_still_says_nothing_of_its_device():
    rig, _ = busy_rig(0.002)
    for _ in range(3):
        rig.send(Tick(), rig.now_s + 5.0)
        assert rig.health == dict.fromkeys(BOTH, Health.HEALTHY)
        for name in BOTH:
            rig.done(name)
            rig.frame(Stream(name), within_s=float("inf"))
    assert [device.ratio for device in rig.scheduler.statistics().devices] == [1.0, 1.0]


def test_a_picture_that_comes_right_after_finds_its_device():
    rig = Rig({"a": {"model": FAST}}).start()
    rig.frame(within_s=float("inf"))
    later = rig.frame(Stream("other"), at_s=10.0, within_s=0.02)
    rig.done("a", 10.0001)
    rig.done("a", 10.0021)
    assert isinstance(rig.answers[later], Release)


def test_a_look_in_time_after_it_suspects_and_finds_as_ever():
    rig, hang_s = busy_rig(0.002)
    stand_still(rig, 0.001, 7.0)
    rig.tick(rig.now_s + hang_s / 8)
    assert rig.health["a"] is Health.SUSPECT
    rig.tick(rig.now_s + hang_s)
    assert rig.health["a"] is Health.QUARANTINED
    rig.tick(rig.now_s + 0.06)
    assert {end.device for end in rig.of(Terminate)} == {"a", "b"}


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_delay_of_less_than_a_look_changes_nothing(share):
    rig, hang_s = busy_rig(0.002)
    rig.send(Tick(), rig.scheduler.wake_s + share * hang_s / 8)
    assert (rig.health["a"] is Health.SUSPECT) == (share < 1)
