"""Where events come in from any thread, and what follows from them is carried out in order."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from lineside.dispatch.events import BatchDone, BatchFailed, Drain, FrameArrived, Tick
from lineside.dispatch.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.dispatch.actions import Action
    from lineside.dispatch.events import Event
    from lineside.dispatch.scheduler import Scheduler
    from lineside.dispatch.turns import Call

T = TypeVar("T")

_LEFT = frozenset({FrameArrived, BatchDone, BatchFailed, Tick, Drain})
"""What may be left to another thread: what comes with every picture; and `Drain`, which may come from the handler of a signal that interrupted the one that handles events."""
_NEVER = float("inf")
_MUCH_LATER_S = 0.05
"""A tick that is put off by less is left to come, and finds nothing to do."""
_AGAIN_S = 0.0002
"""A tick that is due and was left to another thread is looked for again after so long."""


class Desk:
    """The scheduler, and what comes of its decisions, one thing at a time.

    What comes with every picture waits for nobody: a thread that finds another at the scheduler leaves its event there and goes on, and the
    other handles it. With a lock that threads wait for, two of them that have much to say come to hand it, and the interpreter, to and fro for each
    event. The orders to the workers that follow, and the answers, go into a queue each, and whoever comes by works them off: a callback that
    takes long holds other answers up, and no device but its own.

    Args:
        scheduler: Decides.
        clock: Monotonic seconds.
        prepare: Says what is to be called to carry an order to a worker out, with which arguments. What these need must be taken here,
            as an answer that follows may let go of it. It must be quick, as it is asked behind the lock.
        answer: For each kind of action that is no order to a worker what takes it: answers, and news of devices.
        wake_at: Is called when the next tick is due sooner than was said last, or much later, with its time; from any thread, and one
            at a time. It must be quick, as it is called behind the lock.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        clock: Callable[[], float],
        prepare: Callable[[Action], Call],
        answer: Mapping[type[Any], Callable[[Any], object]],
        wake_at: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._wake_at = wake_at
        self._events: deque[Event] = deque()
        # Who has the turn has the scheduler, and looks for more to do after giving it back: what was left meanwhile found it taken.
        self._turn = threading.Lock()
        self._wake_s = float("-inf")
        self._prepare, self._answer = prepare, answer
        self._orders, self._answers = Turns(), Turns()

    def post(self, event: Event) -> None:
        """Handle an event, and carry out what follows; or leave either to whoever is at it.

        Events that one thread posts are handled in its order. Of those that come with every picture it may return before they are.

        Raises:
            SettingsError: The event names what does not exist.
        """
        if type(event) in _LEFT:
            self._events.append(event)
            self._work_off()
            return
        try:
            with self._turn:
                self._handle(self._events)
                self._handle(deque((event,)))
        finally:
            self._work_off()

    def tick(self) -> float:
        """Let time go by; when the next tick is due, infinite where nothing is waited for. `wake_at` is told that, too."""
        wake_s = self.ask(self._undue_s)
        if wake_s is None:
            self.post(Tick())
            wake_s = self.ask(self._next_s)
        return wake_s

    def ask(self, question: Callable[[Scheduler], T]) -> T:
        """What the scheduler says, between two events."""
        try:
            with self._turn:
                return question(self._scheduler)
        finally:
            self._work_off()

    def _undue_s(self, scheduler: Scheduler) -> float | None:
        """When the next tick is due, unless it is by now."""
        wake_s = scheduler.wake_s
        return self._say(wake_s) if wake_s == _NEVER or wake_s > self._clock() else None

    def _next_s(self, scheduler: Scheduler) -> float:
        """When the next tick is due after one; not at once, as another thread may have yet to come to that one."""
        return self._say(max(scheduler.wake_s, self._clock() + _AGAIN_S))

    def _say(self, wake_s: float) -> float:
        self._wake_s = wake_s
        self._wake_at(wake_s)
        return wake_s

    def _work_off(self) -> None:
        events, turn, orders, answers = self._events, self._turn, self._orders, self._answers
        while events and turn.acquire(False):  # noqa: FBT003 # by keyword it takes twice as long
            try:
                self._handle(events)
            finally:
                turn.release()
            if orders.calls:
                orders.work_off()
        if orders.calls:
            orders.work_off()
        if answers.calls:
            answers.work_off()

    def _handle(self, events: deque[Event]) -> None:
        """Handle the events that are there, and queue what follows; those that come meanwhile are for the next time, so that questions come in between."""
        scheduler, orders, answers = self._scheduler, self._orders, self._answers
        count = len(events)
        while count:
            count -= 1
            for action in scheduler.handle(events.popleft(), self._clock()):
                answer = self._answer.get(type(action))
                if answer is None:
                    orders.add(self._prepare(action))
                else:
                    answers.add((answer, (action,)))
        wake_s = scheduler.wake_s
        # A tick that is due a little later is not told: one that finds nothing to do, now and then, costs less.
        if wake_s < self._wake_s or wake_s > self._wake_s + _MUCH_LATER_S:
            self._say(wake_s)
