"""The newest picture of each view, for those who wait for it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.outputs.view.studio import Picture


class Newest:
    """Keeps one picture a view. Who waits for the next one makes it wanted; who is slow misses some.

    Any thread may call it.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._waiting: Counter[tuple[str, int]] = Counter()
        self._pictures: dict[str, tuple[int, Picture]] = {}
        self._is_closed = False
        self._wake: Callable[[], None] = lambda: None

    def call(self, wake: Callable[[], None]) -> None:
        """Have somebody told whenever a view becomes wanted."""
        self._wake = wake

    def wanted(self) -> tuple[str, ...]:
        """The views that somebody waits for now. Who was given a picture and has not yet woken waits no more."""
        with self._turn:
            return tuple({name for name, after in self._waiting if after >= self._number(name)})

    def publish(self, picture: Picture) -> None:
        """This is the newest of its view."""
        with self._turn:
            number, _ = self._pictures.get(picture.name, (0, None))
            self._pictures[picture.name] = (number + 1, picture)
            self._turn.notify_all()

    def number(self, name: str) -> int:
        """The number of a view's newest picture. A watcher begins behind it: it may be as old as the last watcher."""
        with self._turn:
            return self._pictures.get(name, (0, None))[0]

    def next(self, name: str, after: int, timeout_s: float) -> tuple[int, Picture] | None:
        """The newest picture of a view behind a number, with its own; `None` where none comes in time, or none comes any more."""
        with self._turn:
            if self._is_closed:
                return None
            self._waiting[name, after] += 1
        self._wake()
        try:
            with self._turn:
                self._turn.wait_for(lambda: self._is_closed or self._number(name) > after, timeout_s)
                return self._pictures[name] if self._number(name) > after else None
        finally:
            with self._turn:
                self._waiting[name, after] -= 1
                if not self._waiting[name, after]:
                    del self._waiting[name, after]

    def close(self) -> None:
        """Nobody waits any longer."""
        with self._turn:
            self._is_closed = True
            self._turn.notify_all()

    def _number(self, name: str) -> int:
        return self._pictures.get(name, (0, None))[0]
