"""Whether a trace is what was written: the first record that was changed, is missing, or stands in another place, by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.outputs.trace.chain import GENESIS, HASH, NUMBER, PREVIOUS, unsealed
from lineside.outputs.trace.pictures import sound_name
from lineside.outputs.trace.segments import read_head, read_lines, segment_files

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.outputs.trace.segments import Head


class Fault(StrEnum):
    """What can be wrong with a trace."""

    CHANGED = "changed"
    """A line is no record that says what its own hash was made of."""
    REPLACED = "replaced"
    """A record holds another hash of the one before it: one of the two was made anew."""
    MISSING = "missing"
    """Records are not there."""
    REORDERED = "reordered"
    """A record stands behind one that came later, or twice."""
    PICTURE_MISSING = "picture missing"
    """A picture is not there, and no record says that it was removed."""
    PICTURE_CHANGED = "picture changed"
    """A picture's file has another hash than its record holds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, and where it is.

    Attributes:
        fault: What is wrong.
        segment: The file.
        line: Of the file, from 1; 0 where no line is meant.
        number: Of the record; `None` where the line tells none.
        part: Its part; `None` where it tells none.
        sentence: What was expected and what is there.
    """

    fault: Fault
    segment: str
    line: int
    number: int | None
    part: int | None
    sentence: str


@dataclass(slots=True)
class Verification:
    """What was found.

    Attributes:
        records: How many were looked at.
        parts: Those of them that tell of a part.
        late: Those that tell what became known of a part after its answer.
        dropped: Parts that the chain itself says it has no record of.
        pictures: Files whose hash was compared.
        removed: Files that the chain says were removed by retention.
        first: Number of the first record; `None` without any.
        last: Number of the last.
        hash: Of the last: who keeps it elsewhere can tell a chain that was made anew as a whole.
        findings: What is wrong, in the order of the chain; pictures last.
        notices: What people should know and is no fault.
    """

    records: int = 0
    parts: int = 0
    late: int = 0
    dropped: int = 0
    pictures: int = 0
    removed: int = 0
    first: int | None = None
    last: int | None = None
    hash: str = GENESIS
    findings: list[Finding] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        return {"sound": self.is_sound, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Span:
    """Which records are looked at: from and to a moment, `2026-11-28` or `2026-11-28T06:00`, both included; `None` is open."""

    since: str | None = None
    until: str | None = None

    def holds(self, record: dict[str, Any]) -> bool:
        """Whether a record lies in it."""
        at = str(record.get("at", ""))
        is_after = self.since is None or at >= self.since
        return is_after and (self.until is None or at[: len(self.until)] <= self.until)


def verify(folder: Path, span: Span | None = None, *, with_pictures: bool = True) -> Verification:
    """What a walk through a trace found.

    Args:
        folder: The trace's.
        span: Which records; all of them, where none is given.
        with_pictures: Compare the hashes of the pictures that are kept.

    Raises:
        OutputError: There is no trace, or it cannot be read.
    """
    head = read_head(folder)  # before the segments: of a line that runs they have at least what it says
    files = segment_files(folder)
    if not files:
        raise OutputError(f"{folder}: expected the folder of a trace, with a folder segments; found none")
    walk = _Walk(span or Span())
    for path in files:
        for place, line in enumerate(read_lines(path), start=1):
            walk.take(path, place, line)
    if span is None or span.until is None:
        walk.compare_head(head, files[-1])
    if with_pictures:
        walk.compare_pictures(folder / "pictures")
    return walk.found


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

    def take(self, path: Path, place: int, line: bytes) -> None:
        """One line of the chain."""
        record = unsealed(line)
        if record is None:
            self._take_broken(path, place, line)
            return
        if record.get("kind") == "removed":  # also of pictures of the span that were removed after it
            self._removed.update(name for name in record.get("files", ()) if isinstance(name, str))
        if not self._span.holds(record):
            self._pass_by(record)
            return
        found = self.found
        if found.first is None:
            found.first = record[NUMBER]
            is_partial = self._span.since is not None
            if is_partial and self._expected == 0:
                self._expected, self._previous = record[NUMBER], record[PREVIOUS]
        self._link(path, place, record)
        found.records += 1
        found.last, found.hash = record[NUMBER], record[HASH]
        self._count(path, place, record)

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

    def compare_pictures(self, folder: Path) -> None:
        """The pictures are there with the hashes that their names hold, but for those that the chain says were removed."""
        self.found.removed = len(self._removed)
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
