"""Parts that the plant's control names and wired cameras see. Without threads, clock and I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.line.events import FrameCame
from lineside.line.triggers import Triggers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineside.line.events import Event, News
    from lineside.line.pairing import Pairer
    from lineside.line.triggers import Asked


class Paired(Triggers):
    """Parts by the plant's control, whose pictures wired cameras take by themselves.

    Args:
        asked: The control's triggers. It numbers the parts, as the pairer does, from the same numbers.
        pairer: Which picture is of which part.
    """

    def __init__(self, asked: Asked, pairer: Pairer) -> None:
        super().__init__()
        self._asked = asked
        self._pairer = pairer

    @property
    def too_many(self) -> int:
        """Triggers that came twice, too early, or so that nobody can tell which picture is theirs."""
        return self._asked.too_many + self._pairer.ambiguous

    @property
    def lost(self) -> int:
        """Numbers that the control left out."""
        return self._asked.lost

    @property
    def unnamed(self) -> int:
        """Pictures that no trigger of the control named."""
        return self._pairer.unnamed

    @property
    def wake_s(self) -> float:
        """When a part or a picture is given up, or the time is up."""
        return min(self._pairer.wake_s, self._asked.wake_s)

    def due(self, now_s: float) -> Iterable[Event]:
        """What is missing of parts whose time is up, and the pictures that no trigger named; all of those once the line stops."""
        events = self._pairer.overdue(now_s)
        return [*events, *self._pairer.end()] if self.is_over(now_s) else events

    def take(self, news: News, now_s: float) -> Iterable[Event]:
        """The part that the control names, with its pictures; or the part that a picture is of."""
        if isinstance(news, FrameCame):
            at_s = now_s if news.frame.captured_s is None else news.frame.captured_s
            return self._pairer.take(news, at_s)
        return [event for begun in self._asked.take(news, now_s) for event in self._pairer.trigger(begun)]

    def is_over(self, now_s: float) -> bool:
        """Whether it was stopped or the time is up."""
        return self._asked.is_over(now_s)

    def stop(self, now_s: float) -> None:
        """No part is judged that comes from now on."""
        super().stop(now_s)
        self._asked.stop(now_s)
