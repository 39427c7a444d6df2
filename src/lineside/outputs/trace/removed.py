"""Pictures that a trace's chain says were removed, also while it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.outputs.trace.chain import unsealed
from lineside.outputs.trace.segments import read_lines, segment_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def removed_by(record: Mapping[str, Any]) -> set[str]:
    """The pictures that a record says were removed."""
    if record.get("kind") != "removed":
        return set()
    return {name for name in record.get("files", ()) if isinstance(name, str)}


class Meanwhile:
    """What the chain of a line that runs has told since it was read: a picture that has just gone was told of before it went.

    Args:
        folder: The trace's.
        read: The segments that were read; more may stand in the last of them by now.
    """

    def __init__(self, folder: Path, read: Sequence[Path]) -> None:
        self._folder = folder
        self._bytes = {path.name: -1 for path in read[:-1]}  # of segments that are whole nothing more comes

    def removed(self) -> set[str]:
        """Names of pictures that were removed, from what has not been looked at before."""
        names: set[str] = set()
        for path in segment_files(self._folder):
            known = self._bytes.get(path.name, 0)
            try:
                if known >= 0 and path.stat().st_size != known:
                    lines = list(read_lines(path))
                    self._bytes[path.name] = sum(map(len, lines))
                    for line in lines:
                        names |= removed_by(unsealed(line) or {})
            except (FileNotFoundError, OutputError):
                if path.exists():
                    raise  # else it was removed meanwhile, and the chain goes on behind it
        return names
