"""Where events come in from any thread, and what follows from them is carried out in order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

from lineside.dispatch.actions import (
    Cancel,
    DeadlineTooShort,
    Drained,
    HealthChanged,
    Probe,
    Retire,
    Run,
    Terminate,
)
from lineside.dispatch.events import Tick
from lineside.dispatch.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.dispatch.actions import Action
    from lineside.dispatch.events import Event
    from lineside.dispatch.scheduler import Scheduler

T = TypeVar("T")
Order = tuple["Callable[..., None]", tuple[Any, ...]]

_ORDERS = frozenset({Run, Probe, Cancel, Terminate, Retire})
_NEWS = frozenset({HealthChanged, DeadlineTooShort, Drained})
_NEVER = float("inf")


class Desk:
    """The scheduler behind one lock.

    An event is handled in the thread that brings it. The orders to the workers that follow, and the answers, go into a queue each,
    and whoever comes by works them off: a callback that takes long holds other answers up, and no device but its own.

    Args:
        scheduler: Decides.
        clock: Monotonic seconds.
        prepare: Says what is to be called to carry an action out, with which arguments; `None` where there is nothing. It is told of
            answers, too, each after every run that may need its picture. It must be quick, as it is asked behind the lock.
        answer: Gives an answer, or tells of a device's health.
        woken: Is called when the next tick is due sooner than `next_wake_s` said last; from any thread.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        clock: Callable[[], float],
        prepare: Callable[[Action], Order | None],
        answer: Callable[[Action], None],
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._woken = woken
        self._lock = threading.Lock()
        self._wake_s = float("-inf")
        self._prepare = prepare
        self._orders: Turns[Order] = Turns(_carry_out)
        self._answers: Turns[Action] = Turns(answer)

    def post(self, event: Event) -> None:
        """Handle an event, and carry out what follows or leave it to whoever is at it.

        Raises:
            SettingsError: The event names what does not exist.
        """
        scheduler, prepare, orders, answers = self._scheduler, self._prepare, self._orders, self._answers
        with self._lock:
            for action in scheduler.handle(event, self._clock()):
                kind = type(action)
                if kind not in _NEWS and (order := prepare(action)) is not None:
                    orders.add(order)
                if kind not in _ORDERS:
                    answers.add(action)
            wake_s = scheduler.wake_s()
            sooner = wake_s < self._wake_s
            if sooner:
                self._wake_s = wake_s
        if sooner:
            self._woken()
        if orders.items:
            orders.work_off()
        if answers.items:
            answers.work_off()

    def tick(self) -> float:
        """Let time go by; when the next tick is due, infinite where nothing is waited for."""
        with self._lock:
            self._wake_s = wake_s = self._scheduler.wake_s()
            if wake_s == _NEVER or wake_s > self._clock():
                return wake_s
        self.post(Tick())
        with self._lock:
            self._wake_s = self._scheduler.wake_s()
            return self._wake_s

    def ask(self, question: Callable[[Scheduler], T]) -> T:
        """What the scheduler says, between two events."""
        with self._lock:
            return question(self._scheduler)


def _carry_out(order: Order) -> None:
    do, arguments = order
    do(*arguments)
