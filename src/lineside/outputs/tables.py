"""Tables of results for programs: JSON lines, one JSON document, and CSV. Each picture is in each of them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from lineside.core.errors import LinesideError, OutputError
from lineside.outputs.files import PendingFile, WholeOrNone, cannot_write

if TYPE_CHECKING:
    from lineside.outputs.records import Record

CSV_COLUMNS = (
    "source",
    "sequence",
    "time_s",
    "status",
    "class_id",
    "name",
    "confidence",
    "x1",
    "y1",
    "x2",
    "y2",
    "truncated",
    "message",
    "box_cx",
    "box_cy",
    "box_width",
    "box_height",
    "box_rotation",
    "keypoints",
)
"""The header of the CSV table."""

_NO_DETAILS = [""] * 6


class _Table(WholeOrNone):
    """Text that goes to a stream as it comes, or to a file that appears when the table is closed.

    In a `with` block a file appears when the block ends well and is removed when it raises.

    Args:
        target: A text stream, which is flushed after each picture and left open, or a file's path.

    Raises:
        OutputError: The file cannot be made.
    """

    def __init__(self, target: TextIO | Path) -> None:
        self._pending: PendingFile | None = None
        if isinstance(target, Path):
            self._pending = PendingFile(target)
            self._name = str(target)
            # No translation of line ends: CSV has its own, and files are the same on every system.
            self._stream: TextIO = self._pending.temporary.open("w", encoding="utf-8", newline="")
        else:
            self._stream = target
            self._name = str(getattr(target, "name", "the stream"))

    def write(self, record: Record) -> None:
        """Append one picture's result.

        Raises:
            OutputError: It cannot be written: the disk is full, or the reader of a pipe has gone.
        """
        self._put(self._text(record))

    def close(self) -> None:
        """Write what is left; the file appears in its place. A stream stays open.

        Raises:
            OutputError: It cannot be written; the file is removed.
        """
        self._put(self._tail())
        if self._pending is None:
            return
        try:
            self._stream.close()
        except OSError as fault:
            self.discard()
            raise cannot_write(self._name, fault) from fault
        self._pending.commit()

    def discard(self) -> None:
        """Give the table up: the unfinished file is removed. A stream keeps what was written."""
        if self._pending is None:
            return
        with contextlib.suppress(OSError):  # what a full disk does not take is given up here anyway
            self._stream.close()
        self._pending.discard()

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            if self._pending is None:
                self._stream.flush()
        except OSError as fault:
            raise cannot_write(self._name, fault) from fault

    @property
    def _encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"

    @abstractmethod
    def _text(self, record: Record) -> str:
        """The text of one picture's result, in characters that the stream's encoding has."""

    def _tail(self) -> str:
        return ""


class JsonLines(_Table):
    """One JSON object a line, one line a picture, in the schema of `docs/results.md`."""

    def _text(self, record: Record) -> str:
        return _json(record, self._encoding) + "\n"


class JsonDocument(_Table):
    """One JSON array with an object for each picture, in the schema of `docs/results.md`.

    On a stream the closing bracket comes with `close`: a run that broke off leaves no valid document.
    """

    _is_empty = True

    def _text(self, record: Record) -> str:
        start = "[\n" if self._is_empty else ",\n"
        self._is_empty = False
        return start + _json(record, self._encoding)

    def _tail(self) -> str:
        return "[]\n" if self._is_empty else "\n]\n"


class Csv(_Table):
    """One row a detection, or a class of a whole picture without corners, in the columns `CSV_COLUMNS`.

    A picture without detections, or that could not be judged, has one row that says so.
    """

    _has_header = False

    def _text(self, record: Record) -> str:
        buffer = io.StringIO()
        rows = csv.writer(buffer, lineterminator="\n")
        rows.writerows([CSV_COLUMNS] if not self._has_header else [])
        self._has_header = True
        rows.writerows(_rows(record))
        return buffer.getvalue().encode(self._encoding, "backslashreplace").decode(self._encoding)

    def _tail(self) -> str:
        return "" if self._has_header else ",".join(CSV_COLUMNS) + "\n"


def _json(record: Record, encoding: str) -> str:
    try:
        text = json.dumps(record.to_dict(), allow_nan=False, ensure_ascii=False)
    except ValueError as fault:
        raise OutputError(
            f"{record.source} #{record.sequence}: the result holds a number that JSON cannot hold: {fault}"
        ) from fault
    try:
        text.encode(encoding)
    except UnicodeEncodeError:  # a narrow terminal, or a file name that is no text
        return json.dumps(record.to_dict(), allow_nan=False)
    return text


def _rows(record: Record) -> list[list[object]]:
    about = [record.source, record.sequence, "" if record.time_s is None else record.time_s]
    if isinstance(record.result, LinesideError):
        return [[*about, record.result.code, *[""] * 8, str(record.result), *_NO_DETAILS]]
    value = record.result.to_dict()
    truncated = "true" if value["truncated"] else "false"
    if not value["detections"] and not value.get("classes"):
        return [[*about, "empty", *[""] * 7, truncated, "", *_NO_DETAILS]]
    return [
        [*about, "ok", d["class_id"], d["name"], d["confidence"], *d["xyxy"], truncated, "", *_details(d)]
        for d in value["detections"]
    ] + [
        [*about, "ok", c["class_id"], c["name"], c["confidence"], *[""] * 4, truncated, "", *_NO_DETAILS]
        for c in value.get("classes", ())
    ]


def _details(detection: dict[str, Any]) -> list[object]:
    """The oriented box, and the keypoints as `x y visibility` joined by semicolons; empty where there are none."""
    points = ";".join(f"{x} {y} {seen}" for x, y, seen in detection.get("keypoints", ()))
    return [*detection.get("xywhr", [""] * 5), points]
