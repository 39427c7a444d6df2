"""Results on their way to files and people, off the verdict's path."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Protocol

from lineside.line.border import Fault, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.core.inspection import Inspection


class Sink(Protocol):
    """Where inspections go to. It is called by one thread only."""

    def emit(self, inspection: Inspection) -> None:
        """Take one inspection.

        Raises:
            OutputError: It cannot be written. The next one is tried all the same.
        """

    def close(self) -> None:
        """Write what is left. Nothing comes after."""


class _Listening:
    """A function as a sink."""

    def __init__(self, listener: Callable[[Inspection], None]) -> None:
        self.emit = listener

    def close(self) -> None:
        """Nothing is left to write."""


class Outbox:
    """A thread with a bounded queue in front of the sinks. What does not fit is dropped and counted.

    Args:
        sinks: Each gets every inspection, in the order of the answers.
        note: Takes a code and a sentence for the people at the line: the first drop, and each sink's first fault.
        capacity: How many inspections may wait. Each holds its pictures.
    """

    def __init__(
        self, sinks: Sequence[Sink], *, note: Callable[[str, str], None], capacity: int = 32
    ) -> None:
        self._sinks: tuple[Sink, ...] = tuple(sinks)
        self._note = note
        self._capacity = capacity
        self._queue: queue.Queue[Inspection | None] = queue.Queue()
        self._lock = threading.Lock()
        self._dropped = 0
        self._failed = 0
        self._noted: set[int] = set()
        self._thread = threading.Thread(target=self._work, name="outputs", daemon=True)

    def add(self, listener: Callable[[Inspection], None]) -> None:
        """Have one more sink, which needs no end. Call it before `start`."""
        self._sinks = (*self._sinks, _Listening(listener))

    @property
    def dropped(self) -> int:
        """Inspections that found no room."""
        return self._dropped

    @property
    def failed(self) -> int:
        """Inspections that a sink could not take."""
        return self._failed

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def offer(self, inspection: Inspection) -> bool:
        """Whether there was room. Never waits."""
        if self._queue.qsize() < self._capacity:
            self._queue.put(inspection)
            return True
        with self._lock:
            self._dropped += 1
            is_first = self._dropped == 1
        if is_first:
            self._note(
                "output.dropped", f"the outputs are {self._capacity} parts behind; some are not written"
            )
        return False

    def close(self, timeout_s: float) -> bool:
        """Whether everything that waits was written and the sinks were closed within the time."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (inspection := self._queue.get()) is not None:
            for number, sink in enumerate(self._sinks):
                self._guard(number, attempt("output", lambda s=sink, i=inspection: s.emit(i)))  # type: ignore[misc] # mypy has no type for a lambda's default
        for number, sink in enumerate(self._sinks):
            self._guard(number, attempt("closing an output", sink.close))

    def _guard(self, number: int, outcome: Fault | None) -> None:
        if outcome is None:
            return
        with self._lock:
            self._failed += 1
        if number not in self._noted:
            self._noted.add(number)
            self._note("output.failed", outcome.sentence)
