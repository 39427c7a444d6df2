"""Work that whoever comes by carries out, one at a time and in order, without a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Turns(Generic[T]):
    """A queue that is worked off by one thread at a time, by whichever adds to it while nobody else is at it.

    A thread that finds another at work leaves its items to it and goes on. That saves the hop to a thread whose only
    work this would be, which costs more than the work.

    Args:
        do: Carries one item out. It may add more; those come after it.

    Attributes:
        items: What is still to be done.
    """

    def __init__(self, do: Callable[[T], None]) -> None:
        self._do = do
        self.items: deque[T] = deque()
        self._turn = threading.Lock()
        self.add = self.items.append

    def work_off(self) -> None:
        """Carry out what is there, unless another thread is at it."""
        items, turn, do = self.items, self._turn, self._do
        # Looked at again after the turn is given back: what was added meanwhile found it taken.
        while items and turn.acquire(False):  # noqa: FBT003 # by keyword it takes twice as long
            try:
                while items:
                    do(items.popleft())
            finally:
                turn.release()
