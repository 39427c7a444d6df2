"""What the two roles of Modbus TCP share: the library, and where the blocks are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from lineside.core.documents import Table
from lineside.outputs.extras import needed
from lineside.outputs.plant.maps import block_rows
from lineside.outputs.plant.signals import CONTROL_WORDS, STATUS_WORDS

if TYPE_CHECKING:
    from types import ModuleType

    from lineside.outputs.plant.maps import MapRow
    from lineside.outputs.plant.signals import Signal


class Addresses(Table):
    """Where the two blocks begin, in holding registers counted from 0."""

    control_address: int = Field(default=0, ge=0, le=65535 - CONTROL_WORDS)
    """First register of what the control writes."""
    status_address: int = Field(default=100, ge=0, le=65535 - STATUS_WORDS)
    """First register of what lineside writes."""

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        control = range(self.control_address, self.control_address + CONTROL_WORDS)
        status = range(self.status_address, self.status_address + STATUS_WORDS)
        if max(control.start, status.start) < min(control.stop, status.stop):
            raise ValueError(
                f"two blocks that do not overlap: control has the registers {control.start} to {control.stop - 1}, "
                f"status {status.start} to {status.stop - 1}"
            )
        return self


def register_rows(addresses: Addresses) -> list[MapRow]:
    """Each signal's holding register, counted from 0, with the bit behind a dot."""

    def place(writer: str, signal: Signal) -> str:
        start = addresses.control_address if writer == "control" else addresses.status_address
        first = start + signal.word
        if signal.kind == "bit":
            return f"{first}.{signal.bit}"
        return str(first) if signal.words == 1 else f"{first}-{first + signal.words - 1}"

    return block_rows(place)


def library() -> ModuleType:
    """pymodbus, which prints nothing of its own.

    Raises:
        NotInstalledError: It is not there.
    """
    with needed("modbus", "pymodbus", "modbus"):
        import pymodbus
    # Its warnings, with the last telegrams in them, would go to the terminal where no logging is set up.
    logging.getLogger("pymodbus").addHandler(logging.NullHandler())
    return pymodbus
