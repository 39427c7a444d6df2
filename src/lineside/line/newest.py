"""A live view: while the line is behind, only the newest pictures wait. Without threads, clock and I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineside.line.events import FrameCame


class Newest:
    """The newest picture of each camera, with those of the other cameras that are of the same moment.

    Args:
        room: So many parts may be open before a picture has to wait.
        window_s: Pictures of one part are taken within so many seconds.

    Attributes:
        passed_over: Pictures that a newer one replaced before they became a part.
    """

    def __init__(self, room: int, window_s: float) -> None:
        self._room = room
        self._window_s = window_s
        self._waiting: list[tuple[float, FrameCame]] = []
        self.passed_over = 0

    def put(self, news: FrameCame, at_s: float) -> None:
        """A picture waits; those that were taken before its moment are passed over.

        Args:
            news: The picture.
            at_s: When it was taken, in monotonic seconds.
        """
        newest_s = max([at_s, *(taken_s for taken_s, _ in self._waiting)])
        kept = [
            (taken_s, one)
            for taken_s, one in [*self._waiting, (at_s, news)]
            if newest_s - taken_s <= self._window_s
        ]
        self.passed_over += len(self._waiting) + 1 - len(kept)
        self._waiting = kept

    def is_behind(self, open_parts: int) -> bool:
        """Whether a picture that begins a part has to wait."""
        return open_parts >= self._room

    def take(self, open_parts: int) -> list[tuple[float, FrameCame]]:
        """The pictures that need not wait any more, each with when it was taken, the first first."""
        if self.is_behind(open_parts):
            return []
        waiting, self._waiting = sorted(self._waiting, key=lambda one: one[0]), []
        return waiting

    def drop(self) -> None:
        """What waits never becomes a part: the line stops."""
        self.passed_over += len(self._waiting)
        self._waiting = []
