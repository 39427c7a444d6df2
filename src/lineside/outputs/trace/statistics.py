"""What a trace has done, as a value that does not change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TraceStatistics:
    """What a trace did in this run.

    Attributes:
        offered: Parts that were handed over.
        dropped: Those that found no room; the chain tells of them.
        written: Parts in the chain.
        pictures: Pictures that were kept.
        pictures_lost: Those that could not be.
        number: Of the last record; -1 without any.
        hash: Of the last record.
    """

    offered: int
    dropped: int
    written: int
    pictures: int
    pictures_lost: int
    number: int
    hash: str
