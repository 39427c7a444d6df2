"""Copies of the recipes that parts were judged by, under their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.outputs.files import make_folder, replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "recipes"
_MOST_BYTES = 1 << 20


class Recipes:
    """A folder of recipes by their hashes.

    Args:
        trace: The trace's folder.
    """

    def __init__(self, trace: Path) -> None:
        self._folder = trace / FOLDER
        self._seen: set[str] = set()

    def keep(self, data: bytes) -> str:
        """The hash of a recipe's file, of which there is a copy now.

        Raises:
            OutputError: It cannot be written.
        """
        own = hashlib.sha256(data).hexdigest()
        path = self._folder / f"{own}.toml"
        if not path.exists():
            make_folder(self._folder)
            with replacing(path) as temporary:
                temporary.write_bytes(data)
        self._seen.add(own)
        return own

    def keep_named(self, told: Mapping[str, Any] | None) -> None:
        """There is a copy of the recipe that a record names by `file` and `sha256`; looked at once for each hash.

        Raises:
            OutputError: The file is another by now, or cannot be read, or the copy cannot be written.
        """
        said, file = (told or {}).get("sha256"), (told or {}).get("file")
        if not said or not file or said in self._seen:
            return
        self._seen.add(said)
        if (self._folder / f"{said}.toml").exists():
            return
        try:
            with Path(str(file)).open("rb") as stream:
                data = stream.read(_MOST_BYTES)
        except OSError as fault:
            raise OutputError(f"{file}: the recipe cannot be read, and is not kept: {fault}") from fault
        if hashlib.sha256(data).hexdigest() != said:
            raise OutputError(
                f"{file}: it is not the recipe any more that parts were judged by, and is not kept"
            )
        self.keep(data)
