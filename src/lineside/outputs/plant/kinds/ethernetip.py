"""EtherNet/IP (Rockwell Logix): lineside is the client, and reads and writes two tags of the control."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import parsed
from lineside.core.errors import OutputError
from lineside.outputs.extras import needed
from lineside.outputs.plant.maps import array_rows
from lineside.outputs.plant.polled import PolledLink
from lineside.outputs.plant.settings import PolledSettings
from lineside.outputs.plant.signals import CONTROL_WORDS, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.maps import MapRow

_TAG = r"^[A-Za-z_][\w:.]*$"
_INT = 0xC3  # CIP's type of a signed 16-bit number, which is what Logix calls INT


class Settings(PolledSettings):
    """Where the control is, and what its tags are called."""

    host: str = Field(min_length=1)
    """The control's address."""
    port: int = Field(default=44818, ge=1, le=65535)
    """Its TCP port."""
    slot: int = Field(default=0, ge=0, le=31)
    """Slot of the processor."""
    control_tag: str = Field(default="Lineside_Control", max_length=40, pattern=_TAG)
    """Tag of what the control writes: INT[28]."""
    status_tag: str = Field(default="Lineside_Status", max_length=40, pattern=_TAG)
    """Tag of what lineside writes: INT[38]."""


def make(settings: Mapping[str, Any]) -> PolledLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: pylogix is not there.
    """
    checked = parsed(Settings, settings, "plant ethernetip")
    return PolledLink(LogixRegisters(checked), checked)


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Where each signal is.

    Raises:
        SettingsError: A setting is not accepted.
    """
    at = parsed(Settings, {"host": "control", **settings}, "plant ethernetip")
    return array_rows({0: at.control_tag}, {0: at.status_tag})


class LogixRegisters:
    """The two blocks in tags of the control.

    Args:
        settings: Where they are.

    Raises:
        NotInstalledError: pylogix is not there.
    """

    def __init__(self, settings: Settings) -> None:
        with needed("ethernetip", "pylogix", "ethernetip"):
            from pylogix import PLC
        self.name = f"the control at {settings.host}:{settings.port}"
        self.order = Order.LITTLE
        self._settings = settings
        self._make = PLC
        self._plc: Any = None

    def open(self) -> None:
        """The control knows the tag that it writes.

        Raises:
            OutputError: It does not, or does not answer.
        """
        at = self._settings
        # A new one each time: one whose connection broke while it was closed believes that it is still connected.
        self._plc = self._make(at.host, at.slot, at.timeout_s, port=at.port)
        self.read()

    def read(self) -> bytes:
        """The control's block; of another length where it answers another number of words.

        Raises:
            OutputError: The control does not answer in time.
        """
        tag = self._settings.control_tag
        reply = self._called(lambda: self._plc.Read(f"{tag}[0]", CONTROL_WORDS, _INT), tag)
        words = reply.Value if isinstance(reply.Value, list) else []
        return struct.pack(f"<{len(words)}h", *words)

    def write(self, word: int, data: bytes) -> None:
        """The bytes stand in the tag.

        Raises:
            OutputError: The control does not take them.
        """
        tag = f"{self._settings.status_tag}[{word}]"
        words = list(struct.unpack(f"<{len(data) // 2}h", data))
        self._called(lambda: self._plc.Write(tag, words, _INT), tag)

    def close(self) -> None:
        """The connection is closed."""
        if self._plc is not None:
            self._plc.Close()
            self._plc.conn.msg_socket.close()  # a second socket, made with the first and never used
            self._plc = None

    def _called(self, call: Callable[[], Any], tag: str) -> Any:
        try:
            reply = call()
        except (
            OSError,
            struct.error,
            ValueError,
            IndexError,
            TypeError,
        ) as fault:  # of an answer that was cut off
            raise OutputError(f"{self.name}, tag {tag}: {fault}") from fault
        if reply.Status != "Success":
            raise OutputError(
                f"{self.name}, tag {tag}: {reply.Status}. Is it there, an array of INT and long enough?"
            )
        return reply
