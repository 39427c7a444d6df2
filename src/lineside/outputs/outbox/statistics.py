"""What an outbox has done, as values that do not change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SinkStatistics:
    """One sink's share, over all runs of this outbox's folder.

    Attributes:
        waiting: Results that it has not taken yet.
        aside: Those that it refused for good, which lie there until somebody decides.
        sent: Results that it took.
        retried: Attempts that failed and are tried again.
        evicted: Results that were given up because the quota was full.
        oldest_s: How long the oldest result has waited, in seconds the outbox was there; `None` without any.
        fault: Why the latest attempt failed; `None` where it did not.
    """

    waiting: int = 0
    aside: int = 0
    sent: int = 0
    retried: int = 0
    evicted: int = 0
    oldest_s: float | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxStatistics:
    """What an outbox did and holds.

    Attributes:
        offered: Results that were handed over in this run.
        dropped: Those that found no room in memory.
        stored: Those that are or were safe on disk.
        pictures_lost: Pictures that could not be encoded or written; their results go without them.
        rows: Results on disk.
        bytes: What they and their pictures take.
        sinks: By the sink's name.
    """

    offered: int
    dropped: int
    stored: int
    pictures_lost: int
    rows: int
    bytes: int
    sinks: Mapping[str, SinkStatistics]

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        return asdict(self)
