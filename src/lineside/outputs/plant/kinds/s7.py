"""Siemens S7: lineside is the client, and reads and writes a data block of the control."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from lineside.core.documents import parsed
from lineside.core.errors import OutputError
from lineside.outputs.extras import needed
from lineside.outputs.plant.maps import block_rows
from lineside.outputs.plant.polled import PolledLink
from lineside.outputs.plant.settings import PolledSettings
from lineside.outputs.plant.signals import CONTROL_WORDS, STATUS_WORDS, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.maps import MapRow
    from lineside.outputs.plant.signals import Signal


class Settings(PolledSettings):
    """Where the control is, and which data block holds the signals. The block must not be "optimised", and PUT/GET be allowed."""

    host: str = Field(min_length=1)
    """The control's address."""
    port: int = Field(default=102, ge=1, le=65535)
    """Its TCP port."""
    rack: int = Field(default=0, ge=0, le=7)
    """Its rack."""
    slot: int = Field(default=1, ge=0, le=31)
    """Its slot: 1 for S7-1200 and S7-1500, 2 for S7-300."""
    db: int = Field(default=100, ge=1, le=65535)
    """Number of the data block."""
    control_byte: int = Field(default=0, ge=0, le=65535 - 2 * CONTROL_WORDS, multiple_of=2)
    """First byte of what the control writes."""
    status_byte: int = Field(default=100, ge=0, le=65535 - 2 * STATUS_WORDS, multiple_of=2)
    """First byte of what lineside writes."""

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        control_end = self.control_byte + 2 * CONTROL_WORDS
        status_end = self.status_byte + 2 * STATUS_WORDS
        if max(self.control_byte, self.status_byte) < min(control_end, status_end):
            raise ValueError(
                f"two blocks that do not overlap: control has the bytes {self.control_byte} to {control_end - 1}, "
                f"status {self.status_byte} to {status_end - 1}"
            )
        return self


def make(settings: Mapping[str, Any]) -> PolledLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: python-snap7 is not there.
    """
    checked = parsed(Settings, settings, "plant s7")
    return PolledLink(S7Registers(checked), checked)


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Where each signal is.

    Raises:
        SettingsError: A setting is not accepted.
    """
    at = parsed(Settings, {"host": "control", **settings}, "plant s7")

    def place(writer: str, signal: Signal) -> str:
        byte = (at.control_byte if writer == "control" else at.status_byte) + 2 * signal.word
        if signal.kind == "bit":  # the lower eight bits of a word are its second byte
            return f"DB{at.db}.DBX{byte + 1 - signal.bit // 8}.{signal.bit % 8}"
        if signal.kind == "text":
            return f"DB{at.db}.DBB{byte}-{byte + 2 * signal.words - 1}"
        return f"DB{at.db}.DB{'D' if signal.kind == 'u32' else 'W'}{byte}"

    return block_rows(place)


class S7Registers:
    """The two blocks in a data block of the control.

    Args:
        settings: Where they are.

    Raises:
        NotInstalledError: python-snap7 is not there.
    """

    def __init__(self, settings: Settings) -> None:
        with needed("s7", "snap7", "s7", named="python-snap7"):
            from snap7.client import Client
        # It logs every failure that is told here anyway.
        logging.getLogger("snap7").addHandler(logging.NullHandler())
        self.name = f"the control at {settings.host}:{settings.port}"
        self.order = Order.BIG
        self._settings = settings
        self._client = Client()

    def open(self) -> None:
        """The control takes a connection.

        Raises:
            OutputError: It does not.
        """
        at = self._settings
        self._called(lambda: self._client.connect(at.host, at.rack, at.slot, at.port))
        if self._client.connection is not None:
            self._client.connection.timeout = at.timeout_s

    def read(self) -> bytes:
        """The control's block.

        Raises:
            OutputError: The control does not answer, or has no such bytes.
        """
        at = self._settings
        block = self._called(lambda: self._client.db_read(at.db, at.control_byte, 2 * CONTROL_WORDS))
        return bytes(block)

    def write(self, word: int, data: bytes) -> None:
        """The bytes stand in the data block.

        Raises:
            OutputError: The control does not answer, or refuses.
        """
        at = self._settings
        self._called(lambda: self._client.db_write(at.db, at.status_byte + 2 * word, bytearray(data)))

    def close(self) -> None:
        """The connection is closed."""
        with suppress(OSError):  # it is gone already
            self._client.disconnect()

    def _called(self, call: Callable[[], Any]) -> Any:
        from snap7.error import S7Error

        try:
            return call()
        except (S7Error, OSError) as fault:
            raise OutputError(
                f"{self.name}, DB{self._settings.db}: {fault}. Is PUT/GET allowed, the data block not optimised and long enough?"
            ) from fault
        except RuntimeError as fault:  # what it raises for an answer that refuses
            raise OutputError(f"{self.name}, DB{self._settings.db}: {fault}") from fault
