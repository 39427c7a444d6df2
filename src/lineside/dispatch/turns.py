"""Calls that whoever comes by carries out, one at a time and in order, without a thread of their own."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Call: TypeAlias = tuple[Callable[..., object], tuple[Any, ...]]
    """What is called, and its arguments."""


class Turns:
    """A queue of calls that is worked off by one thread at a time, by whichever adds to it while nobody else is at it.

    A thread that finds another at work leaves its calls to it and goes on. That saves the hop to a thread whose only
    work this would be, which costs more than the work. A call may add more; those come after it.

    Attributes:
        calls: What is still to be done.
        add: Adds a `Call`.
    """

    def __init__(self) -> None:
        self.calls: deque[Call] = deque()
        self.add: Callable[[Call], None] = self.calls.append
        self._turn = threading.Lock()

    def work_off(self) -> None:
        """Carry out what is there, unless another thread is at it."""
        calls, turn = self.calls, self._turn
        # Looked at again after the turn is given back: what was added meanwhile found it taken.
        while calls and turn.acquire(False):  # noqa: FBT003 # by keyword it takes twice as long
            try:
                while calls:
                    do, arguments = calls.popleft()
                    do(*arguments)
            finally:
                turn.release()
