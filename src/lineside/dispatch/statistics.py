"""What became of the pictures, and how the devices do: counts that do not change any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.verdict import Reason
    from lineside.dispatch.words import Health


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """One device up to now.

    Attributes:
        name: Its name.
        health: How far it is trusted.
        waiting: Pictures that wait for it.
        running: Pictures in its run.
        ratio: How its service times compare with its profiles: 1 as measured, 2 twice as slow.
        batches: Runs that ended well.
        frames: Pictures in them.
        busy_s: Seconds spent in runs.
        faults: How often it was quarantined.
    """

    name: str
    health: Health
    waiting: int
    running: int
    ratio: float
    batches: int
    frames: int
    busy_s: float
    faults: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of the pictures up to now. `arrived` is the sum of `released`, `unknown`, `dropped` and `open`.

    Attributes:
        arrived: Pictures that came.
        released: Answered in time.
        unknown: Answered UNKNOWN, by reason.
        dropped: Live pictures that were not shown.
        superseded: Of them, those that gave way to a newer one of their stream.
        open: Not answered yet.
        amended: Late results of pictures that had been answered UNKNOWN.
        forgotten: Pictures answered UNKNOWN that nothing came of.
        late_waiting: Pictures answered UNKNOWN that wait to be looked at.
        retried: Pictures that a second device was given because the first failed.
        hedged: Pictures that a second device was given because the first took too long.
        devices: Each device.
    """

    arrived: int
    released: int
    unknown: Mapping[Reason, int]
    dropped: int
    superseded: int
    open: int
    amended: int
    forgotten: int
    late_waiting: int
    retried: int
    hedged: int
    devices: tuple[DeviceStatistics, ...]
