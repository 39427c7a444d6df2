"""Where pictures wait for their reader: the newest one alone, or all that there is room for."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

from lineside.core.delivery import Delivery

T = TypeVar("T")

ROOM = 64
"""Pictures that wait where every one counts."""


class Mailbox(Generic[T]):
    """Between a thread that brings and a thread that takes.

    Args:
        delivery: `latest` keeps the newest alone; `every_part` keeps them in order, and one that finds no room is dropped.
        room: How many wait at most where every one counts.
    """

    def __init__(self, delivery: Delivery, room: int = ROOM) -> None:
        self._newest = delivery is Delivery.LATEST
        self._room = 1 if self._newest else room
        self._waiting: deque[T] = deque()
        self._fault: Exception | None = None
        self._dropped = 0
        self._changed = Condition()

    @property
    def dropped(self) -> int:
        """How many nobody took."""
        return self._dropped

    def put(self, item: T) -> bool:
        """Leave something; False where an older or this one was dropped for want of room. It never waits."""
        with self._changed:
            had_room = len(self._waiting) < self._room
            if had_room or self._newest:
                if not had_room:
                    self._waiting.clear()
                self._waiting.append(item)
                self._changed.notify()
            self._dropped += not had_room
            return had_room

    def take(self, timeout_s: float) -> T | None:
        """The oldest that waits, or `None` where none came in time.

        Raises:
            Exception: The one it was closed with, once nothing waits any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._fault, timeout_s)
            if self._waiting:
                return self._waiting.popleft()
            if self._fault is not None:
                raise self._fault
            return None

    def close(self, fault: Exception, *, at_once: bool = False) -> None:
        """Nothing comes any more; the first fault stays.

        Args:
            fault: What a `take` raises when all that waits is taken.
            at_once: What waits is not taken any more.
        """
        with self._changed:
            if self._fault is None:
                self._fault = fault
            if at_once:
                self._waiting.clear()
            self._changed.notify_all()
