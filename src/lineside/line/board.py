"""Where everybody on the line tells what people should hear, and those who pass it on listen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = 200


class Board:
    """Notices: a stable dotted code and a sentence. Any thread may post.

    What is posted before anybody listens is kept for the first listener: an engine tells of its devices while the line is still built.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Callable[[str, str], None], ...] = ()
        self._early: list[tuple[str, str]] = []

    def post(self, code: str, sentence: str) -> None:
        """Tell something."""
        with self._lock:
            listeners = self._listeners
            if len(self._early) < _KEPT:
                self._early.append((code, sentence))
        for listener in listeners:
            listener(code, sentence)

    def listen(self, listener: Callable[[str, str], None]) -> None:
        """Hear everything from here on, and what was told at the beginning.

        Args:
            listener: Takes a code and a sentence. It is quick, and is called by whoever posts.
        """
        with self._lock:
            early = tuple(self._early)
            self._listeners = (*self._listeners, listener)
        for code, sentence in early:
            listener(code, sentence)
