"""A control that speaks S7: the server of python-snap7 with a data block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.signals import (
    CONTROL_WORDS,
    STATUS_WORDS,
    Control,
    Order,
    pack_control,
    unpack_status,
)
from lineside.testing.plc.station import Station

if TYPE_CHECKING:
    from lineside.outputs.plant.signals import Status

_DB, _CONTROL, _STATUS = 100, slice(0, 2 * CONTROL_WORDS), slice(100, 100 + 2 * STATUS_WORDS)


class S7Plc(Station):
    """A data block that an `s7` link reads and writes.

    Args:
        settings: More settings of the link.
    """

    def __init__(self, **settings: Any) -> None:
        self._port = 0
        self._block = bytearray(200)
        self._server: Any = None
        self.revive()
        super().__init__("s7", settings, host="127.0.0.1", port=self._port, db=_DB)

    def write(self, control: Control) -> None:
        """Its own memory."""
        self._block[_CONTROL] = pack_control(control, Order.BIG)

    def read(self) -> Status | None:
        """Its own memory."""
        return unpack_status(bytes(self._block[_STATUS]), Order.BIG)

    def kill(self) -> None:
        """Its server is gone, and its memory with it."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._block[:] = bytes(len(self._block))

    def revive(self) -> None:
        """Its server is back at its port."""
        from snap7.server import Server
        from snap7.type import SrvArea

        self._server = Server(log=False)
        self._server.host = "127.0.0.1"
        self._server.register_area(SrvArea.DB, _DB, self._block)
        self._server.start(self._port)
        self._port = self._server.server_socket.getsockname()[1]

    def babble(self) -> None:
        """Bits that mean nothing."""
        self._block[_CONTROL] = b"\xff" * 2 * CONTROL_WORDS
