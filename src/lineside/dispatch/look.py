"""What a model saw in a picture, and what it took; and the future in which an engine hands that out."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import _base as states
from dataclasses import dataclass
from threading import Condition, RLock
from typing import TYPE_CHECKING, Any

from lineside.dispatch.guarding import told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.core.detections import Detections


@dataclass(slots=True, eq=False)  # frozen, each would take four times as long to make
class Look:
    """A worker's answer to one picture. Nobody changes it.

    Attributes:
        detections: What was seen.
        preprocess_s: Seconds from the picture to the model's input; in a batch of the whole batch, as the other two.
        run_s: Of the model's run.
        postprocess_s: From its outputs to detections.
    """

    detections: Detections
    preprocess_s: float
    run_s: float
    postprocess_s: float

    @property
    def seconds(self) -> Mapping[str, float]:
        """The stages by name."""
        return {
            "preprocess": self.preprocess_s,
            "run": self.run_s,
            "postprocess": self.postprocess_s,
        }


_NO_SECONDS: Mapping[str, float] = {}
_DONE = frozenset({states.FINISHED, states.CANCELLED, states.CANCELLED_AND_NOTIFIED})
_Lock = type(RLock())  # without the function around it


class LookFuture(Future[Any]):
    """The future of a picture's detections. Once it holds them it also says who saw them and in what time.

    It is a `Future` in every way, and is made and settled in a third of the time: the `Condition`, which is for those who wait in
    `result`, `exception` or `concurrent.futures.wait`, is made by the first of them. Most answers are taken by a callback.

    Attributes:
        device: The device that answered; empty where none did.
        seconds: Seconds of each stage by name, where the worker told them.
    """

    device: str = ""
    seconds: Mapping[str, float] = _NO_SECONDS
    _waited: Condition | None = None
    _state = states.PENDING
    _result = None
    _exception = None

    def __init__(self) -> None:  # with the above all that the standard library's makes, but for the condition
        self._lock = _Lock()
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Future[Any]], object]] = []

    @property
    def _condition(self) -> Condition:  # type: ignore[override] # what is made when asked for cannot be an attribute
        """What the standard library locks a future with, and waits on. It has this future's one lock, so who holds either holds both."""
        with self._lock:
            if self._waited is None:
                self._waited = Condition(self._lock)
            return self._waited

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Have something called with this future when it is done, at once if it is."""
        with self._lock:
            if self._state not in _DONE:
                self._done_callbacks.append(fn)
                return
        _call(fn, self)

    def settle(self, outcome: object, refusal: Exception | None = None) -> None:
        """Be done with a result, or with a refusal where there is one; a future that was cancelled stays so."""
        with self._lock:
            if self._state in _DONE:
                if self._state == states.CANCELLED:
                    self.set_running_or_notify_cancel()
                return
            self._result, self._exception, self._state = outcome, refusal, states.FINISHED
            for waiter in self._waiters:
                if refusal is None:
                    waiter.add_result(self)
                else:
                    waiter.add_exception(self)
            if self._waited is not None:
                self._waited.notify_all()
        for callback in self._done_callbacks:
            _call(callback, self)


def _call(callback: Callable[[Future[Any]], object], future: LookFuture) -> None:
    try:
        callback(future)
    except BaseException as fault:  # noqa: BLE001 # as every future has it: a callback's fault is its own, and the next is called all the same
        told(fault, f"a callback of {future!r}")
