"""Old files found among many, in memory that does not grow with their number.

A folder of a line holds hundreds of thousands of files. To keep a `Path` of each, once a minute, takes hundreds of MB that the
process then never gives back.
"""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

BATCH = 2000
"""So many files are picked in one pass through a folder."""

SPARE = 64
"""A folder that is too large is brought this part of its limit below it, so that not every minute needs a pass."""

TIDY_S = 60.0
"""A folder is looked through so often at most."""

FULL_S = 5.0
"""The same where it takes more than it may."""


@dataclass(frozen=True, slots=True, order=True)
class OldFile:
    """A file that is to go.

    Attributes:
        changed_ns: When it was last written, in ns since 1970.
        path: Where it is.
        bytes: Its size.
    """

    changed_ns: int
    path: str
    bytes: int


def walk(folder: Path | str, depth: int, is_ours: Callable[[str], object]) -> Iterator[os.DirEntry[str]]:
    """The files so many folders below a folder, one at a time. One that is removed meanwhile is left out.

    Args:
        folder: Where to begin. Folders that are links are not entered.
        depth: 0 for the files of the folder itself.
        is_ours: Takes the name of a file; others are left out.

    Raises:
        OSError: The folder cannot be read.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if depth:
                if entry.is_dir(follow_symlinks=False):
                    yield from walk(entry.path, depth - 1, is_ours)
            elif is_ours(entry.name) and entry.is_file():
                yield entry


def total_bytes(files: Iterable[os.DirEntry[str]]) -> int:
    """What files take together.

    Raises:
        OSError: One cannot be read.
    """
    return sum(_stat(file)[1] for file in files)


def oldest(files: Iterable[os.DirEntry[str]], most: int = BATCH) -> list[OldFile]:
    """The oldest of some files, the first first; so many at most.

    Raises:
        OSError: One cannot be read.
    """
    return heapq.nsmallest(most, (OldFile(*_timed(file)) for file in files))


def below(limit_bytes: int) -> int:
    """Down to what a folder is brought that takes more than its limit."""
    return limit_bytes - limit_bytes // SPARE


def _timed(file: os.DirEntry[str]) -> tuple[int, str, int]:
    changed_ns, size = _stat(file)
    return changed_ns, file.path, size


def _stat(file: os.DirEntry[str]) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:  # somebody else removed it
        return 0, 0
    return found.st_mtime_ns, found.st_size
