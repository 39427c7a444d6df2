"""The way from the line to its sinks, off the verdict's path: nothing that was stored is lost, whatever dies."""

from __future__ import annotations

import dataclasses
import queue
import random
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from lineside.core.backoff import Backoff
from lineside.core.errors import LinesideError, SettingsError
from lineside.outputs.outbox.look import Look
from lineside.outputs.outbox.sender import Sender
from lineside.outputs.outbox.settings import OutboxSettings
from lineside.outputs.outbox.spool import Spool
from lineside.outputs.outbox.statistics import OutboxStatistics, SinkStatistics
from lineside.outputs.outbox.store import Store
from lineside.outputs.outbox.writer import Offer, Writer
from lineside.outputs.owner import Owner
from lineside.outputs.parcel import open_sink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineside.core.inspection import Inspection
    from lineside.outputs.parcel import Sink

_SCHEMA = 1


def _silent(_code: str, _sentence: str) -> None:
    """Nobody listens."""


class DurableOutbox:
    """Results on their way to sinks, on disk before anything else. It works from the moment it is made until `close`.

    A result that was stored comes to every sink at least once, oldest first, with the same key each time, also when this
    process or the machine dies. One thread encodes and stores, one for each sink sends. `offer` waits for none of them.

    Args:
        folder: The outbox's own; made when it is missing. What an earlier run left in it is sent, too.
        sinks: By name: the settings of each, or a sink that is open.
        line: The line's name, the first part of every key.
        run: The run's name, the second; no two runs of a line may share one.
        settings: What may wait, and what is kept.
        note: Takes a code and a sentence for the people at the line; any thread may call it, and it must be quick.
        wall: Seconds since 1970, for the records.
        dice: Spreads the pauses between attempts.

    Raises:
        OutputError: Another process owns the folder, or it is not writable.
        SettingsError, PluginError: A sink's settings are not accepted.
    """

    def __init__(  # noqa: PLR0913 # the names of what it is for, and what it does all by keyword
        self,
        folder: Path,
        sinks: Mapping[str, Mapping[str, Any] | Sink],
        *,
        line: str,
        run: str,
        settings: OutboxSettings | None = None,
        note: Callable[[str, str], None] = _silent,
        wall: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> None:
        self._settings = settings or OutboxSettings()
        self._prefix = _prefix(line, run)
        self._about = {"schema": _SCHEMA, "line": line, "run": run}
        self._note, self._wall = note, wall
        self._offers: queue.SimpleQueue[Offer | None] = queue.SimpleQueue()
        self._is_ending, self._is_over = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._offered = self._dropped = 0
        self._is_closed = self._is_released = False
        opened = {name: _opened(name, sink) for name, sink in sinks.items()}
        self._owner = Owner(folder)
        try:
            self._open(folder, opened, dice or random.Random())  # noqa: S311 # it spreads pauses
        except BaseException:
            self._owner.release()
            raise
        for thread in (self._writing, *self._sending):
            thread.start()

    def _open(self, folder: Path, opened: Mapping[str, Sink], dice: random.Random) -> None:
        limits = self._settings
        is_synced = limits.survives == "power"
        self._store = Store(folder, is_synced=is_synced)
        spool = Spool(folder / "spool", is_synced=is_synced, min_free_bytes=limits.min_free_bytes)
        spool.sweep(self._store.files())
        self._look = Look(folder)
        self._more = {name: threading.Event() for name in opened}
        backoff = Backoff(limits.first_pause_s, max(limits.first_pause_s, limits.longest_pause_s))
        self._senders = {
            name: Sender(
                name,
                sink,
                self._store,
                spool.folder,
                backoff=backoff,
                dice=random.Random(dice.random()),  # noqa: S311 # the same
                note=self._note,
                more=self._more[name],
                is_ending=self._is_ending,
                is_over=self._is_over,
            )
            for name, sink in opened.items()
        }
        self._writer = Writer(
            self._offers,
            self._store,
            spool,
            tuple(opened),
            limits,
            about=self._about,
            note=self._note,
            wake=self._wake,
            is_over=self._is_over,
        )
        self._writing = threading.Thread(target=self._writer.run, name="outbox", daemon=True)
        self._sending = [
            threading.Thread(target=sender.run, name=f"output-{name}", daemon=True)
            for name, sender in self._senders.items()
        ]

    def offer(self, inspection: Inspection, about: Mapping[str, Any] | None = None) -> bool:
        """Whether there was room for the result. Never waits: not for a disk, a sink or another thread's work.

        Without any sink there is always room, and nothing is stored.

        Args:
            inspection: The result. Its pictures are held until they are encoded.
            about: What else the record shall hold, for `json.dumps`: `serial`, `product`, `recipe`. The inspection's own
                keys, and `line`, `run`, `key`, `at` and `schema`, win.
        """
        with self._lock:
            is_room = not self._is_closed and self._offers.qsize() < self._settings.capacity
            self._offered += 1
            self._dropped += not is_room
            is_first = self._dropped == 1
            if is_room and self._senders:
                key = f"{self._prefix}{inspection.part}"
                self._offers.put(Offer(key, inspection, about or {}, self._wall()))
        if not is_room and is_first:
            self._note(
                "output.dropped",
                f"{self._settings.capacity} parts wait to be stored already; further results are lost, and counted",
            )
        return is_room

    def statistics(self) -> OutboxStatistics:
        """What the outbox did and holds.

        Raises:
            OutputError: It cannot be read.
        """
        holding = self._look.holding(self._store.now_s())
        sinks = {name: holding.sinks.get(name, SinkStatistics()) for name in self._senders} | holding.sinks
        faults = {name: sender.fault for name, sender in self._senders.items()}
        return OutboxStatistics(
            offered=self._offered,
            dropped=self._dropped + self._writer.unstored,
            stored=self._writer.stored,
            pictures_lost=self._writer.pictures_lost,
            rows=holding.rows,
            bytes=holding.bytes,
            sinks={name: dataclasses.replace(one, fault=faults.get(name)) for name, one in sinks.items()},
        )

    def close(self, timeout_s: float) -> bool:
        """Whether all that was offered is on disk, and every thread has ended within the time.

        Sinks that work get what waits for them while there is time. What is left is sent by the next run. May be called twice.

        Args:
            timeout_s: Seconds.
        """
        until_s = time.monotonic() + timeout_s
        with self._lock:
            if not self._is_closed:
                self._offers.put(None)
            self._is_closed = True
        self._writing.join(timeout_s)
        self._is_ending.set()
        self._wake()
        for thread in self._sending:
            thread.join(max(0.0, until_s - time.monotonic()))
        self._is_over.set()
        threads = (self._writing, *self._sending)
        for thread in threads:  # those that only slept have ended at once
            thread.join(0.05)
        has_ended = not any(thread.is_alive() for thread in threads)
        if has_ended and not self._is_released:  # a thread that hangs in a sink still needs them
            self._is_released = True
            self._writer.tidy()  # what was sent after its thread had ended
            self._look.close()
            self._store.close()
            self._owner.release()
        return has_ended and not self._writer.unstored

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(5.0)

    def _wake(self) -> None:
        for event in self._more.values():
            event.set()


def _prefix(line: str, run: str) -> str:
    for word, text in (("line", line), ("run", run)):
        if not text or "/" in text or any(ord(c) < 32 for c in text):
            raise SettingsError(f"outbox: {word}: expected a name without slashes; got {text!r}")
    return f"{line}/{run}/"


def _opened(name: str, sink: Mapping[str, Any] | Sink) -> Sink:
    if not isinstance(sink, Mapping):
        return sink
    try:
        return open_sink(sink)
    except SettingsError as fault:
        raise SettingsError(f"output {name}: {fault}") from fault
    except LinesideError as fault:
        raise type(fault)(f"output {name}: {fault}") from fault
