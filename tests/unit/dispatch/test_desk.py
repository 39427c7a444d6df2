"""The desk: threads that bring events wait for nobody, and none of what they bring is lost or turned round."""

from __future__ import annotations

import threading

import pytest

from lineside.core.errors import SettingsError
from lineside.dispatch.actions import Drained
from lineside.dispatch.desk import Desk
from lineside.dispatch.events import BatchDone, Discard, Drain, FrameArrived, Swap, WorkerLost

PATIENCE_S = 30


class Noting:
    """Stands for the scheduler: notes what it is told, and answers each event with `Drained`, which has nothing in it."""

    def __init__(self):
        self.seen = []
        self.due_s = float("inf")
        self.begun, self.gate = threading.Event(), threading.Event()

    def handle(self, event, now_s):
        self.seen.append((event, threading.current_thread().name))
        if "held" in {getattr(event, "request", None), getattr(event, "device", None)}:
            self.begun.set()
            assert self.gate.wait(PATIENCE_S)
        if isinstance(event, Swap):
            raise SettingsError("dispatch: no such model")
        return [Drained()]

    @property
    def wake_s(self):
        return self.due_s

    @property
    def requests(self):
        return [event.request for event, _ in self.seen if isinstance(event, FrameArrived)]


class Rig:
    def __init__(self):
        self.scheduler, self.answered, self.wakes = Noting(), [], []
        self.desk = Desk(
            self.scheduler,
            clock=lambda: 10.0,
            prepare=lambda _: None,
            answer={Drained: self.answered.append},
            wake_at=self.wakes.append,
        )

    def in_thread(self, name, post):
        thread = threading.Thread(target=post, name=name)
        thread.start()
        return thread

    def held(self):
        """A thread that is at the scheduler until the gate opens."""
        thread = self.in_thread("held", lambda: self.desk.post(FrameArrived("held")))
        assert self.scheduler.begun.wait(PATIENCE_S)
        return thread


def test_a_thread_that_finds_another_at_it_leaves_its_event_there_and_goes_on():
    rig = Rig()
    thread = rig.held()
    rig.desk.post(FrameArrived("second"))
    rig.desk.post(BatchDone("a", 1))
    assert rig.scheduler.requests == ["held"]
    rig.scheduler.gate.set()
    thread.join(PATIENCE_S)
    assert [(type(event), name) for event, name in rig.scheduler.seen] == [
        (FrameArrived, "held"),
        (FrameArrived, "held"),
        (BatchDone, "held"),
    ]
    assert rig.scheduler.requests == ["held", "second"]
    assert len(rig.answered) == 3


class LastMoment:
    """A lock in front of whose release something happens, once: the moment at which an event is most easily lost."""

    def __init__(self, happens):
        self._lock, self._happens = threading.Lock(), [happens]
        self.acquire = self._lock.acquire

    def release(self):
        while self._happens:
            self._happens.pop()()
        self._lock.release()


def test_what_is_left_in_the_last_moment_of_a_turn_is_seen_to():
    rig = Rig()

    def leave():
        rig.in_thread("late", lambda: rig.desk.post(FrameArrived("late"))).join(PATIENCE_S)

    rig.desk._turn = LastMoment(leave)  # no thread can be made to come in this moment otherwise
    rig.desk.post(FrameArrived("first"))
    assert rig.scheduler.requests == ["first", "late"]
    assert len(rig.answered) == 2


def test_what_is_left_while_something_rare_is_handled_is_seen_to():
    rig = Rig()
    rare = rig.in_thread("rare", lambda: rig.desk.post(WorkerLost("held", "gone")))
    assert rig.scheduler.begun.wait(PATIENCE_S)
    rig.desk.post(FrameArrived("second"))
    rig.scheduler.gate.set()
    rare.join(PATIENCE_S)
    assert [(type(event), name) for event, name in rig.scheduler.seen] == [
        (WorkerLost, "rare"),
        (FrameArrived, "rare"),
    ]


def test_of_many_threads_no_event_is_lost_and_each_threads_own_stay_in_order():
    rig = Rig()
    each = 3000

    def post(mine):
        for number in range(each):
            rig.desk.post(FrameArrived((mine, number)))

    threads = [rig.in_thread(f"poster {mine}", lambda mine=mine: post(mine)) for mine in range(4)]
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(rig.answered) == len(rig.scheduler.requests) == 4 * each
    for mine in range(4):
        assert [n for who, n in rig.scheduler.requests if who == mine] == list(range(each))


def test_a_refusal_goes_to_whoever_posted_and_holds_up_nothing_that_others_left():
    rig = Rig()
    thread = rig.held()
    refused = []

    def swap():
        with pytest.raises(SettingsError):
            rig.desk.post(Swap("model", "another"))
        refused.append(threading.current_thread().name)

    swapping = rig.in_thread("swapping", swap)
    rig.desk.post(FrameArrived("second"))
    rig.scheduler.gate.set()
    for each in (thread, swapping):
        each.join(PATIENCE_S)
    assert refused == ["swapping"]
    assert rig.scheduler.requests == ["held", "second"]
    assert [name for event, name in rig.scheduler.seen if isinstance(event, Swap)] == ["swapping"]


def test_what_is_rare_is_done_when_it_returns_and_after_all_that_came_before():
    rig = Rig()
    thread = rig.held()
    rig.desk.post(FrameArrived("second"))
    opening = rig.in_thread("opening", rig.scheduler.gate.set)
    rig.desk.post(Discard("model"))
    assert [type(event) for event, _ in rig.scheduler.seen] == [FrameArrived, FrameArrived, Discard]
    for each in (thread, opening):
        each.join(PATIENCE_S)


def test_whoever_drains_does_not_wait_for_the_thread_that_it_may_have_interrupted():
    rig = Rig()
    thread = rig.held()
    rig.desk.post(Drain())
    rig.scheduler.gate.set()
    thread.join(PATIENCE_S)
    assert [type(event) for event, _ in rig.scheduler.seen] == [FrameArrived, Drain]


def test_a_question_is_answered_between_two_events():
    rig = Rig()
    thread = rig.held()
    asked = []
    asking = rig.in_thread("asking", lambda: asked.append(rig.desk.ask(lambda s: s.gate.is_set())))
    rig.scheduler.gate.set()
    for each in (thread, asking):
        each.join(PATIENCE_S)
    assert asked == [True]


def test_a_tick_that_is_still_due_is_looked_for_again_soon_and_not_at_once():
    rig = Rig()
    rig.scheduler.due_s = 9.0
    assert 10.0 < rig.desk.tick() < 10.01
    rig.scheduler.due_s = 12.0
    assert rig.desk.tick() == 12.0


def test_whoever_waits_for_the_next_tick_is_told_of_a_sooner_one_and_of_none_but_not_of_one_a_little_later():
    rig = Rig()
    for due_s in (10.002, 10.002, 10.003, 10.001, float("inf")):
        rig.scheduler.due_s = due_s
        rig.desk.post(FrameArrived(due_s))
    assert rig.wakes == [10.002, 10.001, float("inf")]
