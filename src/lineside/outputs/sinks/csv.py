"""`csv`: one row a part, in one file a day, for people who look at tables."""

from __future__ import annotations

import csv
import io
from pathlib import Path  # pydantic reads it
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import Table, parsed
from lineside.outputs.files import cannot_write, write_all
from lineside.outputs.sinks._choice import day

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from lineside.outputs.parcel import Parcel

COLUMNS = (
    "key",
    "at",
    "line",
    "run",
    "part",
    "serial",
    "product",
    "verdict",
    "reason",
    "detail",
    "objects",
    "total_ms",
)
"""The header."""

_TAIL_BYTES = 65_536  # far more than what one thread can have written without it being noted


class Settings(Table):
    """The settings of a sink of this kind."""

    path: Path = Field(description="A folder; it holds results-DAY.csv.")
    separator: str = Field(default=",", pattern=r"^[,;\t]$", description="A comma, semicolon or tab.")


def make(settings: Mapping[str, Any]) -> CsvSink:
    """The sink that a table describes.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return CsvSink(parsed(Settings, settings, "csv"))


class CsvSink:
    """Appends one row a part. A row that was torn by a crash is cut off, and a part whose row is there gets no second one.

    Args:
        settings: Where, and how.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file: BinaryIO | None = None
        self._day = ""
        self._latest: set[str] = set()

    def emit(self, parcel: Parcel) -> None:
        """The row is in the file.

        Raises:
            OutputError: It cannot be written.
        """
        path = self._settings.path / f"results-{day(parcel)}.csv"
        try:
            if self._file is None or self._day != path.name:
                self.close()
                self._open(path)
            assert self._file is not None
            if parcel.key in self._latest:
                return
            write_all(self._file, self._text([_row(parcel)]))
        except OSError as fault:
            self.close()  # it is opened anew, where a torn row is cut off
            raise cannot_write(path, fault) from fault
        self._latest.add(parcel.key)

    def close(self) -> None:
        """The file is closed."""
        file, self._file, self._day = self._file, None, ""
        self._latest = set()
        if file is not None:
            try:
                file.close()
            except OSError as fault:
                raise cannot_write(self._settings.path, fault) from fault

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab+", buffering=0)
        try:
            end = file.seek(0, io.SEEK_END)
            file.seek(max(0, end - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
            whole = tail.rfind(b"\n") + 1
            if whole < len(tail):
                end -= len(tail) - whole
                file.truncate(end)
            if end == 0:
                write_all(file, self._text([COLUMNS]))
        except OSError:
            file.close()
            raise
        rows = tail[:whole].decode("utf-8", "replace").splitlines()
        self._latest = {row.partition(self._settings.separator)[0].strip('"') for row in rows}
        self._file, self._day = file, path.name

    def _text(self, rows: list[Any]) -> bytes:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self._settings.separator, lineterminator="\n").writerows(rows)
        return buffer.getvalue().encode("utf-8", "replace")


def _row(parcel: Parcel) -> list[object]:
    record = parcel.record
    spent_s = float(record.get("answered_s", 0)) - float(record.get("triggered_s", 0))
    told = {
        "key": parcel.key,
        "objects": sum(len(view.get("detections", ())) for view in record.get("views", ())),
        "total_ms": round(spent_s * 1000, 3),
    }
    return [_cell(told.get(column, record.get(column))) for column in COLUMNS]


def _cell(value: object) -> object:
    """A cell that no table calculator takes for a formula, on one line."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return f"'{line}" if line[:1] in {"=", "+", "-", "@"} else line
