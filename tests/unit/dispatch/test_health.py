"""Devices that slow, hang, fail and die: what becomes of their pictures, and how they come back."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dispatch_rig import FAST, PART, SLOW, Rig
from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.dispatch.actions import Cancel, HealthChanged, Probe, Release, Run, Terminate, Unknown
from lineside.dispatch.events import BatchDone, DeviceAlarm, Recycle, WorkerUp
from lineside.dispatch.scheduler import Scheduler
from lineside.dispatch.settings import Settings
from lineside.dispatch.words import Fault, Health, Stream

ONE = {"a": {"model": FAST}}
TWO = {"a": {"model": FAST}, "b": {"model": FAST}}
THREE = {**TWO, "c": {"model": FAST}}


def with_run(profiles):
    """A rig whose device `a` runs a picture; the picture."""
    rig = Rig(profiles).start()
    request = rig.frame()
    assert request in rig.running["a"].requests
    return rig, request


def test_a_picture_whose_device_fails_is_done_elsewhere_at_once():
    rig, request = with_run(TWO)
    rig.fail("a", 0.001)
    assert rig.running["b"].requests == (request,)
    rig.done("b", 0.003)
    assert isinstance(rig.answers[request], Release)
    assert rig.scheduler.statistics().retried == 1


def test_a_device_that_failed_gets_no_picture_before_its_proof_of_health():
    rig, _ = with_run(TWO)
    rig.fail("a", 0.001)
    for k in range(20):
        rig.frame(at_s=0.002 + k * 0.001)
        if "b" in rig.running:
            rig.done("b")
    assert rig.health["a"] is Health.QUARANTINED
    assert "a" not in rig.running


def test_two_good_probes_bring_a_device_back():
    rig, _ = with_run(TWO)
    rig.fail("a", 0.0)
    rig.done("b", 0.002)
    rig.tick(0.2)
    assert isinstance(rig.running["a"], Probe)
    rig.done("a", 0.202)
    assert rig.health["a"] is Health.PROBING
    rig.done("a", 0.204)
    assert rig.health["a"] is Health.HEALTHY


def test_a_probe_that_shows_a_slow_device_says_how_slow():
    rig, _ = with_run(TWO)
    rig.fail("a", 0.0)
    rig.done("b", 0.002)
    rig.tick(0.2)
    rig.done("a", 0.21)
    rig.done("a", 0.22)
    assert rig.scheduler.statistics().devices[0].ratio == pytest.approx(5)


def test_a_device_that_stays_broken_is_probed_twice_a_second_and_later_ever_less():
    rig, _ = with_run(TWO)
    rig.fail("a", 0.0)
    times = []
    while rig.now_s < 200:
        wake_s = rig.scheduler.wake_s
        rig.tick(wake_s)
        if isinstance(rig.running.get("a"), Probe):
            times.append(rig.now_s)
            rig.fail("a", rig.now_s + 0.002)
        if "b" in rig.running:
            rig.done("b")
    gaps = [after - before for before, after in pairwise(times)]
    early = [gap for gap, at_s in zip(gaps, times, strict=False) if at_s < 9]
    assert max(early) <= 0.5
    assert max(gaps) == pytest.approx(60, abs=1)


def test_a_picture_that_breaks_two_devices_is_answered_and_nobody_is_blamed():
    rig, poison = with_run(TWO)
    rig.fail("a", 0.001)
    rig.fail("b", 0.002)
    assert rig.answers[poison].reason is Reason.IMAGE_UNHEALTHY
    assert "a, b" in rig.answers[poison].detail
    assert rig.health["b"] is Health.HEALTHY
    assert isinstance(rig.running["a"], Probe)  # at once, not after its cool-down


def test_the_neighbours_of_a_poisoned_picture_are_answered():
    rig = Rig(THREE).start()
    for _ in range(3):
        rig.frame(Stream("first"))
    batch = [rig.frame(within_s=0.05) for _ in range(6)]
    poison = batch[2]
    for _ in range(60):
        if all(r in rig.answers for r in batch):
            break
        for device in list(rig.running):
            run = rig.running[device]
            bad = isinstance(run, Run) and poison in run.requests
            rig.fail(device, rig.now_s + 0.0005) if bad else rig.done(device, rig.now_s + 0.0005)
        rig.tick(rig.now_s + 0.0005)
    assert isinstance(rig.answers[poison], Unknown)
    assert all(isinstance(rig.answers[r], Release) for r in batch if r is not poison)


def test_a_picture_that_the_worker_blames_is_answered_without_a_second_try():
    rig, request = with_run(TWO)
    rig.fail("a", 0.001, fault=Fault.INPUT, detail="not a picture")
    assert (rig.answers[request].reason, rig.answers[request].detail) == (
        Reason.IMAGE_UNHEALTHY,
        "not a picture",
    )
    assert rig.health["a"] is Health.HEALTHY


def test_where_every_device_failed_the_answer_says_so():
    rig, request = with_run(ONE)
    rig.fail("a", 0.001)
    assert rig.answers[request].reason is Reason.DEVICE_LOST
    assert not rig.answers[request].pending


def test_where_every_device_answered_nonsense_the_model_is_named():
    rig, request = with_run(ONE)
    rig.fail("a", 0.001, fault=Fault.MODEL, detail="NaN")
    assert rig.answers[request].reason is Reason.MODEL_UNHEALTHY
    waiting = rig.frame(within_s=0.002)
    rig.tick(0.004)
    assert rig.answers[waiting].reason is Reason.MODEL_UNHEALTHY
    rig.lose("a", 0.005)
    lost = rig.frame(within_s=0.002)
    rig.tick(0.008)
    assert rig.answers[lost].reason is Reason.DEVICE_LOST


def test_without_any_device_a_picture_waits_for_one_until_its_deadline():
    rig, _ = with_run(ONE)
    rig.lose("a", 0.001)
    saved, lost = rig.frame(within_s=0.1), rig.frame(Stream("other"), within_s=0.002)
    rig.tick(0.003)
    assert rig.answers[lost].reason is Reason.DEVICE_LOST
    rig.up("a", 0.01)
    while saved not in rig.answers:
        rig.done("a", rig.now_s + 0.002)
    assert isinstance(rig.answers[saved], Release)


def test_a_run_that_takes_much_too_long_makes_its_device_suspect_and_is_hedged():
    rig, request = with_run(TWO)
    waiting = rig.frame(Stream("other"))
    assert waiting in rig.running["b"].requests
    rig.done("b", 0.002)
    rig.tick(0.007)
    assert rig.health["a"] is Health.SUSPECT
    assert rig.running["b"].requests == (request,)
    rig.done("b", 0.009)
    assert rig.answers[request].device == "b"
    rig.done("a", 0.012)
    assert rig.health["a"] is Health.HEALTHY
    assert len(rig.of(Release)) == 2


def test_hedging_stays_within_its_budget():
    rig = Rig(TWO, settings=Settings(hedge_floor=0, hedge_share=0.0)).start()
    rig.frame()
    rig.tick(0.01)
    assert rig.health["a"] is Health.SUSPECT
    assert not rig.running.get("b")


def test_what_waits_for_a_suspect_goes_elsewhere():
    rig = Rig({"a": {"model": FAST}, "b": {"model": SLOW}}).start()
    rig.frame(within_s=0.1)
    waiting = [rig.frame(Stream("other"), within_s=0.1) for _ in range(2)]
    rig.tick(0.01)
    assert rig.health["a"] is Health.SUSPECT
    while any(r not in rig.answers for r in waiting):
        rig.done("b", rig.now_s + 0.01)
    assert all(rig.answers[r].device == "b" for r in waiting)


def test_a_run_that_hangs_is_cancelled_and_then_its_worker_is_replaced():
    rig, _ = with_run(TWO)
    rig.tick(0.006)
    rig.done("b", 0.008)
    rig.tick(0.1)
    assert rig.health["a"] is Health.QUARANTINED
    assert [c.device for c in rig.of(Cancel)] == ["a"]
    assert not rig.of(Terminate)
    rig.tick(0.16)
    assert [t.device for t in rig.of(Terminate)] == ["a"]
    rig.up("a", 0.3)
    rig.done("a", 0.302)
    rig.done("a", 0.304)
    assert rig.health["a"] is Health.HEALTHY


def test_a_late_answer_of_a_run_that_was_given_up_is_harmless_and_saves_the_worker():
    rig, request = with_run(ONE)
    number = rig.running["a"].run
    rig.tick(0.1)
    answered = rig.answers[request]
    rig.given_up["a"].clear()
    assert not [a for a in rig.send(BatchDone("a", number, ["too late"]), 0.12) if isinstance(a, Release)]
    assert rig.answers[request] is answered
    rig.tick(0.33)
    assert not rig.of(Terminate)
    assert isinstance(rig.running["a"], Probe)


def test_nothing_is_sent_to_a_device_whose_last_run_is_not_back():
    rig, _ = with_run(TWO)
    rig.tick(0.1)
    before = len(rig.of(Run)) + len(rig.of(Probe))
    rig.tick(5.0)
    assert len(rig.of(Run)) + len(rig.of(Probe)) == before


def test_a_dead_worker_loses_nothing():
    rig, request = with_run(TWO)
    rig.lose("a", 0.001)
    rig.done("b", 0.004)
    assert isinstance(rig.answers[request], Release)
    rig.up("a", 0.05)
    assert isinstance(rig.running["a"], Probe)


def test_out_of_memory_brings_the_device_back_with_smaller_batches():
    rig = Rig(ONE).start()
    rig.frame(within_s=1)
    batch = [rig.frame(within_s=1) for _ in range(8)]
    rig.done("a", 0.002)
    assert len(rig.running["a"].requests) == 8
    rig.fail("a", 0.003, fault=Fault.MEMORY)
    assert [end.device for end in rig.of(Terminate)] == ["a"]
    rig.up("a", 0.1)
    rig.done("a", 0.102)
    rig.done("a", 0.104)
    for _ in range(9):
        rig.frame(Stream("after"), within_s=1)
    rig.done("a", 0.106)
    assert len(rig.running["a"].requests) == 4
    assert batch[0] in rig.answers


def full_batch(rig, at_s):
    """How many of many waiting pictures the device takes at once."""
    for _ in range(1 + 8):
        rig.frame(Stream("after"), at_s=at_s, within_s=1)
    rig.done("a", at_s + 0.002)
    size = len(rig.running["a"].requests)
    while "a" in rig.running:
        rig.done("a", at_s + 0.02)
    return size


def lack_of_memory(rig, at_s):
    """The device runs out of memory with what it is given now, and comes back."""
    for _ in range(1 + 8):
        rig.frame(within_s=1, at_s=at_s)
    rig.done("a", at_s + 0.002)
    rig.fail("a", at_s + 0.003, fault=Fault.MEMORY)
    rig.up("a", at_s + 0.3)
    while "a" in rig.running:
        rig.done("a", at_s + 0.4)


def test_batches_that_were_halved_for_lack_of_memory_grow_back_after_a_while_of_good_service():
    rig = Rig(ONE, settings=Settings(grow_s=10, grow_most_s=100)).start()
    lack_of_memory(rig, 0.0)
    assert [full_batch(rig, at_s) for at_s in (1.0, 9.0, 12.0, 13.0)] == [4, 4, 4, 8]


def test_each_further_lack_of_memory_makes_the_while_twice_as_long_and_an_old_one_counts_no_more():
    rig = Rig(ONE, settings=Settings(grow_s=10, grow_most_s=100)).start()
    lack_of_memory(rig, 0.0)
    lack_of_memory(rig, 5.0)
    assert [full_batch(rig, at_s) for at_s in (6.0, 16.0, 26.0, 27.0)] == [2, 2, 2, 4]
    assert [full_batch(rig, at_s) for at_s in (46.0, 47.0)] == [4, 8]
    lack_of_memory(rig, 200.0)
    assert [full_batch(rig, at_s) for at_s in (201.0, 211.0, 212.0)] == [4, 4, 8]


def test_a_device_that_runs_small_batches_only_is_not_given_larger_ones():
    rig = Rig(ONE, settings=Settings(grow_s=1)).start()
    lack_of_memory(rig, 0.0)
    for k in range(20):
        rig.frame(at_s=2.0 + k)
        rig.done("a", 2.002 + k)
    assert full_batch(rig, 30.0) == 4


def test_an_alarm_from_outside_takes_a_device_out_of_service():
    rig, request = with_run(TWO)
    rig.send(DeviceAlarm("a", "the driver reset it"), 0.001)
    assert rig.health["a"] is Health.QUARANTINED
    assert [t.detail for t in rig.of(Terminate)] == ["the driver reset it"]
    rig.done("b", 0.004)
    assert isinstance(rig.answers[request], Release)


def test_a_worker_is_replaced_after_its_run_and_loses_nothing():
    rig, request = with_run(TWO)
    rig.send(Recycle("a", "it has grown"), 0.001)
    waiting = rig.frame(Stream("other"))
    assert not rig.of(Terminate)
    rig.done("a", 0.002)
    assert [t.detail for t in rig.of(Terminate)] == ["it has grown"]
    rig.done("b", 0.003)
    assert isinstance(rig.answers[request], Release)
    assert isinstance(rig.answers[waiting], Release)
    rig.up("a", 0.05)
    assert rig.health["a"] is Health.HEALTHY  # no fault, and its profile is new
    assert rig.scheduler.statistics().devices[0].faults == 0


def test_a_device_that_was_slow_is_looked_at_again_without_a_picture():
    rig = Rig(ONE).start()
    for k in range(2):
        rig.frame(at_s=k * 0.1)
        rig.done("a", k * 0.1 + 0.0055)
    assert rig.scheduler.statistics().devices[0].ratio > 2
    rig.tick(0.357)
    assert isinstance(rig.running["a"], Probe)
    rig.done("a", 0.3575)
    assert rig.scheduler.statistics().devices[0].ratio == pytest.approx(1)
    assert [h.health for h in rig.of(HealthChanged) if h.device == "a"] == [Health.HEALTHY]


def test_the_first_worker_is_trusted():
    rig = Rig(ONE).start()
    assert rig.health["a"] is Health.HEALTHY


@pytest.mark.parametrize("devices", [[], ["a", "a"]])
def test_devices_must_be_named_once(devices):
    with pytest.raises(SettingsError, match="devices: expected at least one, each once"):
        Scheduler(devices)


def test_an_unknown_device_is_refused():
    with pytest.raises(SettingsError, match='no device "card"'):
        Scheduler(["cars"]).handle(WorkerUp("card", {"model": FAST}), 0.0)


@pytest.mark.parametrize("bad", [{"probes": 0}, {"hang_s": -1.0}, {"cool_down_s": float("nan")}])
def test_thresholds_that_cannot_be_are_refused(bad):
    with pytest.raises(SettingsError, match="dispatch: "):
        Settings(**bad)


def test_parts_keep_their_order_through_a_failure():
    rig = Rig(TWO).start()
    requests = [rig.frame(PART) for _ in range(6)]
    rig.fail("a", 0.001)
    while any(r not in rig.answers for r in requests):
        rig.done("b", rig.now_s + 0.003)
    assert rig.order["part"] == requests


def test_a_device_whose_probe_in_service_takes_too_long_is_trusted_again_when_it_ends():
    rig = Rig(ONE).start()
    for _ in range(2):
        rig.frame(within_s=1.0)
        rig.tick(rig.now_s + 0.004)
        rig.done("a")
    rig.tick(rig.now_s + 0.26)
    assert isinstance(rig.running["a"], Probe)
    rig.tick(rig.now_s + 0.04)
    assert rig.health["a"] is Health.SUSPECT
    rig.done("a")
    assert rig.health["a"] is Health.HEALTHY
