"""What the scheduler promises whatever happens, and in whatever order."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_rig import FAST, ROLES, SLOW, Rig
from lineside.core.delivery import Delivery
from lineside.dispatch.events import BatchDone, BatchFailed, DeviceAlarm, Discard, Recycle, Swap, Tick
from lineside.dispatch.settings import Settings
from lineside.dispatch.words import Fault, Health, Stream

STREAMS = [
    Stream("parts"),
    Stream("free", ordered=False),
    Stream("view", delivery=Delivery.LATEST),
    Stream("other view", delivery=Delivery.LATEST),
    Stream("caps", model="caps"),
]
DEVICES = {
    "a": {"model": FAST, "caps": SLOW, "caps@2": SLOW},
    "b": {"model": SLOW, "caps": FAST, "caps@2": FAST},
    "c": {"model": FAST},
}
NAMES = list(DEVICES)
MODELS = ["model", "caps", "caps@2"]

device = st.sampled_from(NAMES)
EVENTS = st.one_of(
    st.tuples(
        st.just("frame"), st.sampled_from(STREAMS), st.sampled_from([0.003, 0.02, 0.02, 0.1, math.inf])
    ),
    st.tuples(st.just("burst"), st.sampled_from(STREAMS), st.integers(2, 12)),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.0005, 0.002, 0.01, 0.05, 0.3])),
    st.tuples(st.just("jump"), st.sampled_from([0.01, 0.2])),
    st.tuples(st.just("done"), device),
    st.tuples(st.just("done"), device),
    st.tuples(st.just("fail"), device, st.sampled_from(list(Fault))),
    st.tuples(st.just("lose"), device),
    st.tuples(st.just("up"), device),
    st.tuples(st.just("up with"), device, st.sets(st.sampled_from(MODELS))),
    st.tuples(st.just("load"), device, st.sampled_from(MODELS)),
    st.tuples(st.just("alarm"), device),
    st.tuples(st.just("recycle"), device),
    st.tuples(st.just("back"), device, st.booleans()),
    st.tuples(st.just("swap"), st.sampled_from(["caps", "caps@2"])),
    st.tuples(st.just("discard"), st.sampled_from(["model", "caps", "caps@2"])),
)


def play(rig, events):  # noqa: C901, PLR0912 # one case a kind of event
    for kind, *what in events:
        match kind, *what:
            case "frame", stream, span:
                rig.frame(stream, within_s=span)
            case "burst", stream, count:
                for _ in range(count):
                    rig.frame(stream)
            case "wait", seconds:
                rig.tick(rig.now_s + seconds)
            case "jump", seconds:  # the caller was late with its ticks
                rig.send(Tick(), rig.now_s + seconds)
            case "done", name if name in rig.running:
                rig.done(name)
            case "fail", name, fault if name in rig.running:
                rig.fail(name, fault=fault)
            case "lose", name:
                rig.lose(name)
            case "up", name if name not in rig.running:
                rig.up(name)
            case "up with", name, models if name not in rig.running:
                rig.up(name, only=models)
            case "load", name, model if model in DEVICES[name] and model not in rig.retired:
                rig.load(name, model)
            case "alarm", name:
                rig.send(DeviceAlarm(name, "reset"))
            case "recycle", name:
                rig.send(Recycle(name, "old"))
            case "back", name, well if rig.given_up[name]:
                run = rig.given_up[name].pop()
                rig.send(BatchDone(name, run.run) if well else BatchFailed(name, run.run, Fault.CANCELLED))
            case "swap", model if any(model in loaded for loaded in rig.loaded.values()):
                rig.roles["caps"] = model
                rig.send(Swap("caps", model))
            case "discard", model:
                rig.send(Discard(model))
            case _:
                pass
        assert rig.retired.isdisjoint(rig.roles.get(role, role) for role in ROLES)


@pytest.mark.parametrize("routing", ["earliest_completion", "shared_queue", "round_robin"])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=80))
def test_every_picture_leaves_exactly_once_in_order_and_in_time(routing, events):
    rig = Rig(DEVICES, routing=routing).start()
    play(rig, events)
    rig.finish()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=60))
def test_the_same_holds_without_admission_and_with_little_room_for_late_pictures(events):
    for how in (Settings(admission=False), Settings(late_limit=2)):
        rig = Rig(DEVICES, settings=how).start()
        play(rig, events)
        rig.finish()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=60), back_s=st.floats(0, 1))
def test_time_never_goes_back(events, back_s):
    rig = Rig(DEVICES).start()
    play(rig, events)
    before_s = rig.now_s
    rig.send(Tick(), before_s - back_s)
    assert all(run.started_s <= before_s for run in running(rig))
    rig.now_s = before_s
    rig.finish()


def running(rig):
    devices = rig.scheduler._fleet.devices.values()
    return [device.running for device in devices if device.running is not None]


@settings(max_examples=40, deadline=None)
@given(events=st.lists(EVENTS, max_size=60))
def test_the_same_events_bring_the_same_actions(events):
    def told():
        rig = Rig(DEVICES).start()
        play(rig, events)
        return [(type(action).__name__, getattr(action, "device", None)) for action in rig.log]

    assert told() == told()


def test_the_rig_sees_a_broken_promise():
    rig = Rig({"a": {"model": FAST}}).start()
    rig.health["a"] = Health.QUARANTINED
    with pytest.raises(AssertionError):
        rig.frame()
