"""`gpio`: a digital line of this machine, by libgpiod 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError
from lineside.outputs.pins import GpiodLines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.pins import Lines


class Settings(Table):
    """Which line of which chip. Numbers are those of `gpioinfo`."""

    chip: str = Field(default="/dev/gpiochip0", min_length=1, description="The chip.")
    line: int = Field(ge=0, le=1023, description="The line's number.")
    active_low: bool = Field(default=False, description="It is on where the line is low.")


def make(settings: Mapping[str, Any]) -> GpioSwitch:
    """The output that a table describes, off.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: gpiod is not there.
        OutputError: The line is not there, or another program has it.
    """
    checked = parsed(Settings, settings, "switch gpio")
    return GpioSwitch(checked, GpiodLines(checked.chip, active_low=checked.active_low, kind="switch gpio"))


class GpioSwitch:
    """One line that is held from the start to the end, so that nobody else can switch it.

    Args:
        settings: Which line.
        lines: The chip's.

    Raises:
        OutputError: The line is not there, or another program has it.
    """

    def __init__(self, settings: Settings, lines: Lines) -> None:
        self._settings = settings
        self._lines = lines
        self._is_open = False
        try:
            lines.open([], [settings.line])
        except (OSError, ValueError) as fault:  # the latter for a line that the chip has not
            raise self._fault(fault) from fault
        self._is_open = True

    def set(self, *, on: bool) -> None:
        """The line is on, or off.

        Raises:
            OutputError: The chip does not take it.
        """
        if not self._is_open:
            raise OutputError(f"{self._where}: the output is closed")
        try:
            self._lines.set({self._settings.line: on})
        except OSError as fault:
            raise self._fault(fault) from fault

    def close(self) -> None:
        """The line is off, and let go of.

        Raises:
            OutputError: The chip does not take it.
        """
        if not self._is_open:
            return
        try:
            self.set(on=False)
        finally:
            self._is_open = False
            self._lines.close()

    @property
    def _where(self) -> str:
        return f"{self._settings.chip}, line {self._settings.line}"

    def _fault(self, fault: Exception) -> OutputError:
        return OutputError(
            f"{self._where}: {fault}. Is it there, does another program have it, and may this user open the chip?"
        )
