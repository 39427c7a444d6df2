"""The end of an engine: asked for again, from a callback, by a signal, or interrupted, and what is left after it."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest

from engine_rig import OFFER, EngineRig
from lineside.core.errors import DeviceUnavailableError, LinesideError, UnansweredError
from lineside.core.verdict import Reason
from lineside.dispatch.closing import Closing
from lineside.dispatch.engine import Engine
from lineside.dispatch.signals import Signals
from lineside.dispatch.slots import Slots
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.words import Health
from lineside.dispatch.worker import WorkerModel
from lineside.dispatch.works import Works
from lineside.testing.workers import ScriptedOpener

PATIENCE_S = 30
PICTURE = np.zeros((4, 4, 3), np.uint8)


def opened(opener=None, **fittings):
    """An engine over one thread."""
    opener = ScriptedOpener() if opener is None else opener
    worker = lambda post: ThreadWorker("dev", opener=opener, post=post)  # noqa: E731 # one line
    return Engine.of(Crew({"dev": worker}), OFFER, Fittings(**fittings))


def ended(name="lineside-close"):
    """Wait for the thread that closes an engine."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def test_a_callback_may_close_the_engine_and_what_is_under_way_is_still_answered():
    engine = opened(ScriptedOpener((0.01,)))
    took_s, faults = [], []

    def close(_):
        start_s = time.monotonic()
        try:
            engine.close()
        except BaseException as fault:  # noqa: BLE001 # whatever it is
            faults.append(fault)
        took_s.append(time.monotonic() - start_s)

    futures = [engine.submit(PICTURE, do="look") for _ in range(5)]
    futures[0].add_done_callback(close)
    for future in futures:
        assert future.exception(PATIENCE_S) is None
    ended()
    engine.close()
    assert (faults, engine._works.closing.is_done) == ([], True)
    assert took_s[0] < 1


def test_a_callback_that_drains_does_not_wait_for_itself():
    engine = opened()
    answers = []
    future = engine.submit(PICTURE, do="look")
    future.add_done_callback(lambda _: answers.append(engine.drain(PATIENCE_S)))
    start_s = time.monotonic()
    engine.close(PATIENCE_S)
    assert answers == [False]
    assert time.monotonic() - start_s < PATIENCE_S / 2


