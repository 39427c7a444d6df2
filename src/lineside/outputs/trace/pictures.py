"""The pictures of a trace: files by their hash, in a folder a day, kept as long as there is room."""

from __future__ import annotations

import re
import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.files import cannot_write, make_folder, replacing
from lineside.outputs.retention import BATCH, OldFile, below, oldest, total_bytes, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from lineside.outputs.keeping import Encoded

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_FILE = re.compile(r"[0-9a-f]{64}\.(png|jpg)")


class Pictures:
    """A folder of pictures; `DAY/SHA256.png` is one's name.

    Args:
        folder: Made when it is missing.
        max_days: So many of the newest days that have pictures are kept. Days are counted, not compared with a clock: one that
            is wrong would remove everything.
        max_bytes: What all may take.
        min_free_bytes: With less left on the disk, none is taken.

    Raises:
        OutputError: The folder cannot be made or read.
    """

    def __init__(
        self, folder: Path, *, max_days: int | None, max_bytes: int | None, min_free_bytes: int = 0
    ) -> None:
        make_folder(folder)
        self._folder = folder
        self._max_days, self._max_bytes, self._min_free_bytes = max_days, max_bytes, min_free_bytes
        try:
            self._size = self._measured()
        except OSError as fault:
            raise OutputError(f"{folder}: cannot be read: {fault}") from fault

    @property
    def is_full(self) -> bool:
        """Whether they take more than they may."""
        return self._max_bytes is not None and self._size > self._max_bytes

    def put(self, picture: Encoded, day: str) -> str:
        """The name of the file that now holds the picture.

        Raises:
            OutputError: It cannot be written.
        """
        name = f"{day}/{picture.sha256}{picture.suffix}"
        path = self._folder / name
        try:
            if path.exists():
                return name
            free = shutil.disk_usage(self._folder).free - len(picture.data)
            if free < self._min_free_bytes:
                raise OutputError(
                    f"{self._folder}: the disk would have {max(free, 0)} bytes left; min_free_bytes is "
                    f"{self._min_free_bytes}. Free space."
                )
            path.parent.mkdir(exist_ok=True)
        except OSError as fault:
            raise cannot_write(path, fault) from fault
        with replacing(path) as temporary:
            temporary.write_bytes(picture.data)
        self._size += len(picture.data)
        return name

    def surplus(self) -> dict[str, list[str]]:
        """The names of some that are to go, the oldest first, by why: `days` or `bytes`. There may be more when they are removed.

        Raises:
            OutputError: The folder cannot be read.
        """
        try:
            days = self._days()
            old = days[: -self._max_days] if self._max_days is not None else []
            by_age = list(islice((file for day in old for file in _files(day)), BATCH))
            left = self._size - total_bytes(by_age)
            by_size = [] if len(by_age) == BATCH else self._too_much(days[len(old) :], left)
        except OSError as fault:
            raise OutputError(f"{self._folder}: cannot be read: {fault}") from fault
        return {"days": [_name(f.path) for f in by_age], "bytes": [_name(f.path) for f in by_size]}

    def of_day(self, day: str) -> list[str]:
        """The names of some of a day's pictures. There may be more when they are removed.

        Raises:
            OutputError: The folder cannot be read.
        """
        folder = self._folder / day
        try:
            return [_name(file.path) for file in islice(_files(folder), BATCH)] if folder.is_dir() else []
        except OSError as fault:
            raise OutputError(f"{folder}: cannot be read: {fault}") from fault

    def _too_much(self, days: list[Path], size: int) -> list[OldFile]:
        """The oldest files of some days, which take so much: those that are beyond the limit."""
        limit = self._max_bytes
        if limit is None or size <= limit:
            return []
        # What was put here is known, what others removed is not.
        gone = self._size - self._measured()
        self._size, size = self._size - gone, size - gone
        most = below(limit) if size > limit else limit
        found: list[OldFile] = []
        for day in days:
            for file in oldest(_files(day), BATCH - len(found)):
                if size <= most:
                    return found
                found.append(file)
                size -= file.bytes
        return found

    def _measured(self) -> int:
        return sum(total_bytes(_files(day)) for day in self._days())

    def remove(self, names: list[str]) -> None:
        """The files are gone, and their days' folders when nothing is left in them.

        Raises:
            OutputError: One cannot be removed.
        """
        try:
            for name in names:
                path = self._folder / name
                self._size -= path.stat().st_size if path.exists() else 0
                path.unlink(missing_ok=True)
            for day in {self._folder / name.partition("/")[0] for name in names}:
                if day.is_dir() and not any(day.iterdir()):
                    day.rmdir()
        except OSError as fault:
            raise OutputError(f"{self._folder}: a picture cannot be removed: {fault}") from fault

    def _days(self) -> list[Path]:
        return sorted(p for p in self._folder.iterdir() if _DAY.fullmatch(p.name) and p.is_dir())


def _files(day: Path) -> Iterator[os.DirEntry[str]]:
    return walk(day, 0, _FILE.fullmatch)


def _name(path: str) -> str:
    day, file = Path(path).parts[-2:]
    return f"{day}/{file}"


def sound_name(name: object) -> bool:
    """Whether a name from a record is one that this store gives, and so leads to no other place."""
    if not isinstance(name, str):
        return False
    day, _, file = name.partition("/")
    return bool(_DAY.fullmatch(day) and _FILE.fullmatch(file))
