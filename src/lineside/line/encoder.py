"""An encoder's count, read from the file that its driver shows it in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path


class Encoder:
    """Reads the count. The file stays open, so that a reading costs microseconds.

    Args:
        path: The file, as Linux' counters have it; it holds a whole number.

    Raises:
        OutputError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._handle = os.open(path, os.O_RDONLY)
        except OSError as fault:
            raise OutputError(f"{path}: cannot be opened as an encoder: {fault.strerror}") from fault

    def __call__(self) -> float:
        """The count now.

        Raises:
            OutputError: It cannot be read, or is no number.
        """
        try:
            return float(int(os.pread(self._handle, 64, 0)))
        except (OSError, ValueError) as fault:
            raise OutputError(f"{self._path}: expected an encoder's count: {fault}") from fault

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            os.close(self._handle)