def test_the_handler_of_a_signal_may_close_the_engine_that_it_interrupts():
    engine = opened()
    futures = [engine.submit(PICTURE, do="look") for _ in range(3)]
    before = signal.signal(signal.SIGTERM, lambda *_: engine.close())
    try:
        engine._desk.ask(lambda _: signal.raise_signal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
    engine.close()
    assert engine._works.closing.is_done
    assert [future.exception(0) for future in futures] == [None] * 3


def test_a_worker_may_be_joined_in_its_own_thread():
    joined = []
    worker = ThreadWorker(
        "dev", opener=ScriptedOpener(), post=lambda _: joined.append(worker.join(PATIENCE_S))
    )
    worker.start([OFFER.model])
    worker.close(by_force=False)
    assert worker.join(PATIENCE_S)
    assert joined == [False]


def test_whatever_fails_at_the_end_what_is_open_is_settled():
    rig = EngineRig(devices=("a",))
    future = rig.submit()
    join = rig.workers["a"].join

    def fail(_):
        rig.workers["a"].join = join
        raise ZeroDivisionError("a bug")

    rig.workers["a"].join = fail
    with pytest.raises(ZeroDivisionError):
        rig.engine.close(timeout_s=0)
    assert isinstance(future.exception(0), UnansweredError)
    assert not rig.engine._works.closing.is_done
    rig.engine.close()
    assert rig.engine._works.closing.is_done


def test_a_close_that_is_interrupted_ends_by_force_and_one_that_is_interrupted_again_can_be_finished():
    ends = []

    def drain(_):
        raise KeyboardInterrupt

    def end(by_force):
        ends.append(by_force)
        if len(ends) == 1:
            raise KeyboardInterrupt

    closing = Closing(drain=drain, end=end)
    with pytest.raises(KeyboardInterrupt):
        closing.close(1.0)
    assert (ends, closing.is_done) == ([True], False)
    closing.close(1.0)
    closing.close(1.0)
    assert (ends, closing.is_done) == ([True, True], True)


def test_who_closes_second_waits_for_the_first():
    begun, gate, order = threading.Event(), threading.Event(), []

    def drain(_):
        begun.set()
        return gate.wait(PATIENCE_S)

    closing = Closing(drain=drain, end=order.append)
    first = threading.Thread(target=closing.close, args=(1.0,))
    first.start()
    assert begun.wait(PATIENCE_S)
    second = threading.Thread(target=lambda: (closing.close(1.0), order.append("second")))
    second.start()
    second.join(0.05)
    assert (second.is_alive(), order) == (True, [])
    gate.set()
    for each in (first, second):
        each.join(PATIENCE_S)
    assert order == [False, "second"]


def test_a_worker_that_does_not_end_when_it_is_asked_to_is_ended_by_force():
    rig = EngineRig(devices=("a",))
    worker, asked = rig.workers["a"], []
    worker.close = lambda *, by_force: asked.append(by_force)
    worker.join = lambda timeout_s: asked[-1]
    rig.engine.close()
    assert asked == [False, True]


@pytest.mark.parametrize("part", [(Signals, "start"), (Works, "tell_tight")], ids=["first", "last"])
def test_a_start_that_fails_leaves_no_thread(monkeypatch, part):
    before = set(threading.enumerate())

    def fail(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(*part, fail)
    with pytest.raises(RuntimeError, match="new thread"):
        opened()
    assert set(threading.enumerate()) <= before


def test_a_closed_engine_says_so_wherever_it_is_asked():
    rig = EngineRig(devices=("a",))
    rig.engine.close()
    standing = rig.engine.health()
    assert not standing.is_whole
    assert (standing.devices[0].health, standing.devices[0].detail) == (
        Health.QUARANTINED,
        "the engine is closed",
    )
    assert (rig.engine.absence(), rig.engine.backlog_ms()) == (Reason.STOPPING, None)


def test_a_swap_after_a_close_is_refused_at_once():
    rig = EngineRig(devices=("a",))
    rig.engine.close()
    with pytest.raises(DeviceUnavailableError, match=r"new\.onnx: the engine is closed"):
        rig.engine.swap("new.onnx")


def test_a_swap_that_waits_for_a_device_ends_with_the_engine():
    rig = EngineRig(devices=("a",))
    rig.workers["a"].load = lambda _: asked.set()
    asked, refusals = threading.Event(), []

    def swap():
        try:
            rig.engine._swapper.swap(OFFER, Offer(WorkerModel("new", "new.onnx")), lambda: None)
        except DeviceUnavailableError as refusal:
            refusals.append(str(refusal))

    swapping = threading.Thread(target=swap, daemon=True)
    swapping.start()
    assert asked.wait(PATIENCE_S)
    rig.engine.close()
    swapping.join(PATIENCE_S)
    assert refusals == ["new.onnx: the engine is closed, so no model gets in any more"]


def test_a_device_that_is_out_of_service_has_no_say_in_a_swap():
    rig = EngineRig(devices=("a", "b"))
    rig.wait(1.0)
    rig.refuse("b")
    rig.workers["b"].die()
    load = rig.workers["a"].load

    def while_the_other_is_tried_again(model):
        rig.wait(1.0)
        load(model)

    rig.workers["a"].load = while_the_other_is_tried_again
    rig.swap()
    assert rig.workers["a"].models == ["model@1"]
    assert not rig.is_up("b")


@pytest.mark.parametrize(
    "how", [{"model": "missing.onnx"}, {"routing": "no_such_way"}], ids=["the model", "the routing"]
)
def test_a_start_that_is_refused_closes_the_memory_of_its_pictures(monkeypatch, how):
    closed = []
    monkeypatch.setattr(Slots, "close", lambda slots: closed.append(slots))  # noqa: PLW0108 # a method is a function
    with pytest.raises(LinesideError):
        Engine(**{"model": "shipped:plant", "devices": "cpu:0", "buffers": 1, **how})
    assert len(closed) == 1
