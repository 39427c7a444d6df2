"""What is to be looked at again, and when."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineside.dispatch.actions import Action

    Look = Callable[[float, "list[Action]"], None]


class Alarms:
    """Calls that are due at a time. Whoever is called finds out itself whether there is still something to do."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Look]] = []
        self._count = 0

    def at(self, time_s: float, look: Look) -> None:
        """Have `look` called at a time or soon after it."""
        self._count += 1
        heappush(self._heap, (time_s, self._count, look))

    def next_s(self) -> float | None:
        """When the next one is due."""
        return self._heap[0][0] if self._heap else None

    def is_due(self, now_s: float) -> bool:
        """Whether one is due."""
        return bool(self._heap) and self._heap[0][0] <= now_s

    def due(self, now_s: float) -> Iterator[Look]:
        """Those that are due."""
        while self._heap and self._heap[0][0] <= now_s:
            yield heappop(self._heap)[2]
