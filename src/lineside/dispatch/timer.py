"""The one thread that waits for the scheduler's next moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """Calls `tick` when it is due.

    Args:
        tick: Lets time go by and says when it is to be called next, in seconds of the clock.
        clock: Monotonic seconds.
    """

    def __init__(self, tick: Callable[[], float], clock: Callable[[], float]) -> None:
        self._tick = tick
        self._clock = clock
        self._sooner = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="lineside-timer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something is due sooner than was said."""
        self._sooner.set()

    def close(self) -> None:
        """Call no more."""
        self._closed = True
        self._sooner.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._sooner.clear()
            next_s = self._tick()
            wait_s = next_s - self._clock()
            if wait_s > 0 and not self._closed:
                self._sooner.wait(min(wait_s, threading.TIMEOUT_MAX))
