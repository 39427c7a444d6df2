"""Whether a trace is what was written: the first record that was changed, is missing, or stands in another place, by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.outputs.trace.chain import GENESIS, HASH, NUMBER, PREVIOUS, unsealed
from lineside.outputs.trace.findings import Fault, Finding, Span, Verification
from lineside.outputs.trace.pictures import sound_name
from lineside.outputs.trace.removed import Meanwhile, removed_by
from lineside.outputs.trace.retired import Retired
from lineside.outputs.trace.segments import read_head, read_lines, segment_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lineside.outputs.trace.segments import Head

_MOST_LOOKS = 5


def verify(folder: Path, span: Span | None = None, *, with_pictures: bool = True) -> Verification:
    """What a walk through a trace found.

    Args:
        folder: The trace's.
        span: Which records; all of them, where none is given.
        with_pictures: Compare the hashes of the pictures that are kept.

    Raises:
        OutputError: There is no trace, or it cannot be read.
    """
    for _ in range(_MOST_LOOKS):
        head = read_head(folder)  # before the segments: of a line that runs they have at least what it says
        files = segment_files(folder)
        if not files:
            raise OutputError(f"{folder}: expected the folder of a trace, with a folder segments; found none")
        try:
            walk = _walked(files, span or Span())
            break
        except OutputError:
            if all(path.exists() for path in files):
                raise  # else a line that runs removed one meanwhile, and the chain tells of it
    else:
        raise OutputError(f"{folder}: segments are removed faster than they are read; try again")
    if span is None or span.until is None:
        walk.compare_head(head, files[-1])
    walk.compare_beginning()
    if with_pictures:
        walk.compare_pictures(folder / "pictures", Meanwhile(folder, files))
    return walk.found


def _walked(files: Sequence[Path], span: Span) -> _Walk:
    walk = _Walk(span)
    for path in files:
        for place, line in enumerate(read_lines(path), start=1):
            walk.take(path, place, line)
    return walk


@dataclass(frozen=True, slots=True)
class _Beginning:
    """A first record that is not number 0.

    Attributes:
        path: Its segment.
        place: Its line.
        record: What it says.
        broken: So many lines before it are no records.
    """

    path: Path
    place: int
    record: Mapping[str, Any]
    broken: int

    def follows(self, one: Retired) -> bool:
        """Whether it stands where a segment that retention removed ends."""
        number: int = self.record[NUMBER]
        if self.broken:
            return number - 1 - self.broken <= one.last < number
        return (one.last, one.hash) == (number - 1, self.record[PREVIOUS])


class _Walk:
    """The state between two records."""

    def __init__(self, span: Span) -> None:
        self.found = Verification()
        self._span = span
        self._expected, self._previous = 0, GENESIS
        self._is_behind_broken = False
        self._broken: tuple[Path, int] | None = None
        self._pictures: list[tuple[str, str, int, int, int | None]] = []
        self._removed: set[str] = set()
        self._is_begun = False
        self._beginning: _Beginning | None = None
        self._retired: list[Retired] = []

    def take(self, path: Path, place: int, line: bytes) -> None:
        """One line of the chain."""
        record = unsealed(line)
        if record is None:
            self._take_broken(path, place, line)
            return
        self._removed.update(removed_by(record))  # also pictures of the span that were removed after it
        if (retired := Retired.of(record)) is not None:
            self._retired.append(retired)
        is_first, self._is_begun = not self._is_begun, True
        if not self._span.holds(record):
            self._pass_by(record)
            return
        if is_first and record[NUMBER] > self._expected:
            self._begin_later(path, place, record)
        found = self.found
        if found.first is None:
            found.first = record[NUMBER]
        self._link(path, place, record)
        found.records += 1
        found.last, found.hash = record[NUMBER], record[HASH]
        self._count(path, place, record)

    def _begin_later(self, path: Path, place: int, record: dict[str, Any]) -> None:
        """Whether something is missing before the first record is known when the whole chain was read."""
        broken = self._expected
        if self._span.since is None:
            self._beginning = _Beginning(path, place, record, broken)
        self._expected = record[NUMBER]
        if not broken:
            self._previous = record[PREVIOUS]

    def _pass_by(self, record: dict[str, Any]) -> None:
        """What lies outside of the span only says what must come next."""
        self._expected, self._previous = record[NUMBER] + 1, record[HASH]

    def _take_broken(self, path: Path, place: int, line: bytes) -> None:
        said = _loose(line)
        number = said.get(NUMBER) if isinstance(said.get(NUMBER), int) else None
        if said and not self._span.holds(said):
            return
        if not line.endswith(b"\n"):
            self._broken = (path, place)  # the end of a file: it may be the line that is being written
        sentence = "the line is torn" if not said else "the record is not what its hash was made of"
        self._add(Fault.CHANGED, path, place, number, said.get("part"), sentence)
        self._expected += 1
        own = said.get(HASH)
        self._previous = own if isinstance(own, str) else ""
        self._is_behind_broken = True

    def _link(self, path: Path, place: int, record: dict[str, Any]) -> None:
        number, part = record[NUMBER], record.get("part")
        if self._is_behind_broken and number == self._expected - 1:
            self._expected, self._previous = (
                number,
                "",
            )  # the line before it was no record at all, but something added
        self._is_behind_broken = False
        if number > self._expected:
            gap = (
                f"record {self._expected}"
                if number == self._expected + 1
                else f"records {self._expected} to {number - 1}"
            )
            self._add(Fault.MISSING, path, place, number, part, f"before it, {gap} should stand")
        elif number < self._expected:
            self._add(
                Fault.REORDERED, path, place, number, part, f"record {self._expected} should stand here"
            )
        elif self._previous and record[PREVIOUS] != self._previous:
            self._add(
                Fault.REPLACED, path, place, number, part, "it holds another hash of the record before it"
            )
        self._expected, self._previous = number + 1, record[HASH]

    def _count(self, path: Path, place: int, record: dict[str, Any]) -> None:
        kind, found = record.get("kind"), self.found
        if kind == "part":
            found.parts += 1
            for view in record.get("views", ()):
                name = (view.get("picture") or {}).get("file")
                if name is not None:
                    self._pictures.append((str(name), path.name, place, record[NUMBER], record.get("part")))
        elif kind == "late":
            found.late += 1
        elif kind == "dropped":
            found.dropped += int(record.get("count", 0))
            found.notices.append(f"record {record[NUMBER]}: {record.get('detail')}")
        elif kind == "torn":
            found.notices.append(f"record {record[NUMBER]}: {record.get('detail')}")
        elif kind == "lost_end":
            self._add(Fault.MISSING, path, place, record[NUMBER], None, str(record.get("detail")))

    def compare_head(self, head: Head | None, last: Path) -> None:
        """The chain ends where its head says, or behind it."""
        self._forgive_the_line_being_written()
        if head is None:
            self.found.notices.append(
                "head.json is not there or damaged: whether records are missing at the end is not known"
            )
            return
        end = self._expected - 1
        if head.number > end:
            gone = f"record {end + 1}" if head.number == end + 1 else f"records {end + 1} to {head.number}"
            self._add(Fault.MISSING, last, 0, None, None, f"at the end, {gone} should stand")
        elif head.number == end and end >= 0 and self._previous and head.hash != self._previous:
            self._add(Fault.REPLACED, last, 0, end, None, "the head holds another hash of the last record")

    def _forgive_the_line_being_written(self) -> None:
        """A torn last line that the head does not know of yet is no fault: it is being written, or a kill left it."""
        if self._broken is None or not self.found.findings:
            return
        path, place = self._broken
        latest = self.found.findings[-1]
        if (latest.segment, latest.line) == (path.name, place) and latest.sentence == "the line is torn":
            self.found.findings.pop()
            self.found.notices.append(
                f"{path.name}: the last line is not whole: it is being written, or a kill left it"
            )
            self._expected -= 1
            self._previous = self.found.hash

    def compare_beginning(self) -> None:
        """The chain begins with record 0, or where it says that retention removed what stood before."""
        begin = self._beginning
        if begin is None:
            return
        number, part = begin.record[NUMBER], begin.record.get("part")
        fitting = [one for one in self._retired if begin.follows(one)]
        if any(one.whole_from == 0 for one in fitting):
            self.found.retired = number - begin.broken
            return
        if fitting:
            last = fitting[-1].whole_from - 1
            sentence = f"not all of records 0 to {last} were removed by retention"
        else:
            first = max((one.last + 1 for one in self._retired if one.last < number - 1), default=0)
            sentence = f"before it, records {first} to {number - 1} should stand, and no record says that retention removed them"
        self._add(Fault.MISSING, begin.path, begin.place, number, part, sentence)
        self.found.findings.insert(0, self.found.findings.pop())

    def compare_pictures(self, folder: Path, meanwhile: Meanwhile) -> None:
        """The pictures are there with the hashes that their names hold, but for those that the chain says were removed.

        Args:
            folder: Of the pictures.
            meanwhile: Knows those that have been removed since the chain was read.
        """
        for name, segment, place, number, part in self._pictures:
            if not sound_name(name):
                sentence = f"{name!r} is no name of a picture"
                self.found.findings.append(
                    Finding(Fault.PICTURE_CHANGED, segment, place, number, part, sentence)
                )
                continue
            try:
                data = (folder / name).read_bytes()
            except FileNotFoundError:
                if name not in self._removed:
                    self._removed |= meanwhile.removed()
                if name not in self._removed:
                    sentence = f"pictures/{name} is not there, and no record says that it was removed"
                    self.found.findings.append(
                        Finding(Fault.PICTURE_MISSING, segment, place, number, part, sentence)
                    )
                continue
            except OSError as fault:
                raise OutputError(f"{folder / name}: cannot be read: {fault}") from fault
            self.found.pictures += 1
            if hashlib.sha256(data).hexdigest() != name.partition("/")[2].partition(".")[0]:
                sentence = f"pictures/{name} holds other bytes than its hash was made of"
                self.found.findings.append(
                    Finding(Fault.PICTURE_CHANGED, segment, place, number, part, sentence)
                )
        self.found.removed = len(self._removed)

    def _add(
        self, fault: Fault, path: Path, place: int, number: int | None, part: Any, sentence: str
    ) -> None:
        part = part if isinstance(part, int) else None
        self.found.findings.append(Finding(fault, path.name, place, number, part, sentence))


def _loose(line: bytes) -> dict[str, Any]:
    """What a line says that is no sound record; nothing where it is no JSON object."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
