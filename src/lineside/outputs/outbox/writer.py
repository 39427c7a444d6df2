"""The one thread that puts results and their pictures on disk."""

from __future__ import annotations

import json
import queue
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.outputs.keeping import encoded
from lineside.outputs.once import Once
from lineside.outputs.outbox.store import Picture, Row
from lineside.outputs.records_json import joined, plain

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from lineside.core.inspection import Inspection
    from lineside.outputs.outbox.settings import OutboxSettings
    from lineside.outputs.outbox.spool import Spool
    from lineside.outputs.outbox.store import Store

_MOST = 200  # parts of one transaction
_IDLE_S = 1.0
_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Offer:
    """A part as it was handed over: its inspection, what others say about it, and when, in seconds since 1970."""

    key: str
    inspection: Inspection
    about: Mapping[str, Any]
    at_s: float


class Writer:
    """Takes offers from the queue, in their order, until `None` comes out of it.

    Args:
        offers: The queue.
        store: The rows.
        spool: The pictures.
        sinks: Names of those that get each result.
        settings: What is kept, and how much of it.
        about: What every record holds: the schema, the line and the run.
        note: Takes a code and a sentence for the people at the line.
        wake: Called after each batch that is on disk.
        is_over: Set when there is no time left to try again.
    """

    def __init__(  # noqa: PLR0913 # the parts of one outbox
        self,
        offers: queue.SimpleQueue[Offer | None],
        store: Store,
        spool: Spool,
        sinks: Sequence[str],
        settings: OutboxSettings,
        *,
        about: Mapping[str, Any],
        note: Callable[[str, str], None],
        wake: Callable[[], None],
        is_over: threading.Event,
    ) -> None:
        self._offers, self._store, self._spool = offers, store, spool
        self._sinks = tuple(sinks)
        self._settings = settings
        self._about = about
        self._note, self._wake, self._is_over = note, wake, is_over
        self._once = Once(note)
        self.stored = 0
        self.pictures_lost = 0
        self.unstored = 0

    def run(self) -> None:
        """Work until the queue ends. Nothing that was taken from it is left behind while there is time."""
        is_open = True
        while is_open:
            batch, is_open = self._gather()
            if batch:
                self._keep([self._row(offer) for offer in batch])
            self.tidy()

    def _gather(self) -> tuple[list[Offer], bool]:
        """What comes within the time of a batch, and whether more can come."""
        batch: list[Offer] = []
        until_s = time.monotonic() + _IDLE_S
        while len(batch) < _MOST:
            try:
                offer = self._offers.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                break
            if offer is None:
                return batch, False
            if not batch:
                until_s = time.monotonic() + self._settings.batch_s
            batch.append(offer)
        return batch, True

    def _row(self, offer: Offer) -> Row:
        at = datetime.fromtimestamp(offer.at_s, UTC).isoformat(timespec="milliseconds")
        own = {**self._about, "key": offer.key, "at": at}
        record = _json({**joined(offer.about, offer.inspection.to_dict()), **own})
        pictures: list[Picture] = []
        size = len(record)
        if self._settings.keep.wants(offer.inspection, offer.key):
            try:
                for picture in encoded(offer.inspection, self._settings.keep):
                    pictures.append(Picture(picture.name, self._spool.put(picture), picture.sha256))
                    size += len(picture.data)
                    self._once.over("output.picture_lost")
            except OutputError as fault:
                self.pictures_lost += 1
                self._once.tell("output.picture_lost", f"a result goes without its pictures: {fault}")
        return Row(offer.key, record, tuple(pictures), size)

    def _keep(self, rows: Sequence[Row]) -> None:
        while True:
            try:
                self._store.add(rows, self._sinks)
            except OutputError as fault:
                self._once.tell("output.unwritten", f"results cannot be stored, and wait in memory: {fault}")
                if self._is_over.wait(_RETRY_S):
                    self.unstored += len(rows)
                    return
            else:
                self.stored += len(rows)
                self._wake()
                return

    def tidy(self) -> None:
        """The quota is kept, and what nobody needs is removed. For the thread that works, and for the end after it."""
        limits = self._settings
        try:
            lost = self._store.evict(
                max_rows=limits.max_rows, max_bytes=limits.max_bytes, max_age_s=limits.max_age_s
            )
            if unwanted := self._store.garbage():
                self._store.forget(self._spool.remove(unwanted))
        except OutputError as fault:
            self._once.tell("output.unwritten", str(fault))
            return
        if lost:
            each = ", ".join(f"{count} for {sink}" for sink, count in sorted(lost.items()))
            self._note("output.evicted", f"the outbox is full; the oldest results were given up: {each}")
        self._once.over("output.unwritten")


def _json(record: Mapping[str, Any]) -> str:
    try:
        return json.dumps(record, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError):  # somebody's word beside the result is no JSON
        return json.dumps(plain(record), allow_nan=False, ensure_ascii=False)
