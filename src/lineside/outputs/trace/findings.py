"""What a walk through a trace can find."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from lineside.outputs.trace.chain import GENESIS


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
        retired: Records before the first one that the chain says were removed by retention.
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
    retired: int = 0
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
