"""The triggers that a camera still owes a picture for. Each leaves exactly once; no thread, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A trigger on its way to the camera and back.

    Attributes:
        part: Number of the part.
        asked_s: When it was asked for, monotonic seconds.
    """

    part: int
    asked_s: float


class Requests:
    """Those that wait, and the one that the camera is at.

    Args:
        most: So many may be owed at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None

    def __len__(self) -> int:
        """How many are owed."""
        return len(self._waiting) + (self._current is not None)

    def add(self, request: Request) -> bool:
        """False where there is no room; the request is not owed then."""
        if len(self) >= self._most:
            return False
        self._waiting.append(request)
        return True

    def newest(self) -> Request | None:
        """The one that came last of those that are owed."""
        return self._waiting[-1] if self._waiting else self._current

    def owes(self, request: Request) -> bool:
        """Whether this one is owed."""
        return request is self._current or request in self._waiting

    def take(self) -> Request | None:
        """The oldest that waits; the camera is at it now."""
        if self._waiting and self._current is None:
            self._current = self._waiting.popleft()
            return self._current
        return None

    def settle(self, request: Request) -> bool:
        """The request is owed no more. False where it was not owed: it must not be answered again."""
        if request is not self._current:
            return False
        self._current = None
        return True

    def drop_all(self) -> Sequence[Request]:
        """All that were owed, the oldest first. None is owed any more."""
        owed = ([] if self._current is None else [self._current]) + list(self._waiting)
        self._current = None
        self._waiting.clear()
        return owed
