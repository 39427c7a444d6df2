"""Beckhoff ADS: lineside is the client, and reads and writes three arrays of the control by their names."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from lineside.core.documents import parsed
from lineside.core.errors import OutputError
from lineside.outputs.extras import needed
from lineside.outputs.plant.maps import array_rows
from lineside.outputs.plant.polled import PolledLink
from lineside.outputs.plant.settings import PolledSettings
from lineside.outputs.plant.signals import CONTROL_WORDS, RESULTS_WORD, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.maps import MapRow

_NET_ID = re.compile(r"\d{1,3}(\.\d{1,3}){5}")


def _net_id(text: str) -> str:
    if not _NET_ID.fullmatch(text) or any(int(part) > 255 for part in text.split(".")):
        raise ValueError("an AMS net id of six numbers, such as 192.168.0.10.1.1")
    return text


class Settings(PolledSettings):
    """Where the control is, and what its arrays are called."""

    host: str = Field(min_length=1)
    """The control's address. Its TCP port is always 48898."""
    net_id: Annotated[str, AfterValidator(_net_id)]
    """The control's AMS net id. It needs a route back to this machine."""
    ams_port: int = Field(default=851, ge=1, le=65535)
    """AMS port: 851 for the first PLC of TwinCAT 3, 801 for TwinCAT 2."""
    prefix: str = Field(default="GVL_Lineside", min_length=1, max_length=200, pattern=r"^[A-Za-z_][\w.]*$")
    """The arrays are `PREFIX.control`, `PREFIX.flags` and `PREFIX.results`, of WORD."""

    @property
    def written(self) -> dict[int, str]:
        """The arrays that lineside writes, by the first word of its block that each holds."""
        return {0: f"{self.prefix}.flags", RESULTS_WORD: f"{self.prefix}.results"}


def make(settings: Mapping[str, Any]) -> PolledLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: pyads is not there.
    """
    checked = parsed(Settings, settings, "plant ads")
    return PolledLink(AdsRegisters(checked), checked)


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Where each signal is.

    Raises:
        SettingsError: A setting is not accepted.
    """
    at = parsed(Settings, {"host": "control", "net_id": "192.168.0.1.1.1", **settings}, "plant ads")
    return array_rows({0: f"{at.prefix}.control"}, at.written)


class AdsRegisters:
    """The blocks in arrays of the control.

    Args:
        settings: Where they are.

    Raises:
        NotInstalledError: pyads is not there.
    """

    def __init__(self, settings: Settings) -> None:
        with needed("ads", "pyads", "ads"):
            import pyads
        self.name = f"the control at {settings.host}, {settings.net_id}:{settings.ams_port}"
        self.order = Order.LITTLE
        self._settings = settings
        self._byte = pyads.PLCTYPE_BYTE
        self._control = f"{settings.prefix}.control"
        self._names = settings.written
        self._handles: dict[str, int] = {}
        self._connect = partial(pyads.Connection, settings.net_id, settings.ams_port, settings.host)
        self._connection: Any = None

    def open(self) -> None:
        """The control knows the three arrays.

        Raises:
            OutputError: It does not answer, or does not know them.
        """
        self._connection = self._connect()
        self._called(self._connection.open)
        self._called(lambda: self._connection.set_timeout(round(self._settings.timeout_s * 1000)))
        # Handles hold for one program of the control, so they are asked for with every connection.
        names = [self._control, *self._names.values()]
        self._handles = {name: self._called(partial(self._connection.get_handle, name)) for name in names}

    def read(self) -> bytes:
        """The control's block.

        Raises:
            OutputError: The control does not answer in time.
        """
        size = 2 * CONTROL_WORDS
        return bytes(
            self._called(
                lambda: self._connection.read_by_name(
                    "", self._byte * size, handle=self._handles[self._control]
                )
            )
        )

    def write(self, word: int, data: bytes) -> None:
        """The bytes stand in the array that begins with this word.

        Raises:
            OutputError: The control does not take them.
        """
        handle = self._handles[self._names[word]]
        self._called(
            lambda: self._connection.write_by_name("", list(data), self._byte * len(data), handle=handle)
        )

    def close(self) -> None:
        """The connection is closed."""
        from pyads import ADSError

        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(ADSError):  # a route that is gone already
                connection.close()

    def _called(self, call: Callable[[], Any]) -> Any:
        from pyads import ADSError

        try:
            return call()
        except (ADSError, OSError) as fault:
            raise OutputError(
                f"{self.name}: {str(fault).rstrip('. ')}. Has it a route to this machine, and the arrays {self._settings.prefix}.*?"
            ) from fault
