"""The thread that writes the trace, behind a queue that never makes anybody wait."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from lineside.core.errors import OutputError
from lineside.outputs.keeping import encoded
from lineside.outputs.once import Once
from lineside.outputs.owner import Owner
from lineside.outputs.records_json import joined, plain
from lineside.outputs.trace.facts import pixels, versions
from lineside.outputs.trace.pictures import Pictures
from lineside.outputs.trace.recipes import Recipes
from lineside.outputs.trace.segments import Segments
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.trace.statistics import TraceStatistics
from lineside.outputs.trace.tidying import Tidying

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lineside.core.inspection import Inspection
    from lineside.outputs.trace.late import Late

SCHEMA = 1
_MOST = 200
_IDLE_S = 1.0
_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class _Part:
    inspection: Inspection
    at_s: float
    more: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Later:
    late: Late
    at_s: float


def _silent(_code: str, _sentence: str) -> None:
    """Nobody listens."""


class TraceWriter:
    """Writes one record a part, in the order of `append`, in a thread of its own, from the moment it is made until `close`.

    Args:
        folder: The trace's own; made when it is missing. The chain of earlier runs goes on.
        about: What holds for every part of this run, for JSON: `line`, `run`, `model` (`path`, `sha256`, `names`), `recipe`
            (`name`, `sha256`, `file`), `device`. The versions of lineside and what it runs on are added.
        settings: What is kept.
        note: Takes a code and a sentence for the people at the line; any thread may call it, and it must be quick.
        wall: Seconds since 1970, for the records.

    Raises:
        OutputError: Another process writes this trace, or the folder is not writable.
    """

    def __init__(
        self,
        folder: Path,
        about: Mapping[str, Any],
        *,
        settings: TraceSettings | None = None,
        note: Callable[[str, str], None] = _silent,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings or TraceSettings()
        self._about = plain({"versions": versions(), **about})
        self._note, self._wall = note, wall
        self._once = Once(note)
        self._queue: queue.SimpleQueue[_Part | _Later | None] = queue.SimpleQueue()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._offered = self._dropped = self._told_dropped = 0
        self._dropped_late = self._told_late = 0
        self._written = self._kept = self._lost = 0
        self._is_closed = False
        self._day = ""
        self._recipes = Recipes(folder)
        self._owner = Owner(folder)
        try:
            self._segments = Segments(folder, most_bytes=self._settings.segment_bytes)
            self._pictures = Pictures(
                folder / "pictures",
                max_days=self._settings.picture_days,
                max_bytes=self._settings.picture_bytes,
                min_free_bytes=self._settings.min_free_bytes,
            )
        except BaseException:
            self._owner.release()
            raise
        self._tidying = Tidying(
            self._segments,
            self._pictures,
            self._settings,
            tell=self._told,
            warn=lambda sentence: self._note("trace.unsound", sentence),
        )
        self._pending: list[dict[str, Any]] = [*self._segments.notes]
        self._pending.append({"kind": "start", "about": self._about})
        self._thread = threading.Thread(target=self._work, name="trace", daemon=True)
        self._thread.start()

    def append(self, inspection: Inspection, more: Mapping[str, Any] | None = None) -> bool:
        """Whether there was room. Never waits. What finds no room is counted, and the chain tells of it.

        Args:
            inspection: The result. Its pictures are held until they are hashed.
            more: What else the record shall hold, for JSON: `serial`, `product`, and `recipe` where it is another than the
                run's. The inspection's own keys win.
        """
        with self._lock:
            is_room = not self._is_closed and self._queue.qsize() < self._settings.capacity
            self._offered += 1
            self._dropped += not is_room
            is_first = self._dropped == 1
            if is_room:
                self._queue.put(_Part(inspection, self._wall(), more or {}))
        if not is_room and is_first:
            self._note(
                "trace.dropped",
                f"{self._settings.capacity} parts wait for the trace already; further ones get no record, and are counted",
            )
        return is_room

    def append_late(self, late: Late) -> bool:
        """Whether there was room for what became known of a part after its answer. Never waits; the chain tells of what finds none."""
        with self._lock:
            is_room = not self._is_closed and self._queue.qsize() < self._settings.capacity
            self._dropped_late += not is_room
            if is_room:
                self._queue.put(_Later(late, self._wall()))
        return is_room

    def keep_recipe(self, data: bytes) -> str:
        """The hash of a recipe's file, under which the trace now has a copy: `lineside replay` judges by it.

        A recipe whose `file` and `sha256` stand in `about` or in a part's own words is kept without being asked for.

        Args:
            data: The file's bytes.

        Raises:
            OutputError: It cannot be written.
        """
        return self._recipes.keep(data)

    def statistics(self) -> TraceStatistics:
        """What was done so far."""
        head = self._segments.head
        return TraceStatistics(
            self._offered, self._dropped, self._written, self._kept, self._lost, head.number, head.hash
        )

    def close(self, timeout_s: float) -> bool:
        """Whether every part that was taken has its record, and the thread has ended within the time. May be called twice.

        Args:
            timeout_s: Seconds.
        """
        with self._lock:
            if not self._is_closed:
                self._queue.put(None)
            self._is_closed = True
        self._thread.join(timeout_s)
        self._is_over.set()
        self._thread.join(0.2)
        if self._thread.is_alive():
            return False
        self._owner.release()
        return not self._pending

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(10.0)

    def _work(self) -> None:
        is_open = True
        while is_open:
            parts, is_open = self._gather()
            if not (
                self._day and self._pending
            ):  # what waits keeps its day, in whose folder its pictures lie
                self._day = _day(parts[0].at_s if parts else self._wall())
            for one in parts:
                self._pending.append(self._record(one) if isinstance(one, _Part) else self._late(one))
            self._tell_dropped()
            self._write(sum(isinstance(one, _Part) for one in parts))
            self._tidy(is_open=is_open)
        self._segments.close()

    def _gather(self) -> tuple[list[_Part | _Later], bool]:
        """What comes within the time of a batch, and whether more can come."""
        parts: list[_Part | _Later] = []
        until_s = time.monotonic() + (0.0 if self._pending else _IDLE_S)
        while len(parts) < _MOST:
            try:
                part = self._queue.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                break
            if part is None:
                return parts, False
            if not parts:
                until_s = time.monotonic() + self._settings.batch_s
            parts.append(part)
        return parts, True

    def _record(self, part: _Part) -> dict[str, Any]:
        inspection = part.inspection
        key = f"{self._about.get('line')}/{self._about.get('run')}/{inspection.part}"
        files = self._keep(inspection) if self._settings.keep.wants(inspection, key) else {}
        more = plain(part.more)
        self._keep_recipe(more.get("recipe") or self._about.get("recipe"))
        record = joined(more, inspection.to_dict())
        for told, view in zip(record["views"], inspection.views, strict=True):
            told["picture"] = (
                None
                if view.frame is None
                else {
                    "pixels": pixels(view.frame.image),
                    "shape": list(view.frame.image.shape),
                    "file": files.get(view.camera),
                }
            )
        own = {"kind": "part", "schema": SCHEMA, "at": _iso(part.at_s), "about": self._about}
        return {**plain(record), **own}

    def _late(self, later: _Later) -> dict[str, Any]:
        whose = {name: self._about[name] for name in ("line", "run") if name in self._about}
        own = {"kind": "late", "schema": SCHEMA, "at": _iso(later.at_s), "about": whose}
        return {**plain(later.late.to_dict()), **own}

    def _keep_recipe(self, told: Any) -> None:
        try:
            self._recipes.keep_named(told if isinstance(told, dict) else None)
        except OutputError as fault:
            self._note("trace.recipe_lost", str(fault))

    def _keep(self, inspection: Inspection) -> dict[str, str]:
        """The names of the files by camera; of the annotated copies, too."""
        files: dict[str, str] = {}
        try:
            for picture in encoded(inspection, self._settings.keep):
                files[picture.name] = self._pictures.put(picture, self._day)
                self._kept += 1
                self._once.over("trace.picture_lost")
        except OutputError as fault:
            self._lost += 1
            self._once.tell("trace.picture_lost", f"a picture of part {inspection.part} is not kept: {fault}")
        return files

    def _tell_dropped(self) -> None:
        """A gap is told in the chain itself."""
        count, late = self._dropped - self._told_dropped, self._dropped_late - self._told_late
        if count or late:
            self._told_dropped += count
            self._told_late += late
            detail = f"{count} parts and {late} late results found no room"
            self._pending.append({"kind": "dropped", "count": count, "late": late, "detail": detail})

    def _write(self, count: int) -> None:
        if not self._pending:
            return
        at = _iso(self._wall())
        records = [{"at": at, **record} for record in self._pending]
        while True:
            try:
                self._segments.append(records, self._day)
                break
            except OutputError as fault:
                self._once.tell("trace.unwritten", f"records wait in memory: {fault}")
                if self._is_over.wait(_RETRY_S):
                    return
        self._pending = []
        self._written += count
        try:
            self._segments.write_head()
        except OutputError as fault:
            self._once.tell("trace.unwritten", str(fault))
            return
        self._once.over("trace.unwritten")

    def _tidy(self, *, is_open: bool) -> None:
        """Remove what is beyond the limits: records until a part waits; at the end, and of pictures, only some."""
        if self._pending:
            return
        try:
            while self._tidying.step(time.monotonic()) and is_open and self._queue.empty():
                pass
        except OutputError as fault:
            self._once.tell("trace.unwritten", str(fault))

    def _told(self, record: Mapping[str, Any]) -> bool:
        """Whether the chain says so, on the disk."""
        self._pending.append({**record})
        self._write(0)
        return not self._pending


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")


def _day(at_s: float) -> str:
    return _iso(at_s)[:10]
