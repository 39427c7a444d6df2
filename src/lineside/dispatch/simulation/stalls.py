"""Moments in which the whole machine, or this process, got no time: seen by a thread that has nothing to do but to be on time."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_EACH_S = 0.001


class StallWatch:
    """Notes each time that a thread which only sleeps wakes up too late. What was measured meanwhile says nothing.

    Args:
        over_s: Seconds by which it must be late for that to count.
        clock: Monotonic seconds.
        sleep: Waits.

    Attributes:
        seen: When each stall began, and when it was over.
    """

    def __init__(
        self,
        over_s: float = 0.002,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seen: list[tuple[float, float]] = []
        self._over_s = over_s
        self._clock = clock
        self._sleep = sleep
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="lineside stall watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._thread.join()

    def look(self) -> None:
        """Sleep once, and note it where that took too long."""
        due_s = self._clock() + _EACH_S
        self._sleep(_EACH_S)
        now_s = self._clock()
        if now_s - due_s > self._over_s:
            self.seen.append((due_s, now_s))

    @property
    def longest_s(self) -> float:
        """Seconds of the longest one; 0 without any."""
        return max((to_s - from_s for from_s, to_s in self.seen), default=0.0)

    def within(self, from_s: float, to_s: float) -> bool:
        """Whether there was one between two times."""
        seen = self.seen
        place = bisect_left(seen, (to_s, to_s))  # the last one that began before
        return place > 0 and seen[place - 1][1] > from_s

    def _watch(self) -> None:
        while not self._closed:
            self.look()
