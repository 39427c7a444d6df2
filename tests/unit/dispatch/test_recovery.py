"""After a fault: what becomes of the pictures that it touched, and how the device comes back."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from dispatch_rig import FAST, PART, SLOW, VIEW, Rig
from lineside.core.errors import DeviceError, DeviceLostError
from lineside.core.verdict import Reason
from lineside.dispatch.actions import Amend, Forget, Probe, Release, Terminate, Unknown
from lineside.dispatch.events import (
    BatchDone,
    DeviceAlarm,
    Drain,
    FrameArrived,
    ModelLoaded,
    Recycle,
    Swap,
    Tick,
    WorkerUp,
)
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.scheduler import Scheduler
from lineside.dispatch.settings import Settings
from lineside.dispatch.words import Fault, Health, Request, Stream
from lineside.dispatch.worker import fault_of

FREE = Stream("free", ordered=False)
FOUR = {name: {"model": FAST} for name in "abcd"}
TWO = {"a": {"model": FAST}, "b": {"model": FAST}}
ONE = {"a": {"model": FAST}}


def work(rig):
    """Let all that runs end well, and what follows from it."""
    while rig.running:
        device = next(iter(rig.running))
        rig.done(device, rig.now_s + 0.002)


def holder(rig, request):
    return next((name for name, run in rig.running.items() if request in getattr(run, "requests", ())), None)


# What a picture breaks


@pytest.mark.parametrize(
    "broken",
    [
        lambda rig, name: rig.lose(name),
        lambda rig, name: rig.send(DeviceAlarm(name, "Xid 31")),
        lambda rig, name: rig.fail(name, fault=Fault.MEMORY),
        lambda rig, name: rig.fail(name, fault=Fault.LOST),
        lambda rig, name: rig.fail(name),
    ],
    ids=["the worker dies", "an alarm", "memory", "the driver", "the run fails"],
)
def test_a_picture_that_breaks_two_devices_is_shown_to_no_third(broken):
    rig = Rig(FOUR).start()
    poison = rig.frame(within_s=10)
    shown = []
    while (name := holder(rig, poison)) is not None:
        shown.append(name)
        rig.now_s += 0.001
        broken(rig, name)
        rig.running.pop(name, None)
    assert len(shown) == 2
    assert rig.answers[poison].reason is Reason.IMAGE_UNHEALTHY
    assert "a, b" in rig.answers[poison].detail


def test_a_second_device_that_breaks_every_picture_is_not_forgiven_for_ever():
    """A batch broke one device; its pictures, each alone, are then broken by another that is at fault itself."""
    quick, slow = ServiceTimes.linear(0.001, 0.0012, 8), ServiceTimes.linear(0.003, 0.006, 4)
    rig = Rig({"a": {"model": FAST}, "b": {"model": quick}, "c": {"model": slow}}).start()
    pictures = [rig.frame(FREE, within_s=1) for _ in range(20)]
    rig.done("a", 0.002)
    shared = list(rig.running["a"].requests)
    assert len(shared) > 2
    for name in ("b", "c"):
        while name in rig.running:
            rig.done(name, rig.now_s + 1e-4)
    rig.fail("a", rig.now_s + 0.001)
    for _ in range(200):
        for name in list(rig.running):
            if name == "b":
                rig.fail(name, rig.now_s + 0.001)
            else:
                rig.done(name, rig.now_s + 0.009)
        rig.tick(rig.now_s + 0.001)
    wrong = [r for r in shared if getattr(rig.answers[r], "reason", None) is Reason.IMAGE_UNHEALTHY]
    assert len(wrong) <= 1
    assert any(
        event.device == "b" and event.health is Health.QUARANTINED
        for event in rig.log
        if hasattr(event, "health")
    )
    assert all(request in rig.answers for request in pictures)


def test_a_driver_that_is_gone_for_good_gets_a_new_worker():
    class GoneError(DeviceLostError):
        """A fault of which a driver does not recover."""

    assert fault_of(GoneError("CUDA error 700")) is Fault.LOST
    assert fault_of(DeviceError("a run failed")) is Fault.DEVICE
    rig = Rig(ONE).start()
    rig.frame()
    rig.fail("a", 0.001, fault=Fault.LOST, detail="CUDA error 700")
    assert [(end.device, end.detail) for end in rig.of(Terminate)] == [("a", "CUDA error 700")]
    rig.tick(60)
    assert "a" not in rig.running
    rig.up("a", 60.1)
    work(rig)
    assert rig.health["a"] is Health.HEALTHY


# What waits for a device


def test_the_picture_of_a_run_that_failed_goes_before_those_that_only_waited():
    rig = Rig({"a": {"model": FAST}, "b": {"model": SLOW}}).start()
    urgent = rig.frame(Stream("urgent"), within_s=0.012)
    rig.frame(Stream("patient"), within_s=0.1)
    assert holder(rig, urgent) == "a"
    rig.fail("a", 0.001)
    assert holder(rig, urgent) == "b"
    rig.done("b", 0.008)
    assert isinstance(rig.answers[urgent], Release)


@pytest.mark.parametrize("stream", [FREE, PART], ids=["unordered", "ordered"])
def test_a_picture_that_failed_waits_for_no_dead_device_while_the_one_it_failed_on_serves_again(stream):
    rig = Rig({"a": {"model": FAST}, "b": {"model": SLOW}}).start()
    rig.lose("b", 0.0)
    first = rig.frame(stream, within_s=math.inf, at_s=0.1)
    rig.fail("a", 0.101)
    rig.tick(0.31)
    work(rig)
    later = rig.frame(stream, within_s=math.inf)
    work(rig)
    assert isinstance(rig.answers[first], Release)
    assert isinstance(rig.answers[later], Release)


def test_a_picture_that_breaks_the_only_device_left_twice_is_answered():
    rig = Rig(TWO).start()
    rig.lose("b", 0.0)
    poison = rig.frame(within_s=math.inf, at_s=0.1)
    rig.fail("a", 0.101)
    rig.tick(0.31)
    while poison not in rig.answers:
        rig.done("a") if isinstance(rig.running["a"], Probe) else rig.fail("a")
    assert rig.answers[poison].reason is Reason.IMAGE_UNHEALTHY


def test_a_late_picture_that_failed_does_not_keep_an_engine_from_draining():
    rig = Rig(TWO).start()
    rig.lose("b", 0.0)
    late = rig.frame(within_s=0.02, at_s=0.1)
    rig.tick(0.13)
    assert rig.answers[late].pending
    rig.fail("a", 0.131)
    rig.send(Drain())
    rig.tick(0.34)
    work(rig)
    assert rig.drained
    assert isinstance(rig.after[late], Amend)


def test_pictures_of_an_outage_go_before_those_that_come_after_it():
    """All may take as long, and there is as much to do as the device can: whoever came first is done first."""
    rig = Rig(ONE).start()
    rig.lose("a", 0.0)
    during = [rig.frame(FREE, within_s=2.0, at_s=number * 0.001) for number in range(300)]
    rig.up("a", 0.3)
    rig.done("a", 0.302)
    rig.done("a", 0.304)
    after = []
    while rig.now_s < 2.5:
        after += [rig.frame(FREE, within_s=2.0) for _ in range(8)]
        rig.tick(rig.now_s + 0.0089)
        rig.done("a", rig.now_s + 0.0001)
    assert all(isinstance(rig.answers[request], Release) for request in during)


def test_pictures_that_a_device_failed_with_are_in_nobodys_way():
    slow = ServiceTimes.linear(50.0, 0.0, 1)
    rig = Rig({"a": {"model": FAST}, "c": {"model": slow}}, routing="shared_queue").start()
    rig.frame(FREE, within_s=0.001)
    rig.frame(FREE, within_s=1000)
    rig.done("a", 0.002)
    for at_s in range(2, 12, 2):  # 40 pictures that only the slow one may have, which is busy
        rig.frame(FREE, within_s=1000, at_s=at_s)
        for _ in range(8):
            rig.frame(FREE, within_s=1000)
        rig.done("a", at_s + 0.002)
        rig.fail("a", at_s + 0.003)
        rig.tick(at_s + 0.21)
        while "a" in rig.running:
            rig.done("a", rig.now_s + 0.002)
    fresh = [rig.frame(FREE, within_s=1000) for _ in range(20)]
    while "a" in rig.running:
        rig.done("a", rig.now_s + 0.002)
    assert all(request in rig.answers for request in fresh)


def test_an_urgent_picture_is_not_left_out_for_a_batch_of_pictures_that_run_alone():
    rig = Rig(ONE).start()
    rig.frame(FREE, within_s=0.1)
    for _ in range(8):
        rig.frame(FREE, within_s=0.1)
    rig.done("a", 0.002)
    rig.fail("a", 0.003, fault=Fault.INPUT)
    urgent = rig.frame(Stream("urgent"), at_s=0.0045, within_s=0.004)
    rig.done("a", 0.0055)
    assert holder(rig, urgent) == "a"


def test_of_a_live_stream_one_picture_waits_also_after_a_fault():
    rig = Rig(TWO).start()
    rig.frame(within_s=1)
    shown = rig.frame(VIEW, within_s=1)
    newer = rig.frame(VIEW, within_s=1)
    rig.fail(holder(rig, shown), 0.001)
    newest = rig.frame(VIEW, within_s=1)
    work(rig)
    assert [type(rig.answers[r]).__name__ for r in (shown, newer, newest)] == ["Drop", "Drop", "Release"]


def test_a_live_view_is_shown_again_after_a_device_was_busy_for_longer_than_its_deadline():
    long = ServiceTimes.linear(0.08, 0.0, 1)
    rig = Rig({"a": {"model": FAST, "caps": long}}, routing="shared_queue").start()
    rig.frame(Stream("caps", model="caps"), within_s=1)
    for number in range(4):
        rig.frame(VIEW, within_s=0.05, at_s=0.02 * number)
    rig.done("a", 0.08)
    last = rig.frame(VIEW, within_s=0.05, at_s=0.09)
    work(rig)
    assert isinstance(rig.answers[last], Release)


def test_a_late_picture_without_a_deadline_lets_the_others_have_their_turn():
    rig = Rig({"a": {"model": ServiceTimes.linear(0.004, 0.004, 2)}}).start()
    rig.frame(FREE, within_s=0.05)
    rig.frame(Stream("mixed"), within_s=math.inf)
    rig.frame(Stream("mixed"), within_s=0.001)  # makes the one before it late
    rig.tick(0.002)
    late = [rig.frame(Stream("late", ordered=False), within_s=0.006) for _ in range(4)]
    while rig.now_s < 20:
        while rig.scheduler.statistics().devices[0].waiting < 3:
            rig.frame(Stream("load", ordered=False), within_s=0.05)
        ends_s = rig.now_s + 0.004 + 0.004 * len(rig.running["a"].requests)
        rig.tick(ends_s - 1e-9)
        rig.done("a", ends_s)
    assert all(isinstance(rig.after.get(request), Amend) for request in late)


# How a device comes back


def test_a_worker_that_comes_up_without_models_serves_when_it_has_one():
    rig = Rig({"a": {"model": FAST, "new": FAST}, "b": {"model": FAST, "new": FAST}}).start()
    rig.lose("a", 0.1)
    rig.roles["model"] = "new"
    rig.send(Swap("model", "new"), 0.2)
    rig.send(WorkerUp("a", {}), 0.3)
    rig.tick(10)  # past every cool-down: there is nothing to show it
    assert "a" not in rig.running
    rig.send(ModelLoaded("a", "new", FAST), 10.1)
    work(rig)
    assert rig.health["a"] is Health.HEALTHY


def test_a_first_worker_without_models_is_trusted_with_the_first_that_it_loads():
    rig = Rig({"a": {"model": FAST}, "b": {"model": FAST}})
    rig.send(WorkerUp("a", {}))
    assert rig.health["a"] is Health.QUARANTINED
    rig.send(ModelLoaded("a", "model", FAST), 0.1)
    assert rig.health["a"] is Health.HEALTHY


def test_a_worker_has_the_models_that_it_tells_and_no_others():
    rig = Rig({"a": {"model": FAST, "caps": FAST}}).start()
    rig.lose("a", 0.1)
    rig.send(WorkerUp("a", {"model": FAST}), 0.5)
    while isinstance(rig.running.get("a"), Probe):
        assert rig.running["a"].model == "model"
        rig.done("a", rig.now_s + 0.002)
    assert rig.health["a"] is Health.HEALTHY
    caps = rig.frame(Stream("caps", model="caps"))
    rig.tick(0.6)
    assert isinstance(rig.answers[caps], Unknown)


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "late errors"])
def test_after_an_hour_of_good_service_a_fault_counts_as_the_first(hangs):
    rig = Rig(ONE).start()
    for number in range(4):
        at_s = 10.0 + 3600 * number
        rig.frame(at_s=at_s, within_s=5)
        rig.tick(at_s + (0.2 if hangs else 0.05))
        if not hangs:
            rig.fail("a")
        assert rig.health["a"] is Health.QUARANTINED
        assert rig.scheduler.cool_down_s("a") == Settings().cool_down_s
        rig.up("a", at_s + 1)
        work(rig)


def test_faults_that_follow_each_other_add_no_probes():
    rig = Rig(ONE).start()
    rig.frame(within_s=0.01)
    rig.fail("a", 0.001)
    for _ in range(5):
        rig.lose("a", rig.now_s + 0.001)
        rig.up("a", rig.now_s + 0.001)
    rig.fail("a", rig.now_s + 0.001)
    probed_s = []
    while rig.now_s < 1200:
        rig.send(Tick(), max(rig.scheduler.wake_s, rig.now_s))
        if "a" in rig.running:
            probed_s.append(rig.now_s)
            rig.fail("a", rig.now_s + 0.002)
    gaps_s = [after - before for before, after in pairwise(probed_s) if before > 600]
    assert min(gaps_s) > 0.9 * Settings().cool_down_most_s


def test_a_worker_that_is_to_be_replaced_is_so_although_its_run_fails():
    rig = Rig(TWO).start()
    rig.frame(within_s=1)
    rig.send(Recycle("a", "it has grown"), 0.001)
    rig.fail("a", 0.002)
    assert [(end.device, end.detail) for end in rig.of(Terminate)] == [("a", "it has grown")]


def test_batches_grow_back_where_the_best_is_smaller_than_they_may_be():
    times = ServiceTimes.measured({1: 0.001, 2: 0.0015, 4: 0.004, 8: 0.005})
    rig = Rig({"a": {"model": times}}, settings=Settings(grow_s=1)).start()
    for _ in range(1 + 6):
        rig.frame(FREE, within_s=1)
    rig.done("a", 0.002)
    rig.fail("a", 0.003, fault=Fault.MEMORY)
    rig.up("a", 0.3)
    work(rig)
    largest = 0
    for number in range(20):
        for _ in range(12):
            rig.frame(FREE, within_s=1, at_s=1 + number * 10)
        while "a" in rig.running:
            largest = max(largest, len(rig.running["a"].requests))
            rig.done("a", rig.now_s + 0.004)
    assert largest == 8


# Answers


def test_an_event_that_breaks_something_takes_no_answer_with_it():
    scheduler = Scheduler(["a"])
    scheduler.handle(WorkerUp("a", ONE["a"]), 0)
    for name in ("first", "second"):
        scheduler.handle(FrameArrived(Request(Stream(name), 0, 0.02)), 0)
    with pytest.raises(TypeError):
        scheduler.handle(BatchDone("a", 1, None), 0.03)
    told = [action for action in scheduler.handle(Tick(), 0.04) if isinstance(action, Unknown)]
    assert {answer.request.stream.name for answer in told} == {"first", "second"}


def test_many_that_are_due_at_once_are_answered_in_order():
    scheduler = Scheduler(["a"])
    scheduler.handle(WorkerUp("a", ONE["a"]), 0)
    for number in range(3000):
        scheduler.handle(FrameArrived(Request(PART, number, 10.0 + number % 3)), 0.001)
    told = scheduler.handle(Tick(), 20.0)
    answered = [action.request.sequence for action in told if isinstance(action, Unknown)]
    assert answered == sorted(answered)
    assert len(answered) + len([a for a in told if isinstance(a, Forget)]) >= 2999


def test_the_backlog_knows_an_overdue_run_and_other_models():
    rig = Rig({"a": {"model": FAST, "caps": SLOW}}).start()
    rig.frame(Stream("caps", model="caps"), within_s=100)
    alone_s = rig.scheduler.backlog_s("model", 0.0)
    for _ in range(50):
        rig.frame(Stream("caps", model="caps"), within_s=100)
    assert rig.scheduler.backlog_s("model", 0.0) > alone_s + 0.1
    assert rig.scheduler.backlog_s("model", 0.05) > rig.scheduler.backlog_s("model", 0.01)


def test_a_policy_that_fails_costs_no_picture(caplog):
    class Broken:
        """A policy with a fault."""

        def pick(self, job, lanes, now_s):
            raise ZeroDivisionError

    rig = Rig(TWO).start()
    rig.scheduler._placing._policy = Broken()
    first, second = rig.frame(within_s=math.inf), rig.frame(within_s=math.inf)
    work(rig)
    assert isinstance(rig.answers[first], Release)
    assert isinstance(rig.answers[second], Release)
    assert [record.message for record in caplog.records] == [
        "the policy Broken failed; earliest_completion routes from here on"
    ]


def test_streams_of_one_picture_each_are_forgotten():
    scheduler = Scheduler(["a"])
    scheduler.handle(WorkerUp("a", ONE["a"]), 0)
    scheduler.handle(FrameArrived(Request(Stream("kept"), 0, math.inf)), 0)
    for number in range(20_000):
        stream = Stream(f"part {number}", ordered=bool(number % 2))
        scheduler.handle(FrameArrived(Request(stream, 0, 0.0)), 0.0)
    assert len(scheduler._answers.streams) < 10_000
    told = scheduler.handle(BatchDone("a", 1, ["seen"]), 0.001)
    assert [action.result for action in told if isinstance(action, Release)] == ["seen"]


def test_each_model_is_proven_before_a_device_serves_again():
    rig = Rig({"a": {"model": FAST, "caps": FAST, "lids": FAST}}).start()
    rig.frame()
    rig.lose("a", 0.001)
    rig.up("a", 0.1)
    shown = set()
    while "a" in rig.running:
        assert rig.health["a"] is Health.PROBING
        shown.add(rig.running["a"].model)
        rig.done("a", rig.now_s + 0.002)
    assert shown == {"model", "caps", "lids"}


def test_late_pictures_of_each_model_have_their_turn():
    """A device that always has something better to do, and two models of which late pictures wait."""
    profile = ServiceTimes.linear(0.004, 0.004, 2)
    rig = Rig({"a": {"model": profile, "caps": profile}}).start()

    def busy(until_s):
        while rig.now_s < until_s:
            while rig.scheduler.statistics().devices[0].waiting < 3:
                rig.frame(Stream("load", ordered=False), within_s=0.05)
            ends_s = rig.now_s + 0.004 + 0.004 * len(rig.running["a"].requests)
            rig.tick(ends_s - 1e-9)
            rig.done("a", ends_s)

    rig.frame(FREE, within_s=0.05)
    of_one, of_other = Stream("late", ordered=False), Stream("late caps", model="caps", ordered=False)
    many = [rig.frame(of_one, within_s=0.006, at_s=number * 1e-5) for number in range(3)]
    caps = rig.frame(of_other, within_s=0.006, at_s=4e-5)
    many += [rig.frame(of_one, within_s=0.006, at_s=number * 1e-5) for number in range(5, 65)]
    while caps not in rig.after:
        busy(rig.now_s + 0.1)
    assert sum(request in rig.after for request in many) <= 4
