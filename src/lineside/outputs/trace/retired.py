"""Segments that retention removed: how the chain tells of one, which go first, and what that proves of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from lineside.outputs.trace.chain import HASH, NUMBER, PREVIOUS, RETIRED, unsealed
from lineside.outputs.trace.segments import read_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lineside.outputs.trace.segments import Segment

_MARK = f'"kind":"{RETIRED}"'.encode()


@dataclass(frozen=True, slots=True)
class Retired:
    """A segment that retention removes.

    Attributes:
        segment: Its file's name.
        first: Number of its first record.
        last: Of its last one.
        hash: Of its last one: what the next segment's first record holds in the place of the hash before it.
        whole_from: All records from this number to `last` were removed by retention, a segment after the other. It is 0 unless
            others went before them without a word.
    """

    segment: str
    first: int
    last: int
    hash: str
    whole_from: int

    @classmethod
    def after(
        cls, before: Retired | None, segment: str, first: Mapping[str, Any], last: Mapping[str, Any]
    ) -> Self:
        """A segment behind one that retention removed, or at the beginning of the chain.

        Args:
            before: What retention removed latest.
            segment: The file's name.
            first: Its first record.
            last: Its last record.
        """
        whole_from = first[NUMBER]
        if before is not None and (before.last + 1, before.hash) == (first[NUMBER], first[PREVIOUS]):
            whole_from = before.whole_from
        return cls(segment, first[NUMBER], last[NUMBER], last[HASH], whole_from)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self | None:
        """What a record tells; `None` where it tells of something else."""
        segment, own = record.get("segment"), record.get("last_hash")
        numbers = [record.get(name) for name in ("first", "last", "whole_from")]
        if record.get("kind") != RETIRED or not isinstance(segment, str) or not isinstance(own, str):
            return None
        whole = [number for number in numbers if isinstance(number, int)]
        if len(whole) < len(numbers):
            return None
        return cls(segment, whole[0], whole[1], own, whole[2])

    def to_record(self, why: str) -> dict[str, Any]:
        """What the chain says of it.

        Args:
            why: `days` or `bytes`.
        """
        return {
            "kind": RETIRED,
            "why": why,
            "segment": self.segment,
            "first": self.first,
            "last": self.last,
            "last_hash": self.hash,
            "whole_from": self.whole_from,
        }


def surplus(
    segments: Sequence[Segment], max_days: int | None, max_bytes: int | None
) -> Literal["days", "bytes"] | None:
    """Why the oldest segment is to go; `None` where it stays, as the last one always does, which is being written.

    Args:
        segments: All, in the order of the chain.
        max_days: So many different days are kept. Days are counted, not compared with a clock.
        max_bytes: What all may take.
    """
    if len(segments) < 2:
        return None
    if max_days is not None and len({one.day for one in segments}) > max_days:
        return "days"
    if max_bytes is not None and sum(one.bytes for one in segments) > max_bytes:
        return "bytes"
    return None


def latest(files: Sequence[Path]) -> Retired | None:
    """What retention removed latest, by the word of the chain. It stands near the end, and the search begins there.

    Args:
        files: The segments, in the order of the chain.

    Raises:
        OutputError: One cannot be read.
    """
    for path in reversed(files):
        found = None
        for line in read_lines(path):
            if _MARK in line and (record := unsealed(line)) is not None:
                found = Retired.of(record) or found
        if found is not None:
            return found
    return None
