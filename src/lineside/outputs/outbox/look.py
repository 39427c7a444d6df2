"""What an outbox holds, read beside whoever works with it."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.outbox.statistics import SinkStatistics
from lineside.outputs.outbox.store import ASIDE, NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Holding:
    """What is on disk.

    Attributes:
        rows: Results.
        bytes: What they and their pictures take.
        sinks: By name; also those that only an earlier run had.
    """

    rows: int
    bytes: int
    sinks: dict[str, SinkStatistics]


@dataclass(frozen=True, slots=True)
class Refused:
    """A result that a sink refused for good."""

    sink: str
    key: str
    fault: str


class Look:
    """A view of an outbox that waits for no writer, and writes nothing.

    Args:
        folder: An outbox's.

    Raises:
        OutputError: There is no outbox, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()
        if not self._path.is_file():
            raise OutputError(f"{folder}: expected the folder of an outbox, with a file {NAME}; found none")
        try:
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA query_only = ON")
        except sqlite3.Error as fault:
            raise OutputError(f"{self._path}: cannot be read: {fault}") from fault

    def holding(self, now_s: float | None = None) -> Holding:
        """What is on disk at this moment.

        Args:
            now_s: The outbox's own clock; `None` for its latest note.

        Raises:
            OutputError: The file cannot be read.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN")
                try:
                    return self._holding(now_s)
                finally:
                    self._db.execute("COMMIT")
            except sqlite3.Error as fault:
                raise OutputError(f"{self._path}: cannot be read: {fault}") from fault

    def _holding(self, now_s: float | None) -> Holding:
        rows, size, clock_s = self._db.execute("SELECT rows, bytes, clock_s FROM total").fetchone()
        words: dict[str, dict[str, float]] = {}
        for sink, name, value in self._db.execute("SELECT sink, name, value FROM counter"):
            words.setdefault(sink, {})[name] = value
        for sink, state, count in self._db.execute(
            "SELECT sink, state, count(*) FROM delivery GROUP BY sink, state"
        ):
            words.setdefault(sink, {})["aside" if state == ASIDE else "waiting"] = count
        for sink, at_s in self._db.execute(
            "SELECT sink, at_s FROM (SELECT sink, min(parcel) AS first FROM delivery WHERE state = 0 GROUP BY sink) "
            "JOIN parcel ON number = first"
        ):
            words[sink]["oldest_s"] = max(0.0, (clock_s if now_s is None else now_s) - at_s)
        return Holding(rows, size, {sink: SinkStatistics(**found) for sink, found in sorted(words.items())})  # type: ignore[arg-type] # counts, but for the one age

    def refused(self, limit: int = 20) -> Sequence[Refused]:
        """What lies aside, the oldest first.

        Raises:
            OutputError: The file cannot be read.
        """
        with self._lock:
            try:
                found = self._db.execute(
                    "SELECT sink, key, coalesce(fault, '') FROM delivery JOIN parcel ON number = parcel "
                    "WHERE state = 1 ORDER BY parcel LIMIT ?",
                    (limit,),
                ).fetchall()
            except sqlite3.Error as fault:
                raise OutputError(f"{self._path}: cannot be read: {fault}") from fault
        return [Refused(*one) for one in found]

    def close(self) -> None:
        """The file is closed; may be called twice."""
        with self._lock:
            self._db.close()
