"""The files of a chain: segments that are only appended to, and the head that says where it ends."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.outputs.files import cannot_write, make_folder, replacing, write_all
from lineside.outputs.trace.chain import GENESIS, HASH, NUMBER, RETIRED, sealed, unsealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

_NAME = re.compile(r"(\d{6,})-(\d{4}-\d\d-\d\d)\.jsonl")


_TAIL_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends.

    Attributes:
        number: Of the last record; -1 without any.
        hash: Of the last record.
    """

    number: int = -1
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a chain.

    Attributes:
        name: The file's.
        day: That its records were written on.
        bytes: Its size.
    """

    name: str
    day: str
    bytes: int


def segment_files(folder: Path) -> list[Path]:
    """The segments of a trace, in the order of the chain."""
    found = [
        (int(m.group(1)), path)
        for path in (folder / "segments").glob("*.jsonl")
        if (m := _NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]


def read_head(folder: Path) -> Head | None:
    """What the head's file says; `None` where there is none, or it is damaged."""
    try:
        said = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        return Head(int(said[NUMBER]), str(said[HASH]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Segments:
    """The end of a chain, to which records are appended.

    What a killed process left behind a last whole record is set aside in `torn/`, and told in the chain. A segment that the last
    record says is removed is.

    Args:
        folder: Of the trace; made when it is missing.
        most_bytes: A segment that is larger ends.

    Attributes:
        head: The last record that is in the files.
        notes: What was found wrong while it was opened: records to append.

    Raises:
        OutputError: The files cannot be read or made.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._file: BinaryIO | None = None
        self._size = 0
        self.head = Head()
        self.notes: list[dict[str, Any]] = []
        make_folder(folder / "segments")
        files = segment_files(folder)
        self._index, self._day = _place(files[-1]) if files else (0, "")
        try:
            self._recover(files)
        except OSError as fault:
            raise cannot_write(folder, fault) from fault

    @property
    def index(self) -> int:
        """Number of the segment that is written to; 0 before there is any."""
        return self._index

    def files(self) -> list[Path]:
        """The segments' files, in the order of the chain."""
        return segment_files(self._folder)

    def path(self, name: str) -> Path:
        """Where a segment lies."""
        return self._folder / "segments" / name

    def all(self) -> list[Segment]:
        """What there is, in the order of the chain; the last one is written to.

        Raises:
            OutputError: The folder cannot be read.
        """
        try:
            return [Segment(path.name, _place(path)[1], path.stat().st_size) for path in self.files()]
        except OSError as fault:
            raise OutputError(f"{self._folder}: cannot be read: {fault}") from fault

    def remove(self, name: str) -> None:
        """A segment is gone, from the disk, too. One that is gone already is no fault.

        Args:
            name: Of its file.

        Raises:
            OutputError: It cannot be removed.
        """
        try:
            self._unlink(name)
        except OSError as fault:
            raise OutputError(f"{self.path(name)}: cannot be removed: {fault}") from fault

    def append(self, records: Sequence[Mapping[str, Any]], day: str) -> None:
        """The records are in the files and on the disk, in this order. All of them, or none.

        Args:
            records: What they say.
            day: `2026-11-28`; another one begins another segment.

        Raises:
            OutputError: They cannot be written.
        """
        lines: list[bytes] = []
        head = self.head
        for record in records:
            line, own = sealed(record, head.number + 1, head.hash)
            head = Head(head.number + 1, own)
            lines.append(line)
        try:
            file = self._writable(day)
            try:
                write_all(file, b"".join(lines))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self._size)  # a half is worse than nothing
                raise
        except OSError as fault:
            self.close()
            raise cannot_write(self._folder / "segments", fault) from fault
        self._size += sum(map(len, lines))
        self.head = head

    def write_head(self) -> None:
        """The head's file says where the chain ends. It never runs ahead of the segments.

        Raises:
            OutputError: It cannot be written.
        """
        said = {NUMBER: self.head.number, HASH: self.head.hash}
        with replacing(self._folder / "head.json") as temporary:
            temporary.write_text(json.dumps(said) + "\n", encoding="utf-8")

    def close(self) -> None:
        """The segment's file is closed; the next record opens it again."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _writable(self, day: str) -> BinaryIO:
        if self._file is not None and (day != self._day or self._size >= self._most_bytes):
            self.close()
        if self._file is None:
            path = self._folder / "segments" / f"{self._index:06d}-{self._day}.jsonl"
            self._size = path.stat().st_size if path.exists() else 0
            if not self._day or day != self._day or self._size >= self._most_bytes:
                self._index, self._day, self._size = self._index + 1, day, 0
                path = self._folder / "segments" / f"{self._index:06d}-{day}.jsonl"
            self._file = path.open("ab", buffering=0)
        return self._file

    def _recover(self, files: Sequence[Path]) -> None:
        """Find the end of the chain."""
        said = read_head(self._folder)
        for path in reversed(files):
            end, last = _last_whole(path)
            if end < path.stat().st_size:
                self._set_aside(path, end)
            if last is not None:
                self.head = Head(last[NUMBER], last[HASH])
                self._finish(last, files)
                break
        is_other = said is not None and said.number == self.head.number and said.hash != self.head.hash
        if said is not None and (said.number > self.head.number or is_other):
            sentence = f"the head told of record {said.number}{' with another hash' if is_other else ''}; the segments end with {self.head.number}"
            self.notes.append(
                {"kind": "lost_end", "detail": sentence, "head": {NUMBER: said.number, HASH: said.hash}}
            )

    def _finish(self, last: Mapping[str, Any], files: Sequence[Path]) -> None:
        """A kill came between the word that a segment is removed, which is the last word then, and the removal."""
        if last.get("kind") == RETIRED and len(files) > 1 and last.get("segment") == files[0].name:
            self._unlink(files[0].name)

    def _unlink(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)
        if os.name != "posix":  # elsewhere a folder cannot be opened
            return
        folder = os.open(self._folder / "segments", os.O_RDONLY)
        try:
            os.fsync(folder)  # so that no later segment is gone before it after a loss of power
        finally:
            os.close(folder)

    def _set_aside(self, path: Path, end: int) -> None:
        """What lies behind the last whole record goes to a file of its own, before it is cut off."""
        with path.open("rb+") as file:
            file.seek(end)
            rest = file.read()
            make_folder(self._folder / "torn")
            name = f"{path.stem}-{end}-{self.head.number + 1}.part"
            with replacing(self._folder / "torn" / name) as temporary:
                temporary.write_bytes(rest)
            file.truncate(end)
        sentence = (
            f"{len(rest)} bytes behind the last whole record of {path.name} were set aside as torn/{name}"
        )
        self.notes.append({"kind": "torn", "detail": sentence, "bytes": len(rest)})


def _place(path: Path) -> tuple[int, str]:
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return int(found.group(1)), found.group(2)


def _last_whole(path: Path) -> tuple[int, dict[str, Any] | None]:
    """Where the last whole record ends, and what it says; `(0, None)` without one.

    Only the end of the file is judged: a record in the middle that was changed is for `lineside verify` to name.
    """
    size = path.stat().st_size
    for start in (max(0, size - _TAIL_BYTES), 0):
        end, last = 0, None
        with path.open("rb") as file:
            file.seek(start)
            offset = start + (
                len(file.readline()) if start else 0
            )  # the first line of a tail is a piece of one
            for line in file:
                offset += len(line)
                if (record := unsealed(line)) is not None:
                    end, last = offset, record
        if last is not None:
            break
    return end, last


def ends_of(path: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The first and the last record of a segment; `None` where its first or last line is none.

    Raises:
        OutputError: The file cannot be read.
    """
    try:
        end, last = _last_whole(path)
        with path.open("rb") as file:
            first = unsealed(file.readline())
        is_whole = end == path.stat().st_size
    except OSError as fault:
        raise OutputError(f"{path}: cannot be read: {fault}") from fault
    return (first, last) if first is not None and last is not None and is_whole else None


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a segment with their ends; a last one without an end is torn.

    Raises:
        OutputError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as fault:
        raise OutputError(f"{path}: cannot be read: {fault}") from fault
