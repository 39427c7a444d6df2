"""A control that speaks EtherNet/IP: the tag server of cpppo with two tags."""

from __future__ import annotations

import logging
import socket
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, ClassVar

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

_WAIT_S = 10.0


class _Memory:
    """What the tags hold. cpppo keeps one set of tags a process, and so does this."""

    words: ClassVar[dict[str, list[int]]] = {}


class LogixPlc(Station):
    """Tags that an `ethernetip` link reads and writes. There can be one at a time in a process.

    Args:
        settings: More settings of the link.
    """

    def __init__(self, **settings: Any) -> None:
        logging.getLogger("enip").setLevel(logging.CRITICAL)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._forget()
        self.revive()
        super().__init__("ethernetip", settings, host="127.0.0.1", port=self._port)

    def write(self, control: Control) -> None:
        """Its own memory."""
        words = to_words(pack_control(control, Order.LITTLE), Order.LITTLE)
        _Memory.words["Lineside_Control"][:] = [_signed(word) for word in words]

    def read(self) -> Status | None:
        """Its own memory."""
        return unpack_status(from_words(_Memory.words["Lineside_Status"], Order.LITTLE), Order.LITTLE)

    def kill(self) -> None:
        """Its server is gone, and its memory with it."""
        if self._thread is not None:
            self._server["control"]["done"] = True
            self._thread.join(_WAIT_S)
            self._thread = None
        self._forget()

    def revive(self) -> None:
        """Its server is back at its port."""
        from cpppo.server.enip import main

        self._server = main.srv_ctl = type(main.srv_ctl)()
        tags = [f"Lineside_Control=INT[{CONTROL_WORDS}]", f"Lineside_Status=INT[{STATUS_WORDS}]"]
        arguments = ["--no-config", "--no-udp", "--address", f"127.0.0.1:{self._port}", *tags]
        self._thread = threading.Thread(
            target=main.main, args=(arguments,), kwargs={"attribute_class": _attribute()}, daemon=True
        )
        self._thread.start()
        until_s = monotonic() + _WAIT_S
        while monotonic() < until_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            sleep(0.02)
        raise TimeoutError(f"the tag server does not listen at port {self._port}")

    def babble(self) -> None:
        """Bits that mean nothing."""
        _Memory.words["Lineside_Control"][:] = [-1] * CONTROL_WORDS

    def _forget(self) -> None:
        _Memory.words = {"Lineside_Control": [0] * CONTROL_WORDS, "Lineside_Status": [0] * STATUS_WORDS}


def _signed(word: int) -> int:
    return word - 0x10000 if word > 0x7FFF else word


def _attribute() -> type:
    from cpppo.server.enip import device

    class Attribute(device.Attribute):  # type: ignore[misc] # cpppo ships no types
        """A tag whose words are in `_Memory`."""

        def __getitem__(self, key: Any) -> Any:
            super().__getitem__(key)  # checks the key
            return _Memory.words[self.name][key]

        def __setitem__(self, key: Any, value: Any) -> None:
            _Memory.words[self.name][key] = value

    return Attribute
