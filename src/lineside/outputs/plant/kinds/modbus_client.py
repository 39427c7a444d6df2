"""Modbus TCP, the control being the server: lineside reads and writes its registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import parsed
from lineside.core.errors import OutputError
from lineside.outputs.plant.modbus import Addresses, library, register_rows
from lineside.outputs.plant.polled import PolledLink
from lineside.outputs.plant.settings import PolledSettings
from lineside.outputs.plant.signals import CONTROL_WORDS, Order, from_words, to_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.maps import MapRow


class Settings(PolledSettings, Addresses):
    """Where the control listens."""

    host: str = Field(min_length=1)
    """The control's address."""
    port: int = Field(default=502, ge=1, le=65535)
    """Its TCP port."""
    unit: int = Field(default=1, ge=0, le=255)
    """Its unit number, which matters behind a gateway."""


def make(settings: Mapping[str, Any]) -> PolledLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: pymodbus is not there.
    """
    checked = parsed(Settings, settings, "plant modbus_client")
    library()
    return PolledLink(ModbusRegisters(checked), checked)


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Where each signal is.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return register_rows(parsed(Settings, {"host": "control", **settings}, "plant modbus_client"))


class ModbusRegisters:
    """The two blocks in a control's holding registers.

    Args:
        settings: Where they are.
    """

    def __init__(self, settings: Settings) -> None:
        from pymodbus.client import ModbusTcpClient

        self.name = f"the control at {settings.host}:{settings.port}"
        self.order = Order.BIG
        self._settings = settings
        # One attempt: whoever asks again decides when, and a second one would double the longest wait.
        self._client: Any = ModbusTcpClient(
            settings.host, port=settings.port, timeout=settings.timeout_s, retries=0
        )

    def open(self) -> None:
        """The control takes a connection.

        Raises:
            OutputError: It does not.
        """
        if not self._client.connect():
            raise OutputError(f"{self.name} takes no connection")

    def read(self) -> bytes:
        """The control's block; empty where the control answers another number of registers.

        Raises:
            OutputError: It does not answer, or refuses.
        """
        reply = self._called(
            lambda: self._client.read_holding_registers(
                self._settings.control_address, count=CONTROL_WORDS, device_id=self._settings.unit
            )
        )
        return from_words(reply.registers, self.order)

    def write(self, word: int, data: bytes) -> None:
        """The bytes stand in the control's registers.

        Raises:
            OutputError: It does not answer, or refuses.
        """
        address = self._settings.status_address + word
        words = to_words(data, self.order)
        self._called(lambda: self._client.write_registers(address, words, device_id=self._settings.unit))

    def close(self) -> None:
        """The connection is closed."""
        self._client.close()

    def _called(self, call: Callable[[], Any]) -> Any:
        from pymodbus.exceptions import ModbusException

        try:
            reply = call()
        except (ModbusException, OSError) as fault:
            raise OutputError(f"{self.name} does not answer: {fault}") from fault
        if reply.isError():
            raise OutputError(
                f"{self.name} refuses: {reply}. Are the registers there, and may they be written?"
            )
        return reply
