"""How an engine is closed: once, whoever asks for it, how often and from where."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from lineside.dispatch import forking
from lineside.dispatch.look import LookFuture

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_ROOM = "lineside.dispatch."
_DOORS = frozenset({__name__, f"{_ROOM}engine", f"{_ROOM}works"})
"""Where a call to close or drain comes through on its way here."""


class Closing:
    """Closes an engine.

    Args:
        parts: The objects of this engine whose locks and queues a close has to do with.
        drain: Waits for the last picture, so many seconds at most; whether it is through.
        end: Ends everything, by force or not. It may be called again after it was interrupted.

    Attributes:
        is_done: All has ended.
    """

    def __init__(self, *parts: object, drain: Callable[[float], bool], end: Callable[[bool], object]) -> None:
        self._parts = parts
        self._drain = drain
        self._end = end
        self._turn = threading.Lock()
        self._by: int | None = None
        self._ends = False
        self.is_done = False
        forking.tell(self)

    def left_behind(self) -> None:
        """As `Forkable` says: there is nothing to close in a child."""
        self.is_done = True

    def close(self, timeout_s: float) -> None:
        """Close, or wait for whoever is at it.

        A call from within the engine is no place to wait in: what is waited for waits for the end of that call. There a thread closes instead.

        Args:
            timeout_s: How long the pictures that are under way may take.
        """
        if self.is_done or self._by == threading.get_ident():
            return
        if not self.is_within():
            self._close(timeout_s)
        elif self._by is None:
            # No daemon, so that the program does not end before the workers have.
            thread = threading.Thread(
                target=self._close, args=(timeout_s,), name="lineside-close", daemon=False
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter ends, and starts none any more
                self._end(True)  # noqa: FBT003 # its one argument

    def is_within(self) -> bool:
        """Whether whoever calls the engine now was called by it: as a callback, or as the handler of a signal that interrupted it."""
        frame = sys._getframe(1)  # noqa: SLF001 # what stands below a call costs nothing until somebody asks, a note of it costs each picture
        while frame.f_back is not None and frame.f_globals.get("__name__") in _DOORS:
            frame = frame.f_back
        below: FrameType | None = frame
        while below is not None:
            owner = below.f_locals.get("self") if "self" in below.f_code.co_varnames else None
            if isinstance(owner, LookFuture):
                return True
            if below.f_globals.get("__name__", "").startswith(_ROOM) and any(
                owner is part for part in self._parts
            ):
                return True
            below = below.f_back
        return False

    def _close(self, timeout_s: float) -> None:
        with self._turn:
            if self.is_done:
                return
            self._by = threading.get_ident()
            drained = False
            try:
                try:
                    drained = not self._ends and self._drain(timeout_s)
                finally:  # whoever interrupts the waiting still wants it to end
                    self._ends = True
                    self._end(not drained)
                    self.is_done = True
            finally:
                self._by = None
