"""When parts come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Schedule:
    """Parts at an even rate for some time. It has no clock: the moments are arguments.

    Args:
        start_s: When the first part comes, in monotonic seconds.
        parts_per_minute: How often.
        seconds: For how long; at least one part comes. `None` for no end.

    Raises:
        SettingsError: The rate or the time is not positive and finite.
    """

    def __init__(self, start_s: float, parts_per_minute: float, seconds: float | None) -> None:
        for name, value in (("parts_per_minute", parts_per_minute), ("seconds", seconds)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise SettingsError(f"{name}: expected a number above 0; got {value!r}")
        self._start_s = start_s
        self._period_s = 60.0 / parts_per_minute
        self._count: float = math.inf
        if seconds is not None:
            self._count = max(math.ceil(seconds / self._period_s - 1e-9), 1)
        self._next = 0
        self._end_s = math.inf if seconds is None else start_s + seconds

    @property
    def wake_s(self) -> float:
        """When the next part comes, or when the time is up."""
        return self._end_s if self._next >= self._count else self._start_s + self._next * self._period_s

    def is_over(self, now_s: float) -> bool:
        """Whether every part has come and the time is up."""
        return self._next >= self._count and now_s >= self._end_s

    def due(self, now_s: float) -> Iterator[tuple[int, float]]:
        """The parts that have come by now and were not given yet: their numbers, and when they came."""
        while self._next < self._count and (at_s := self.wake_s) <= now_s:
            part, self._next = self._next, self._next + 1
            yield part, at_s

    def end(self, now_s: float) -> None:
        """No further part comes, and the time is up."""
        self._count = self._next
        self._end_s = min(self._end_s, now_s)
