"""One sink's thread: the oldest result first, again and again until the sink has it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError, RefusedParcelError
from lineside.outputs.parcel import KeptPicture, Parcel

if TYPE_CHECKING:
    import random
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from lineside.core.backoff import Backoff
    from lineside.outputs.outbox.store import Store, Waiting
    from lineside.outputs.parcel import Sink

_log = logging.getLogger(__name__)
_IDLE_S = 1.0  # another process may have put back what was aside


class Sender:
    """Brings results from the store to one sink.

    Args:
        name: The sink's name.
        sink: The sink; closed by the thread that runs this.
        store: The rows.
        spool: The folder of the pictures.
        backoff: The pauses between attempts.
        dice: Spreads the pauses, so that many lines do not come back at one moment.
        note: Takes a code and a sentence for the people at the line.
        more: Set when there may be more to send.
        is_ending: Set when it shall end as soon as nothing waits, or the sink does not work.
        is_over: Set when it shall end after what it is doing.
    """

    def __init__(  # noqa: PLR0913 # the parts of one outbox
        self,
        name: str,
        sink: Sink,
        store: Store,
        spool: Path,
        *,
        backoff: Backoff,
        dice: random.Random,
        note: Callable[[str, str], None],
        more: threading.Event,
        is_ending: threading.Event,
        is_over: threading.Event,
    ) -> None:
        self.name = name
        self.fault: str | None = None
        self._sink, self._store, self._spool = sink, store, spool
        self._backoff, self._dice, self._note = backoff, dice, note
        self._more, self._is_ending, self._is_over = more, is_ending, is_over
        self._failures = 0

    def run(self) -> None:
        """Work until it is told to end, then close the sink."""
        while not self._is_over.is_set():
            self._more.clear()
            is_ending = self._is_ending.is_set()
            waiting = self._next()
            if waiting is not None:
                self._send(waiting)
            elif is_ending:
                break
            else:
                self._more.wait(_IDLE_S)
            if self._failures:
                if self._is_ending.is_set():
                    break
                self._pause()
        try:
            self._sink.close()
        except Exception as fault:  # noqa: BLE001 # a sink may be a stranger's code, and its end ends nothing else
            _log.warning("closing the output %s failed", self.name, exc_info=fault)

    def _next(self) -> Waiting | None:
        try:
            return self._store.oldest(self.name)
        except OutputError as fault:
            self._has_failed(str(fault))
            return None

    def _send(self, waiting: Waiting) -> None:
        try:
            self._sink.emit(self._parcel(waiting))
        except RefusedParcelError as fault:
            sentence = str(fault)
            self._settle(lambda: self._store.put_aside(self.name, waiting.number, sentence))
            self._note("output.refused", f"{self.name}: {waiting.key} is put aside: {fault}")
        except Exception as fault:  # noqa: BLE001 # a sink may be a stranger's code: its fault loses no result
            is_ours = isinstance(fault, OutputError)
            if not is_ours:
                _log.warning("the output %s failed", self.name, exc_info=fault)
            self._has_failed(str(fault) if is_ours else f"{type(fault).__name__}: {fault}")
            self._settle(lambda: self._store.failed(self.name))
        else:
            self._settle(lambda: self._store.done(self.name, waiting.number))
            if self._failures:
                self._note("output.back", f"{self.name} takes results again")
            self._failures, self.fault = 0, None

    def _settle(self, write: Callable[[], object]) -> None:
        """What became of a result is written down before the next is sent; else it would be sent again and again."""
        is_told = False
        while True:
            try:
                write()
            except OutputError as fault:
                if not is_told:
                    is_told = True
                    self._note("output.unwritten", f"{self.name}: {fault}")
                if self._is_over.wait(0.2):
                    return
            else:
                return

    def _has_failed(self, sentence: str) -> None:
        self._failures += 1
        self.fault = sentence
        if self._failures == 1:
            self._note("output.failed", f"{self.name}: {sentence}")

    def _pause(self) -> None:
        """Half of the pause to one and a half, by chance; the end of the outbox ends it."""
        pause_s = self._backoff.pause_s(self._failures) * (0.5 + self._dice.random())
        self._is_ending.wait(pause_s)

    def _parcel(self, waiting: Waiting) -> Parcel:
        pictures = tuple(KeptPicture(p.name, self._spool / p.file, p.sha256) for p in waiting.pictures)
        return Parcel(waiting.key, json.loads(waiting.record), pictures)
