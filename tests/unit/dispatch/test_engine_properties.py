"""Whatever workers do, every future is settled exactly once, and with its own picture's answer."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine_rig import DEVICES, EngineRig
from lineside.core.errors import UnansweredError
from lineside.dispatch.words import Fault

device = st.sampled_from(DEVICES)
EVENTS = st.one_of(
    st.tuples(st.just("frame"), st.sampled_from([None, "a", "b"]), st.sampled_from([0.003, 0.02, 0.1, None])),
    st.tuples(st.just("live"), st.sampled_from(["view", "other"]), st.sampled_from([0.02, 0.1])),
    st.tuples(st.just("burst"), st.integers(2, 12)),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.0005, 0.002, 0.01, 0.05, 0.3])),
    st.tuples(st.just("done"), device),
    st.tuples(st.just("done"), device),
    st.tuples(st.just("short"), device),
    st.tuples(st.just("fail"), device, st.sampled_from(list(Fault))),
    st.tuples(st.just("die"), device),
    st.tuples(st.just("refuse"), device, st.booleans()),
    st.tuples(st.just("swap"), st.booleans()),
)


def play(rig, events):  # noqa: C901, PLR0912 # one case a kind of event
    for kind, *what in events:
        match kind, *what:
            case "frame", stream, span_s:
                rig.submit(stream, span_s)
            case "live", stream, span_s:
                rig.submit(stream, span_s, delivery="latest")
            case "burst", count:
                for _ in range(count):
                    rig.submit(None, 0.02)
            case "cancel", number if number < len(rig.futures):
                rig.futures[number].cancel()
            case "wait", seconds:
                rig.wait(seconds)
            case "done", name if rig.workers[name].given:
                rig.done(name)
            case "short", name if rig.workers[name].given and rig.workers[name].given[0].pictures:
                rig.workers[name].end(lambda _: ())
            case "fail", name, fault if rig.workers[name].given:
                rig.workers[name].fail(fault)
            case "die", name if rig.is_up(name):
                rig.workers[name].die()
            case "refuse", name, does:
                rig.refuse(name, does=does)
            case "swap", proven:
                rig.swap(proven=proven)
            case _:
                pass


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=70))
def test_every_future_is_settled_once_with_its_own_answer(events):
    rig = EngineRig()
    play(rig, events)
    rig.finish()
    wanted = {rig.engine._offer.model.name}
    assert all(set(worker.models) <= wanted for name, worker in rig.workers.items() if rig.is_up(name))
    assert all(future.done() for future in rig.futures)
    assert Counter(rig.settled) == Counter(range(len(rig.futures)))
    for number, future in enumerate(rig.futures):
        if future.cancelled():
            continue
        refusal = future.exception()
        assert refusal is None or isinstance(refusal, UnansweredError)
        if refusal is None:
            assert future.result() == number


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=40))
def test_closing_in_the_middle_leaves_no_future_open(events):
    rig = EngineRig()
    play(rig, events)
    rig.engine.close(timeout_s=0)
    assert all(future.done() for future in rig.futures)
    late = rig.engine.submit(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(UnansweredError, match="no picture is taken any more"):
        late.result(0)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=60))
def test_no_picture_is_kept_longer_than_a_run_may_need_it(events):
    rig = EngineRig()
    play(rig, events)
    rig.finish()
    assert not rig.engine._promises._open
    assert [ticket for ticket in rig.tickets if ticket.picture is not None] == []
