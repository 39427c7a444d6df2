"""Modbus TCP, lineside being the server: the control writes and reads our registers. The faster role."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import parsed
from lineside.outputs.plant.conversation import Conversation
from lineside.outputs.plant.modbus import Addresses, library, register_rows
from lineside.outputs.plant.serving import LoopThread, can_listen, cannot_listen
from lineside.outputs.plant.settings import LinkSettings
from lineside.outputs.plant.signals import (
    CONTROL_WORDS,
    STATUS_WORDS,
    Control,
    Order,
    from_words,
    pack_status,
    to_words,
    unpack_control,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.link import LineState, PlantAnswer, PlantEvent
    from lineside.outputs.plant.maps import MapRow
    from lineside.outputs.plant.signals import Status

_TICK_S = 0.02
_START_S = 10.0
_FUNCTIONS = frozenset({3, 4, 6, 16, 22, 23})  # those of registers
_MARK_BYTES = slice(2, 4)  # of a request: zero, which says that it is Modbus


class Settings(LinkSettings, Addresses):
    """Where to listen, and for how long a control may be silent."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen at. The default is heard on this machine alone; a plant's network needs its own address here."""
    port: int = Field(default=1502, ge=0, le=65535)
    """TCP port; 502 is Modbus' own, and needs rights; 0 takes a free one."""
    silence_s: float = Field(default=5.0, gt=0, le=3600)
    """Seconds without any request after which the control counts as lost."""


def make(settings: Mapping[str, Any]) -> ModbusServerLink:
    """The link that a table describes, not yet listening.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: pymodbus is not there.
    """
    checked = parsed(Settings, settings, "plant modbus_server")
    library()
    return ModbusServerLink(checked)


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Where each signal is.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return register_rows(parsed(Settings, settings, "plant modbus_server"))


class ModbusServerLink:
    """A Modbus server whose registers are the two blocks. Every write of the control is an event; reads get what holds.

    Args:
        settings: Where, and the limits.
        clock: Monotonic seconds.

    Attributes:
        port: Where it listens, once it does.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = monotonic) -> None:
        self.port = settings.port
        self._settings = settings
        self._clock = clock
        self._talk = Conversation(settings, self._publish, known=Control(), clock=clock)
        self._words = to_words(pack_status(self._talk.status, Order.BIG), Order.BIG)
        self._said = [0] * CONTROL_WORDS
        self._loop: LoopThread | None = None
        self._callers = 0
        self._last_s = clock()
        self._is_lost = self._is_strange = False

    def start(self, heard: Callable[[PlantEvent], None]) -> None:
        """It listens.

        Raises:
            OutputError: The port is taken, or the address is none of this machine.
        """
        self._talk.start(heard)
        at = (self._settings.host, self._settings.port)
        self._loop = LoopThread(f"plant modbus {at[0]}:{at[1]}")
        try:
            self._loop.run(self._open(), _START_S)
        except (OSError, TimeoutError) as fault:
            self.close()
            raise cannot_listen("modbus_server", *at, fault) from fault

    def tell(self, state: LineState) -> None:
        """The control reads the state with its next request."""
        self._talk.tell(state)

    def answer(self, answer: PlantAnswer) -> None:
        """The control reads the answer with its next request, or when it has acknowledged those before.

        Raises:
            OutputError: No trigger waits for it.
        """
        self._talk.answer(answer)

    def close(self) -> None:
        """The connections end, and nobody listens any more."""
        self._talk.close()
        loop, self._loop = self._loop, None
        if loop is not None:
            self._is_lost = True  # by us: that is no news
            loop.close(self._shut())

    async def _open(self) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        registers = DataType.REGISTERS
        blocks = [
            SimData(self._settings.control_address, count=CONTROL_WORDS, datatype=registers),
            SimData(self._settings.status_address, count=STATUS_WORDS, datatype=registers, readonly=True),
        ]
        await can_listen(self._settings.host, self._settings.port)
        self._server = ModbusTcpServer(
            SimDevice(0, simdata=blocks, action=self._asked),
            address=(self._settings.host, self._settings.port),
            trace_connect=self._connected,
            trace_packet=self._packet,
        )
        if not await self._server.listen():
            raise OSError("the port was taken just now")
        listener: Any = self._server.transport  # asyncio's server, which pymodbus calls a transport
        self.port = int(listener.sockets[0].getsockname()[1])
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def _shut(self) -> None:
        if hasattr(self, "_ticking"):
            self._ticking.cancel()
            await self._server.shutdown()  # type: ignore[no-untyped-call] # pymodbus leaves it untyped

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._talk.tick()
            if self._callers and self._clock() - self._last_s > self._settings.silence_s:
                self._lost(f"the control has asked nothing for {self._settings.silence_s:g} s")

    async def _asked(  # pymodbus calls it so
        self, function: int, start: int, address: int, count: int, registers: list[int], values: Any
    ) -> Any:
        """A request: a read gets what holds now, a write of the control is heard before it is answered."""
        from pymodbus.constants import ExcCodes

        self._seen()
        if function not in _FUNCTIONS:  # coils would be a second name for the bits, with rules of their own
            return ExcCodes.ILLEGAL_FUNCTION
        mine, its = self._settings.status_address - start, self._settings.control_address - start
        if values is None:
            registers[mine : mine + STATUS_WORDS] = self._words
            registers[its : its + CONTROL_WORDS] = self._said
            return None
        first = address - self._settings.control_address
        if first < 0 or first + count > CONTROL_WORDS or len(values) != count:
            return ExcCodes.ILLEGAL_ADDRESS
        said = [*self._said[:first], *values, *self._said[first + count :]]
        control = unpack_control(from_words(said, Order.BIG), Order.BIG)
        if control is not None:
            self._said = said
        self._talk.hear(control)
        return None if control is not None else ExcCodes.ILLEGAL_VALUE

    def _publish(self, status: Status) -> None:
        self._words = to_words(pack_status(status, Order.BIG), Order.BIG)

    def _connected(self, is_there: bool) -> None:  # noqa: FBT001 # pymodbus calls it so
        self._callers += 1 if is_there else -1
        if is_there:
            self._seen()
        elif not self._callers:
            self._lost("the control has closed its connection")

    def _packet(self, is_sent: bool, data: bytes) -> bytes:  # noqa: FBT001 # pymodbus calls it so
        is_strange = not is_sent and len(data) >= 4 and data[_MARK_BYTES] != b"\0\0"
        if is_strange and not self._is_strange:
            self._talk.note(
                "plc.garbage", f"{len(data)} bytes came that are no Modbus; they are not acted upon"
            )
        self._is_strange = is_strange
        return data

    def _seen(self) -> None:
        self._last_s = self._clock()
        if self._is_lost:
            self._is_lost = False
            self._talk.back("the control asks again", is_news=True)

    def _lost(self, sentence: str) -> None:
        """A control that is gone says nothing: its next trigger is a new one, whatever it left behind."""
        if self._is_lost:
            return
        self._is_lost = True
        self._said = [0, *self._said[1:]]
        self._talk.note("plc.lost", sentence)
        self._talk.hear(unpack_control(from_words(self._said, Order.BIG), Order.BIG))
