"""`file`: a file that holds 1 or 0, as Linux shows an output of a GPIO driver or an LED (`/sys/class/leds/…/brightness`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(Table):
    """Which file, and what is written to it."""

    path: Path = Field(description="The file. It must exist: it is the driver's.")
    on: str = Field(default="1", min_length=1, max_length=100, description="Written for on.")
    off: str = Field(default="0", min_length=1, max_length=100, description="Written for off.")


def make(settings: Mapping[str, Any]) -> FileSwitch:
    """The output that a table describes, off.

    Raises:
        SettingsError: A setting is not accepted.
        OutputError: The file cannot be written.
    """
    return FileSwitch(parsed(Settings, settings, "switch file"))


class FileSwitch:
    """Writes a word into a file that stays open.

    Args:
        settings: Which file and which words.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._handle: int | None = os.open(settings.path, os.O_WRONLY)
        except OSError as fault:
            raise OutputError(f"{settings.path}: cannot be opened as an output: {fault.strerror}") from fault
        self.set(on=False)

    def set(self, *, on: bool) -> None:
        """The file holds the word.

        Raises:
            OutputError: It could not be written.
        """
        if self._handle is None:
            raise OutputError(f"{self._settings.path}: the output is closed")
        word = self._settings.on if on else self._settings.off
        try:
            os.pwrite(self._handle, word.encode(), 0)
        except OSError as fault:
            raise OutputError(f"{self._settings.path}: {fault.strerror}") from fault

    def close(self) -> None:
        """The output is off, and the file is closed.

        Raises:
            OutputError: It could not be written.
        """
        if self._handle is None:
            return
        try:
            self.set(on=False)
        finally:
            os.close(self._handle)
            self._handle = None
