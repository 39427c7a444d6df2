"""A link that looks at the control's signals in turns: lineside is the client, the control the station."""

from __future__ import annotations

import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from lineside.core.backoff import Backoff
from lineside.core.errors import OutputError
from lineside.outputs.plant.conversation import Conversation
from lineside.outputs.plant.outlet import Outlet
from lineside.outputs.plant.signals import unpack_control

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.outputs.plant.link import LineState, PlantAnswer, PlantEvent
    from lineside.outputs.plant.settings import PolledSettings
    from lineside.outputs.plant.signals import Order, Status


class Registers(Protocol):
    """The two blocks of `lineside.outputs.plant.signals` in a station's memory. One thread at a time uses it.

    Attributes:
        name: The station, for messages.
        order: Which byte of a number comes first.
    """

    name: str
    order: Order

    def open(self) -> None:
        """The station answers.

        Raises:
            OutputError: It does not.
        """

    def read(self) -> bytes:
        """The control's block, of `2 * CONTROL_WORDS` bytes; of another length where the station answers nonsense.

        Raises:
            OutputError: The station does not answer in time.
        """

    def write(self, word: int, data: bytes) -> None:
        """These bytes stand in lineside's block from this word on.

        Raises:
            OutputError: The station does not take them.
        """

    def close(self) -> None:
        """The connection is let go of; may be called twice, and when it was never open."""


class PolledLink:
    """A link over a station's registers, with one thread that reads them.

    Args:
        registers: The station.
        settings: How often, how long, how many.
        clock: Monotonic seconds.
    """

    def __init__(
        self, registers: Registers, settings: PolledSettings, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._registers = registers
        self._settings = settings
        self._outlet = Outlet(registers.write, registers.order)
        longest_s = max(settings.retry_first_s, settings.retry_longest_s)
        self._backoff = Backoff(settings.retry_first_s, longest_s)
        self._talk = Conversation(settings, self._write, clock=clock)
        self._wire = threading.Lock()
        self._is_open = False
        self._why = "the link was not started"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, heard: Callable[[PlantEvent], None]) -> None:
        """The thread runs, and reaches for the station."""
        self._why = f"{self._registers.name} was not reached yet"
        self._talk.start(heard)
        self._thread = threading.Thread(target=self._run, name=f"plant {self._registers.name}", daemon=True)
        self._thread.start()

    def tell(self, state: LineState) -> None:
        """The state is written now, or when the station is reached."""
        self._or_lost(lambda: self._talk.tell(state))

    def answer(self, answer: PlantAnswer) -> None:
        """The answer is written, or waits for those before it to be acknowledged.

        Raises:
            OutputError: The station is away. It is shown the answer if it comes back and still waits.
        """
        self._talk.answer(answer)

    def close(self) -> None:
        """The station sees `ready` fall and no more heartbeat; its connection is closed."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * self._settings.timeout_s + 1)
        self._or_lost(self._talk.close)
        self._is_open = False
        with suppress(OutputError):
            self._registers.close()

    def _run(self) -> None:
        failures = 0
        is_known_lost = False
        while not self._stop.wait(self._backoff.pause_s(failures) if failures else self._settings.poll_s):
            try:
                if not self._is_open:
                    self._open(is_back=is_known_lost)
                    is_known_lost, failures = False, 0
                self._poll()
            except OutputError as fault:
                failures += 1
                self._lost(fault, is_news=not is_known_lost)
                is_known_lost = True

    def _open(self, *, is_back: bool) -> None:
        with self._wire:
            with suppress(OutputError):  # what is left of the old connection
                self._registers.close()
            self._registers.open()
            self._outlet.forget()
            self._is_open = True
        self._talk.back(f"{self._registers.name} answers again", is_news=is_back)

    def _poll(self) -> None:
        with self._wire:
            block = self._registers.read()
        self._talk.hear(unpack_control(block, self._registers.order))

    def _write(self, status: Status) -> None:
        """Called with the turn of the conversation: one writes at a time."""
        if not self._is_open:  # before the wire, which an attempt to reach the station may hold for long
            raise OutputError(f"{self._registers.name} is away: {self._why}")
        with self._wire:
            try:
                self._outlet.write(status)
            except OutputError:
                self._is_open = False  # the thread opens it again
                raise

    def _lost(self, fault: OutputError, *, is_news: bool) -> None:
        self._is_open = False
        self._why = str(fault)
        self._talk.away(str(fault), is_news=is_news)

    def _or_lost(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OutputError as fault:
            self._why = str(fault)  # its thread tells of it, and writes the state when the station is back
