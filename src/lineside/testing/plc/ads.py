"""A control that speaks ADS: the test server of pyads with three arrays."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.signals import (
    CONTROL_WORDS,
    RESULTS_WORD,
    STATUS_WORDS,
    Control,
    Order,
    pack_control,
    unpack_status,
)
from lineside.testing.plc.station import Station

if TYPE_CHECKING:
    from lineside.outputs.plant.signals import Status

_WAIT_S = 5.0


class AdsPlc(Station):
    """Arrays that an `ads` link reads and writes.

    ADS has one TCP port and no other, so each control has a loopback address of its own.

    Args:
        settings: More settings of the link.
    """

    def __init__(self, **settings: Any) -> None:
        from pyads.testserver.advanced_handler import AdvancedHandler, PLCVariable

        numbers = [random.randrange(1, 255) for _ in range(3)]  # noqa: S311 # an address, no secret
        self._host = "127.{}.{}.{}".format(*numbers)
        sizes = {"control": CONTROL_WORDS, "flags": RESULTS_WORD, "results": STATUS_WORDS - RESULTS_WORD}
        self._arrays = {
            name: PLCVariable(f"GVL_Lineside.{name}", bytes(2 * size), 18, f"ARRAY [0..{size - 1}] OF WORD")
            for name, size in sizes.items()
        }
        self._handler = AdvancedHandler()
        for array in self._arrays.values():
            self._handler.add_variable(array)
        self._server: Any = None
        self.revive()
        super().__init__("ads", settings, host=self._host, net_id=f"{self._host}.1.1")

    def write(self, control: Control) -> None:
        """Its own memory."""
        self._arrays["control"].value = pack_control(control, Order.LITTLE)

    def read(self) -> Status | None:
        """Its own memory, flags first: what they say of the results holds for those that are read after them."""
        flags = self._arrays["flags"].value
        return unpack_status(flags + self._arrays["results"].value, Order.LITTLE)

    def kill(self) -> None:
        """Its server is gone, and its memory with it."""
        if self._server is not None:
            clients = list(self._server.clients)
            self._server.close()
            for thread in (self._server, *clients):
                if thread is not threading.current_thread():
                    thread.join(_WAIT_S)
            self._server = None
        for array in self._arrays.values():
            array.value = bytes(len(array.value))

    def revive(self) -> None:
        """Its server is back."""
        from pyads.testserver import AdsTestServer

        self._server = AdsTestServer(self._handler, ip_address=self._host, logging=False)
        self._server.start()

    def babble(self) -> None:
        """Bits that mean nothing."""
        self._arrays["control"].value = b"\xff" * 2 * CONTROL_WORDS
