"""The rows of an outbox: one SQLite file, in which everything happens whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.outbox.schema import SCHEMA, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

NAME = "outbox.db"
WAITING, ASIDE = 0, 1


@dataclass(frozen=True, slots=True)
class Picture:
    """A spooled picture of a row: its name, the file within the spool, the file's hash."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Row:
    """One result as it is stored.

    Attributes:
        key: Unique for the inspection.
        record: JSON.
        pictures: Their files are there already.
        bytes: Of the record and the files.
    """

    key: str
    record: str
    pictures: tuple[Picture, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest result that waits for a sink."""

    number: int
    key: str
    record: str
    pictures: tuple[Picture, ...]


class Store:
    """The rows of an outbox, for any number of threads. Another process may look at them, and settle what is aside.

    How long something has waited is measured by a clock of the outbox's own, which goes on with the process's monotonic
    clock, and over a restart by as much as the wall clock went forward. A clock that is set while the line runs changes nothing.

    Args:
        folder: Holds the file, which is made when it is missing.
        is_synced: Whether every transaction is flushed to the disk.
        busy_s: How long a database that another process has locked is waited for.
        monotonic: Seconds.
        wall: Seconds since 1970.

    Raises:
        OutputError: The file cannot be made or read, or a later version of lineside made it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        is_synced: bool = False,
        busy_s: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.path = folder / NAME
        self._monotonic, self._wall = monotonic, wall
        self._lock = threading.Lock()
        with _translated(self.path):
            self._db = _connect(self.path, busy_s)
            try:
                _prepare(self._db, self.path, is_synced=is_synced)
                clock_s, wall_s = self._db.execute("SELECT clock_s, wall_s FROM total").fetchone()
            except BaseException:
                self._db.close()
                raise
        away_s = 0.0 if wall_s is None else max(0.0, wall() - wall_s)
        self._base_s: float = clock_s + away_s - monotonic()

    def now_s(self) -> float:
        """The outbox's own clock."""
        return self._base_s + self._monotonic()

    def add(self, rows: Sequence[Row], sinks: Sequence[str]) -> None:
        """The rows are on disk, in this order, and wait for each of the sinks. A key that is there already is left as it is.

        Raises:
            OutputError: They are not; none of them.
        """
        now_s = self.now_s()
        with self._transaction() as db:
            for row in rows:
                added = db.execute(
                    "INSERT OR IGNORE INTO parcel (key, at_s, bytes, record) VALUES (?, ?, ?, ?)",
                    (row.key, now_s, row.bytes, row.record),
                )
                if not added.rowcount:
                    continue
                number = added.lastrowid
                pictures = enumerate(row.pictures)
                db.executemany(
                    "INSERT INTO picture VALUES (?, ?, ?, ?, ?)",
                    [(number, place, p.name, p.file, p.sha256) for place, p in pictures],
                )
                db.executemany(
                    "INSERT INTO delivery VALUES (?, 0, ?, NULL)", [(sink, number) for sink in sinks]
                )
            db.execute("UPDATE total SET clock_s = ?, wall_s = ?", (now_s, self._wall()))

    def oldest(self, sink: str) -> Waiting | None:
        """What the sink gets next, or `None` where nothing waits for it.

        Raises:
            OutputError: The file cannot be read.
        """
        with self._transaction() as db:
            found = db.execute(
                "SELECT number, key, record FROM delivery JOIN parcel ON number = parcel "
                "WHERE sink = ? AND state = 0 ORDER BY parcel LIMIT 1",
                (sink,),
            ).fetchone()
            if found is None:
                return None
            pictures = db.execute(
                "SELECT name, file, sha256 FROM picture WHERE parcel = ? ORDER BY place", (found[0],)
            ).fetchall()
        number, key, record = found
        return Waiting(number, key, record, tuple(Picture(*one) for one in pictures))

    def done(self, sink: str, number: int) -> bool:
        """The sink has it. `False` where it was evicted meanwhile.

        Raises:
            OutputError: That cannot be written.
        """
        with self._transaction() as db:
            gone = db.execute(
                "DELETE FROM delivery WHERE sink = ? AND state = 0 AND parcel = ?", (sink, number)
            )
            _count(db, sink, "sent", gone.rowcount)
            return bool(gone.rowcount)

    def failed(self, sink: str) -> None:
        """An attempt failed, and is counted.

        Raises:
            OutputError: That cannot be written.
        """
        with self._transaction() as db:
            _count(db, sink, "retried", 1)

    def put_aside(self, sink: str, number: int, fault: str) -> None:
        """The sink will never take it; it lies there until somebody decides.

        Raises:
            OutputError: That cannot be written.
        """
        with self._transaction() as db:
            db.execute(
                "UPDATE delivery SET state = 1, fault = ? WHERE sink = ? AND state = 0 AND parcel = ?",
                (fault, sink, number),
            )

    def settle_aside(self, sink: str | None, *, again: bool) -> int:
        """How many of what is aside are now tried again, or are dropped for good.

        Args:
            sink: Of one sink, or of all.
            again: Try again; else drop.

        Raises:
            OutputError: That cannot be written.
        """
        where, values = ("state = 1", ()) if sink is None else ("state = 1 AND sink = ?", (sink,))
        with self._transaction() as db:
            if again:
                return int(db.execute(f"UPDATE delivery SET state = 0 WHERE {where}", values).rowcount)  # noqa: S608 # two fixed texts
            return int(db.execute(f"DELETE FROM delivery WHERE {where}", values).rowcount)  # noqa: S608 # the same

    def evict(self, *, max_rows: int, max_bytes: int, max_age_s: float) -> dict[str, int]:
        """How many results were given up, by sink, so that the rest is within the limits. The oldest go first.

        Raises:
            OutputError: That cannot be written.
        """
        lost: dict[str, int] = {}
        born_s = self.now_s() - max_age_s
        while True:
            with self._transaction() as db:
                rows, size = db.execute("SELECT rows, bytes FROM total").fetchone()
                oldest = db.execute(
                    "SELECT number, at_s, bytes FROM parcel ORDER BY number LIMIT 100"
                ).fetchall()
                gone = []
                for number, at_s, held in oldest:
                    if not (rows > max_rows or size > max_bytes or at_s < born_s):
                        break
                    gone.append(number)
                    rows, size = rows - 1, size - held
                for number in gone:
                    for (sink,) in db.execute(
                        "SELECT sink FROM delivery WHERE parcel = ?", (number,)
                    ).fetchall():
                        lost[sink] = lost.get(sink, 0) + 1
                        _count(db, sink, "evicted", 1)
                    db.execute("DELETE FROM delivery WHERE parcel = ?", (number,))
            if len(gone) < 100:
                return lost

    def garbage(self) -> list[str]:
        """Files that no row needs any more.

        Raises:
            OutputError: The file cannot be read.
        """
        with self._transaction() as db:
            db.execute("DELETE FROM garbage WHERE file IN (SELECT file FROM picture)")
            return [file for (file,) in db.execute("SELECT file FROM garbage LIMIT 1000")]

    def forget(self, files: Sequence[str]) -> None:
        """These files of the garbage are gone.

        Raises:
            OutputError: That cannot be written.
        """
        with self._transaction() as db:
            db.executemany("DELETE FROM garbage WHERE file = ?", [(file,) for file in files])

    def files(self) -> set[str]:
        """The files that rows need.

        Raises:
            OutputError: The file cannot be read.
        """
        with self._transaction() as db:
            return {file for (file,) in db.execute("SELECT DISTINCT file FROM picture")}

    def close(self) -> None:
        """The file is closed; may be called twice."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()


def _count(db: sqlite3.Connection, sink: str, name: str, more: int) -> None:
    db.execute(
        "INSERT INTO counter VALUES (?, ?, ?) ON CONFLICT (sink, name) DO UPDATE SET value = value + excluded.value",
        (sink, name, more),
    )


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)


def _prepare(db: sqlite3.Connection, path: Path, *, is_synced: bool) -> None:
    """The file is an outbox of this version, in WAL mode."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {'FULL' if is_synced else 'NORMAL'}")
    db.execute("PRAGMA recursive_triggers = ON")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise OutputError(
            f"{path}: expected an outbox of version {VERSION}; this one is of {version}. Take a newer lineside."
        )
    if version == 0:  # one transaction, so that a kill leaves all tables or none
        db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.OperationalError as fault:
        raise OutputError(f"{path}: {fault}. It is tried again.") from fault
    except sqlite3.Error as fault:
        raise OutputError(
            f"{path}: {fault}. Where the file is damaged, move the folder away: a new outbox is made."
        ) from fault
