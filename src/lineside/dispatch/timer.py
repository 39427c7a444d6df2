"""The one thread that waits for the scheduler's next moment."""

from __future__ import annotations

import ctypes
import logging
import math
import os
import sys
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_AGAIN_S = 0.01
"""A tick that failed is tried again after so long: nobody said when the next one is due, and it must not take all the time there is."""
_TOLD_S = 1.0
"""Failures within so long of one that was logged are not: a fault that stays would fill the disk."""
_CLOCK_MONOTONIC = 1
_CLOSES_ON_EXEC = 0o2000000
_LONGEST_S = 1e6
_LONG_BYTES = 8


class Timer:
    """Calls `tick` when it is due, and soon again when it failed.

    Args:
        tick: Lets time go by, and says by `at` when it is to be called next. What it raises is logged.
        clock: Monotonic seconds.
    """

    def __init__(self, tick: Callable[[], object], clock: Callable[[], float]) -> None:
        self._tick = tick
        self._clock = clock
        self._sleep = new_sleep()
        self._lock = threading.Lock()  # who has it may use the sleep, which is closed in the end
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="lineside-timer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def at(self, due_s: float) -> None:
        """The next tick is due then, in seconds of the clock, and not when it was said before; any thread may say so."""
        with self._lock:
            if not self._closed:
                self._sleep.end_in(max(due_s - self._clock(), 0.0))

    def close(self) -> None:
        """Call no more; may be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._sleep.end_in(0.0)
        if threading.current_thread() is self._thread:
            return
        if self._thread.is_alive():
            self._thread.join()
        self._sleep.close()

    def _run(self) -> None:
        told_s = -math.inf
        while not self._closed:
            try:
                self._tick()
                self._sleep.sleep()
            except Exception:  # noqa: BLE001 # a policy may raise anything, and without this thread no deadline is kept
                if monotonic() - told_s >= _TOLD_S:
                    told_s = monotonic()
                    _log.exception("a tick failed, and is tried again")
                sleep(_AGAIN_S)


class Sleep(Protocol):
    """How a thread sleeps until a time that others may change meanwhile."""

    def end_in(self, seconds: float) -> None:
        """Let the sleep end after so long, infinite for never; what was said before no longer holds."""
        ...

    def sleep(self) -> None:
        """Sleep until then; it may end sooner."""
        ...

    def close(self) -> None:
        """Let go what the system lent; nobody sleeps any more, nor will."""
        ...


def new_sleep() -> Sleep:
    """The best that the system has."""
    try:
        return KernelSleep()
    except (OSError, AttributeError):
        return EventSleep()


class KernelSleep:
    """A timer of Linux (`timerfd_create(2)`): another time is set without waking the thread that sleeps.

    Pictures that come one by one each bring a time at which something is overdue, and take it with them before it comes. A thread that was
    woken to sleep until another time would be woken twice for each.

    Raises:
        OSError, AttributeError: The system has none.
    """

    def __init__(self) -> None:
        if sys.platform != "linux" or ctypes.sizeof(ctypes.c_long) != _LONG_BYTES:
            raise OSError("timerfd: expected Linux of 64 bits, whose structures of times are known here")
        # `PyDLL` keeps the interpreter: handing it over would take longer than setting a time does.
        system = ctypes.PyDLL(None, use_errno=True)
        self._set: Any = system.timerfd_settime
        self._set.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self._set.restype = ctypes.c_int
        self._number: int = system.timerfd_create(_CLOCK_MONOTONIC, _CLOSES_ON_EXEC)
        if self._number < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        # An interval, for none, and the time: whole seconds and nanoseconds each.
        self._times = (ctypes.c_long * 4)()
        self._address = ctypes.addressof(self._times)

    def end_in(self, seconds: float) -> None:
        """As `Sleep` says."""
        times = self._times
        if seconds == math.inf:
            times[2] = times[3] = 0
        else:
            # No time at all would mean never.
            times[2], times[3] = divmod(max(int(min(seconds, _LONGEST_S) * 1e9), 1), 1_000_000_000)
        if (
            self._set(self._number, 0, self._address, None) != 0
        ):  # no deadline would be kept, with no word of it
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def sleep(self) -> None:
        """As `Sleep` says."""
        os.read(self._number, 8)

    def close(self) -> None:
        """As `Sleep` says; may be called twice."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def __del__(self) -> None:
        if hasattr(self, "_number"):
            self.close()


class EventSleep:
    """Where there is no such timer: the thread is woken for a sooner time, and sleeps on for a later one."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._until_s = self._asleep_until_s = -math.inf

    def end_in(self, seconds: float) -> None:
        """As `Sleep` says."""
        self._until_s = until_s = monotonic() + seconds
        if until_s < self._asleep_until_s:
            self._changed.set()

    def sleep(self) -> None:
        """As `Sleep` says."""
        self._changed.clear()
        self._asleep_until_s = math.inf  # until it is known; what is set while it is read must not be missed
        self._asleep_until_s = until_s = self._until_s
        self._changed.wait(min(max(until_s - monotonic(), 0.0), threading.TIMEOUT_MAX))
        self._asleep_until_s = -math.inf

    def close(self) -> None:
        """As `Sleep` says."""
