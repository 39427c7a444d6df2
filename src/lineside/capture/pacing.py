"""When the pictures of a camera that is drawn or played are due: by a rate, or one for each trigger."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import TYPE_CHECKING

from lineside.core.delivery import Delivery
from lineside.core.errors import SourceError

if TYPE_CHECKING:
    from lineside.capture.camera import CameraSettings

KEPT = 32
"""Pictures that wait for their reader where every one counts; older ones are dropped and counted."""


@dataclass(frozen=True, slots=True)
class Due:
    """A picture that is due.

    Attributes:
        number: Which one, from 0; those that were skipped count.
        at_s: When it became due, monotonic seconds.
        skipped: How many before it nobody read in time.
    """

    number: int
    at_s: float
    skipped: int = 0


class Pace:
    """Tells its one reader when the next picture is due. It may be triggered and closed from another thread.

    Args:
        settings: The camera's: `trigger`, `delivery`, `clock`.
        fps: Pictures a second; `None` for as fast as they are read. Triggers take the rate's place.
    """

    def __init__(self, settings: CameraSettings, fps: float | None) -> None:
        self._settings = settings
        self._fps = fps
        self._clock = settings.clock
        self._changed = Condition()
        self._triggers: deque[float] = deque()
        self._started_s: float | None = None
        self._next = 0
        self._is_closed = False

    @property
    def period_s(self) -> float | None:
        """Seconds between two pictures; `None` where nobody knows."""
        return None if self._fps is None else 1 / self._fps

    def trigger(self) -> None:
        """A picture is due now.

        Raises:
            SourceError: The camera is closed, or runs by itself.
        """
        with self._changed:
            self._refuse_closed()
            if not self._settings.is_triggered:
                raise SourceError(
                    f"camera {self._settings.id}: expected trigger software or plc; it is {self._settings.trigger}"
                )
            self._triggers.append(self._clock())
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> Due | None:
        """The next picture that is due, or `None` where none was in time.

        Raises:
            SourceError: The camera is closed.
        """
        with self._changed:
            if self._started_s is None:
                self._started_s = self._clock()
            until_s = self._clock() + timeout_s
            while True:
                self._refuse_closed()
                now_s = self._clock()
                if (due := self._due(now_s)) is not None:
                    self._next = due.number + 1
                    return due
                if now_s >= until_s:
                    return None
                self._changed.wait(min(until_s, self._next_s()) - now_s)

    def close(self) -> None:
        """No picture is due any more; a wait under way ends."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def refuse_closed(self) -> None:
        """Nothing, while it is open. Any thread may ask.

        Raises:
            SourceError: The camera is closed.
        """
        with self._changed:
            self._refuse_closed()

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise SourceError(f"camera {self._settings.id}: it is closed")

    def _due(self, now_s: float) -> Due | None:
        if self._settings.is_triggered:
            return Due(self._next, self._triggers.popleft()) if self._triggers else None
        if self._fps is None or self._started_s is None:
            return Due(self._next, now_s)
        behind = math.floor((now_s - self._started_s) * self._fps + 1e-6) + 1 - self._next
        if behind < 1:
            return None
        kept = 1 if self._settings.delivery is Delivery.LATEST else KEPT
        skipped = max(behind - kept, 0)
        number = self._next + skipped
        return Due(number, min(self._started_s + number / self._fps, now_s), skipped)

    def _next_s(self) -> float:
        if self._settings.is_triggered or self._fps is None or self._started_s is None:
            return math.inf
        return self._started_s + self._next / self._fps
