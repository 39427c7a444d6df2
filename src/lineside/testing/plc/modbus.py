"""Controls that speak Modbus TCP: one that is the client, and one that is the server."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.modbus import library
from lineside.outputs.plant.serving import LoopThread
from lineside.outputs.plant.signals import (
    CONTROL_WORDS,
    STATUS_WORDS,
    Control,
    Order,
    from_words,
    pack_control,
    to_words,
    unpack_status,
)
from lineside.testing.plc.station import Station

if TYPE_CHECKING:
    from lineside.outputs.plant.signals import Status

_CONTROL, _STATUS = 0, 100
_WAIT_S = 10.0


class ModbusClientPlc:
    """A control that writes and reads a `modbus_server` link's registers."""

    def __init__(self, **settings: Any) -> None:
        library()
        self.settings = {"kind": "modbus_server", "port": 0, **settings}
        self._client: Any = None
        self._reply: Any = None
        self._port = 0

    def attach(self, link: Any) -> None:
        """It connects."""
        from pymodbus.client import ModbusTcpClient

        self._port = link.port
        self._client = ModbusTcpClient("127.0.0.1", port=link.port, timeout=10, retries=0)
        self._client.connect()

    def write(self, control: Control) -> None:
        """One request that writes the control's block and reads the other one, which the next `read` gives."""
        words = to_words(pack_control(control, Order.BIG), Order.BIG)
        self._reply = self._client.readwrite_registers(
            read_address=_STATUS, read_count=STATUS_WORDS, write_address=_CONTROL, values=words
        )

    def read(self) -> Status | None:
        """What came with the last write, once; then one request for the whole block."""
        reply, self._reply = self._reply, None
        if reply is None:
            reply = self._client.read_holding_registers(_STATUS, count=STATUS_WORDS)
        return None if reply.isError() else unpack_status(from_words(reply.registers, Order.BIG), Order.BIG)

    def kill(self) -> None:
        """Its connection is gone."""
        self._client.close()
        self._reply = None

    def revive(self) -> None:
        """It connects again."""
        self._client.connect()

    def babble(self) -> None:
        """Bits that mean nothing, and bytes that are no Modbus."""
        self._client.write_registers(_CONTROL, [0xFFFF] * CONTROL_WORDS)
        with socket.create_connection(("127.0.0.1", self._port), timeout=2) as other:
            other.sendall(b"GET / HTTP/1.1\r\n\r\n")

    def close(self) -> None:
        """Its connection is closed."""
        if self._client is not None:
            self._client.close()


class ModbusServerPlc(Station):
    """A control whose registers a `modbus_client` link reads and writes."""

    def __init__(self, **settings: Any) -> None:
        library()
        self._port = 0
        self._told = [0] * CONTROL_WORDS
        self._heard = [0] * STATUS_WORDS
        self._loop: LoopThread | None = LoopThread("modbus control")
        self.revive()
        super().__init__("modbus_client", settings, host="127.0.0.1", port=self._port)

    def write(self, control: Control) -> None:
        """Its own memory."""
        self._told = to_words(pack_control(control, Order.BIG), Order.BIG)

    def read(self) -> Status | None:
        """Its own memory."""
        return unpack_status(from_words(self._heard, Order.BIG), Order.BIG)

    def kill(self) -> None:
        """Its server is gone, and its memory with it."""
        if self._loop is not None:
            self._loop.run(self._shut(), _WAIT_S)
        self.write(Control())
        self._heard = [0] * STATUS_WORDS

    def revive(self) -> None:
        """Its server is back at its port."""
        if self._loop is not None:
            self._loop.run(self._listen(), _WAIT_S)

    def babble(self) -> None:
        """Bits that mean nothing."""
        self._told = [0xFFFF] * CONTROL_WORDS

    def close(self) -> None:
        """Nobody listens any more."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close(self._shut())

    async def _listen(self) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        blocks = [
            SimData(_CONTROL, count=CONTROL_WORDS, datatype=DataType.REGISTERS),
            SimData(_STATUS, count=STATUS_WORDS, datatype=DataType.REGISTERS),
        ]
        device = SimDevice(1, simdata=blocks, action=self._asked)
        self._server = ModbusTcpServer(device, address=("127.0.0.1", self._port))
        if not await self._server.listen():
            raise OSError(f"port {self._port} is taken")
        listener: Any = self._server.transport  # asyncio's server, which pymodbus calls a transport
        self._port = listener.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        with suppress(AttributeError):
            await self._server.shutdown()  # type: ignore[no-untyped-call] # pymodbus leaves it untyped

    async def _asked(  # pymodbus calls it so
        self, _function: int, start: int, address: int, count: int, registers: list[int], values: Any
    ) -> None:
        if values is None:
            registers[_CONTROL - start : _CONTROL - start + CONTROL_WORDS] = self._told
            return
        heard = list(self._heard)
        heard[address - _STATUS : address - _STATUS + count] = values
        self._heard = heard
