"""What is to be looked at again, and when."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineside.dispatch.actions import Action

    Look = Callable[[float, "list[Action]"], None]
    Alarm = list[Any]
    """When it is due, its number, and its look, or `None` once it is forgotten."""


class Alarms:
    """Calls that are due at a time. Whoever is called finds out itself whether there is still something to do.

    Attributes:
        next_s: When the next one is due; infinite where there is none.
    """

    def __init__(self) -> None:
        self.next_s = float("inf")
        self._heap: list[Alarm] = []
        self._count = 0

    def at(self, time_s: float, look: Look) -> Alarm:
        """Have `look` called at a time or soon after it."""
        self._count += 1
        alarm = [time_s, self._count, look]
        heappush(self._heap, alarm)
        self.next_s = self._heap[0][0]
        return alarm

    def forget(self, alarm: Alarm) -> None:
        """Have nobody called by an alarm; one that is past may be forgotten, too."""
        heap = self._heap
        alarm[2] = None
        while heap and heap[0][2] is None:
            heappop(heap)
        self.next_s = heap[0][0] if heap else float("inf")

    def due(self, now_s: float) -> Iterator[Look]:
        """Those that are due."""
        heap = self._heap
        while self.next_s <= now_s:
            look = heappop(heap)[2]
            self.next_s = heap[0][0] if heap else float("inf")
            if look is not None:
                yield look
