"""Events and parts as lines of text or JSON, for a journal or a collector."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.core.inspection import Inspection
    from lineside.line.statistics import Statistics


def _now() -> datetime:
    return datetime.now(UTC)


class Log:
    """Writes one line for each thing that happens. Any thread may call it; a reader that is gone is no fault of the line's.

    Args:
        stream: Where.
        is_json: JSON lines; else text.
        wall: The time of day.
    """

    def __init__(self, stream: TextIO, *, is_json: bool, wall: Callable[[], datetime] = _now) -> None:
        self._stream = stream
        self._is_json = is_json
        self._wall = wall
        self._about: dict[str, str] = {}
        self._lock = threading.Lock()

    def name(self, line: str, run: str) -> None:
        """What follows is of this line and this run."""
        self._about = {"line": line, "run": run}

    def event(self, code: str, sentence: str) -> None:
        """Something that people should hear of."""
        self._write({"kind": "event", "code": code, "sentence": sentence}, f"{sentence} [{code}]")

    def part(self, inspection: Inspection) -> None:
        """A part was answered."""
        why = inspection.detail if inspection.reason is None else f"{inspection.reason}: {inspection.detail}"
        record = {"kind": "part", **inspection.to_dict()}
        self._write(record, f"part {inspection.part}: {inspection.verdict} {why}")

    def end(self, statistics: Statistics) -> None:
        """The line has ended."""
        counts = ", ".join(f"{verdict} {count}" for verdict, count in statistics.verdicts.items())
        record = {
            "kind": "end",
            "triggered": statistics.triggered,
            "answered": statistics.answered,
            "verdicts": {str(verdict): count for verdict, count in statistics.verdicts.items()},
            "reasons": {str(reason): count for reason, count in statistics.reasons.items()},
        }
        self._write(record, f"{statistics.answered} of {statistics.triggered} parts answered: {counts}")

    def _write(self, record: dict[str, Any], text: str) -> None:
        at = self._wall().isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, **self._about, **record}) if self._is_json else f"{at} {text}"
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # a pipe whose reader went away, or a stream that was closed
                return
