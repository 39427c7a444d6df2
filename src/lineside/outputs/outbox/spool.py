"""The pictures of an outbox: whole files, named by their hash. One thread makes and removes them."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.files import cannot_write, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from lineside.outputs.keeping import Encoded


class Spool:
    """A folder of files that appear whole or not at all.

    Args:
        folder: Made when it is missing.
        is_synced: Whether each file is flushed to the disk before it has its name.
        min_free_bytes: Pictures leave so much of the disk free. The rows need some of it, up to 4 MB before SQLite takes its
            log in: without room for the note that a result was sent, nothing could ever be removed.

    Raises:
        OutputError: The folder cannot be made.
    """

    def __init__(self, folder: Path, *, is_synced: bool = False, min_free_bytes: int = 0) -> None:
        make_folder(folder)
        self.folder = folder
        self._is_synced = is_synced
        self._min_free_bytes = min_free_bytes

    def put(self, picture: Encoded) -> str:
        """The name of the file that now holds the picture, relative to the folder.

        Raises:
            OutputError: It cannot be written; nothing is left of it.
        """
        name = f"{picture.sha256[:2]}/{picture.sha256}{picture.suffix}"
        path = self.folder / name
        temporary = path.with_name(f".{path.name}.part")
        try:
            if path.exists() and path.stat().st_size == len(picture.data):
                return name
            free = shutil.disk_usage(self.folder).free - len(picture.data)
            if free < self._min_free_bytes:
                raise OutputError(
                    f"{self.folder}: the disk would have {max(free, 0)} bytes left; min_free_bytes is {self._min_free_bytes}. Free space."
                )
            path.parent.mkdir(exist_ok=True)
            with temporary.open("wb") as file:
                file.write(picture.data)
                if self._is_synced:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as fault:
            _remove(temporary)
            raise cannot_write(path, fault) from fault
        return name

    def remove(self, names: Iterable[str]) -> list[str]:
        """Those of the files that are gone now."""
        return [name for name in names if _remove(self.folder / name)]

    def sweep(self, needed: AbstractSet[str]) -> int:
        """How many files were removed that nobody needs, as a killed process leaves them.

        Raises:
            OutputError: The folder cannot be read.
        """
        try:
            found = [path for path in self.folder.glob("*/*") if path.is_file()]
        except OSError as fault:
            raise OutputError(f"{self.folder}: cannot be read: {fault}") from fault
        return sum(_remove(path) for path in found if path.relative_to(self.folder).as_posix() not in needed)


def _remove(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # it is tried again with the next garbage
        return False
    return True
