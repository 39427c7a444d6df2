"""A handshake that several threads use: the protocol's own, and the line's."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

from lineside.outputs.plant.handshake import Handshake
from lineside.outputs.plant.link import PlantNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lineside.outputs.plant.link import LineState, PlantAnswer, PlantEvent
    from lineside.outputs.plant.settings import LinkSettings
    from lineside.outputs.plant.signals import Control, Status


class Conversation:
    """Takes turns at one handshake, and writes lineside's signals after each.

    The line hears of a trigger before the control reads that it was taken: a camera is faster than a write.

    Args:
        settings: Limits of the handshake.
        write: Writes lineside's signals, within a bounded time; raises `OutputError` where it cannot.
        known: The control's signals where they are lineside's own memory; `None` where they have to be read.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        settings: LinkSettings,
        write: Callable[[Status], None],
        *,
        known: Control | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._handshake = Handshake(settings, clock(), known=known)
        self._write = write
        self._clock = clock
        self._turn = threading.Lock()
        self._heard: Callable[[PlantEvent], None] = _deaf

    def start(self, heard: Callable[[PlantEvent], None]) -> None:
        """From now on `heard` is told."""
        self._heard = heard

    @property
    def status(self) -> Status:
        """The signals of lineside as they stand."""
        with self._turn:
            return self._handshake.status

    def hear(self, control: Control | None) -> None:
        """The control's signals were read, or written by it; `None` for what are none.

        Raises:
            OutputError: lineside's signals could not be written.
        """
        with self._turn:
            events = self._handshake.observe(control, self._clock())
        self._told(events)

    def tick(self) -> None:
        """Time has gone on.

        Raises:
            OutputError: As above.
        """
        with self._turn:
            events = self._handshake.tick(self._clock())
        self._told(events)

    def tell(self, state: LineState) -> None:
        """The line's state is this.

        Raises:
            OutputError: As above.
        """
        with self._turn:
            self._handshake.tell(state)
        self._told(())

    def answer(self, answer: PlantAnswer) -> None:
        """The answer is shown, or waits for those before it.

        Raises:
            OutputError: It cannot be written, or no trigger waits for it.
        """
        with self._turn:
            events = self._handshake.answer(answer, self._clock())
        self._told(events)

    def away(self, sentence: str, *, is_news: bool) -> None:
        """The control cannot be reached."""
        with self._turn:
            self._handshake.away()
        if is_news:
            self.note("plc.lost", sentence)

    def back(self, sentence: str, *, is_news: bool) -> None:
        """The control can be reached, again where that `is_news`."""
        with self._turn:
            self._handshake.back(self._clock())
        if is_news:
            self.note("plc.back", sentence)

    def note(self, code: str, sentence: str) -> None:
        """People should know."""
        self._heard(PlantNote(code, self._clock(), sentence))

    def close(self) -> None:
        """Not ready, for good.

        Raises:
            OutputError: That could not be written.
        """
        with self._turn:
            self._handshake.close()
        self._told(())

    def _told(self, events: Iterable[PlantEvent]) -> None:
        for event in events:
            self._heard(event)
        with self._turn:
            self._write(self._handshake.status)


def _deaf(_: PlantEvent) -> None:
    """Nobody listens yet."""
