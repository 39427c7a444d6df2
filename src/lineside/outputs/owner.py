"""One owner for a folder, also where processes die."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.files import make_folder

if TYPE_CHECKING:
    from pathlib import Path


class Owner:
    """While it is held, no other process or object is the owner of the folder.

    The lock is that of an SQLite file, which every system lets go of when its process dies, however it dies.

    Args:
        folder: Made when it is missing.

    Raises:
        OutputError: Somebody else is the owner, or the folder is not writable.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self._connection = sqlite3.connect(
            folder / "owner.lock", timeout=0.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as fault:
            self._connection.close()
            raise OutputError(
                f"{folder}: another process writes here ({fault}). Stop it, or name another folder."
            ) from fault

    def release(self) -> None:
        """The folder is free; may be called twice."""
        with contextlib.suppress(sqlite3.ProgrammingError):  # it was closed before
            self._connection.rollback()
        self._connection.close()
