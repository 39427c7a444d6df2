"""The engines of a line's models: each file's open once, and not more of them than are allowed for long."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lineside.dispatch.engine import Engine

REST_S = 0.5
"""An engine rests so much longer than a deadline since its product was chosen last before it is closed."""


@dataclass(slots=True, eq=False)
class _Held:
    """An open engine, and when a product of its model was chosen last."""

    engine: Engine
    used_s: float


class Pool:
    """Open engines by their model files. Any thread may use it; opening and closing take their time outside of its lock.

    Args:
        most: So many stay open, but for those of the product that was chosen last, which always do.
        deadline_s: Every part is answered so long after its product was chosen.
        clock: Monotonic seconds.
    """

    def __init__(self, most: int, deadline_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._rest_s = deadline_s + REST_S
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._last: frozenset[str] = frozenset()

    @property
    def engines(self) -> tuple[Engine, ...]:
        """Those that are open, the first that was opened first."""
        with self._lock:
            return tuple(held.engine for held in self._held.values())

    @property
    def paths(self) -> frozenset[str]:
        """Their model files."""
        with self._lock:
            return frozenset(self._held)

    def get(self, path: str, opened: Callable[[], Engine]) -> Engine:
        """The engine of a model file. One thread calls it.

        Args:
            path: The file.
            opened: Opens it; what it raises comes out.
        """
        with self._lock:
            held = self._held.get(path)
        if held is None:
            held = _Held(opened(), self._clock())
            with self._lock:
                self._held[path] = held
        return held.engine

    def use(self, paths: frozenset[str]) -> bool:
        """Whether all of a product's engines are open. If so none of them is closed before its part is answered. It is quick."""
        with self._lock:
            if not paths <= self._held.keys():
                return False
            now_s = self._clock()
            for path in paths:
                self._held[path].used_s = now_s
            self._last = paths
            return True

    def shrink(self, *, keep: Iterable[str] = (), at_once: bool = False) -> int:
        """How many engines were closed: those that were used longest ago, until no more are open than are allowed.

        It waits for what is under way in each. No engine is closed that a part may still need.

        Args:
            keep: Model files whose engines stay open.
            at_once: No part is on the line, so that none needs to rest.
        """
        kept = frozenset(keep)
        with self._lock:
            rested_s = self._clock() - (0.0 if at_once else self._rest_s)
            free = [
                path
                for path, held in self._held.items()
                if path not in self._last | kept and held.used_s <= rested_s
            ]
            free.sort(key=lambda path: self._held[path].used_s)
            closing = [self._held.pop(path).engine for path in free[: max(len(self._held) - self._most, 0)]]
        for engine in closing:
            engine.close()
        return len(closing)

    def close(self) -> None:
        """Close all."""
        with self._lock:
            held = tuple(self._held.values())
        for one in held:
            one.engine.close()
