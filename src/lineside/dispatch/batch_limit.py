"""How large a batch a device is given after it ran out of memory, and how that grows back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineside.dispatch.settings import Settings


class BatchLimit:
    """Half of what broke the device; twice as much again when it has served well for a while with as much as it may.

    Each lack of memory makes the next while twice as long, so that a device which has not the memory is seldom tried with more
    than it can bear; one that was only short of it for a moment has all its batches back soon.

    Attributes:
        most: The largest batch; `None` for no limit.
    """

    __slots__ = ("_due_s", "_lacked_s", "_wait_s", "most")

    def __init__(self) -> None:
        self.most: int | None = None
        self._wait_s = 0.0
        self._due_s = math.inf
        self._lacked_s = -math.inf

    def cut(self, size: int, now_s: float, settings: Settings) -> None:
        """A batch of that size ran out of memory."""
        again = now_s - self._lacked_s <= settings.grow_most_s
        self._wait_s = min(2 * self._wait_s, settings.grow_most_s) if again else settings.grow_s
        self._lacked_s = now_s
        self._due_s = now_s + self._wait_s
        self.most = max(size // 2, 1)

    def grows(self, full: int, now_s: float) -> bool:
        """Whether the limit is another after a run that ended well and was as large as any is made.

        Args:
            full: The largest batch of the device's profiles.
            now_s: The time.
        """
        if self.most is None or now_s < self._due_s:
            return False
        self._due_s = now_s + self._wait_s
        self.most = 2 * self.most if 2 * self.most < full else None
        return True
