"""`folder`: a file of JSON for each part, and its pictures, in a folder a day."""

from __future__ import annotations

import json
import re
import time
from itertools import islice
from pathlib import Path  # pydantic reads it
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError
from lineside.outputs.files import cannot_write, replacing
from lineside.outputs.keeping import file_word
from lineside.outputs.retention import BATCH, FULL_S, TIDY_S, below, oldest, total_bytes, walk
from lineside.outputs.sinks._choice import Pictures, chosen, place, read

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from lineside.outputs.parcel import Parcel

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_OWN = re.compile(r"\d+(-.+)?\.(json|jpg|png)")


class Settings(Table):
    """The settings of a sink of this kind."""

    path: Path = Field(description="The folder; made when it is missing.")
    records: bool = Field(default=True, description="Write a file of JSON for each part.")
    pictures: Pictures = Field(
        default="rejected", description="none, rejected or all of those that are kept."
    )
    annotated: bool = Field(default=True, description="Also the copies with boxes.")
    max_days: int | None = Field(
        default=None,
        ge=1,
        description="So many of the newest days that have results are kept; a clock that is set wrong removes one at most.",
    )
    max_bytes: int | None = Field(
        default=None, ge=1_000_000, description="What all files may take; the oldest are removed."
    )


def make(settings: Mapping[str, Any]) -> FolderSink:
    """The sink that a table describes.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return FolderSink(parsed(Settings, settings, "folder"))


class FolderSink:
    """Writes `DAY/LINE/RUN/PART.json` and `PART-CAMERA.jpg` beside it. A parcel that comes again replaces its files with the same.

    Pictures come before the record, so that a record never names one that is not there.

    Args:
        settings: Where, and how much.
        clock: Monotonic seconds; the folder is tidied once a minute, and soon where it is too large.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._tidied_s: float | None = None
        self._size: int | None = None

    def emit(self, parcel: Parcel) -> None:
        """The files are there, whole.

        Raises:
            OutputError: They cannot be written.
        """
        base = self._settings.path / place(parcel)
        try:
            base.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise cannot_write(base.parent, fault) from fault
        names: dict[str, str] = {}
        for picture in chosen(parcel, self._settings.pictures, annotated=self._settings.annotated):
            data = read(picture)
            path = base.with_name(f"{base.name}-{file_word(picture.name)}{picture.path.suffix}")
            self._write(path, data)
            names[picture.name] = path.name
        if self._settings.records:
            text = json.dumps({**parcel.record, "pictures": names}, ensure_ascii=False, indent=1)
            self._write(base.with_name(f"{base.name}.json"), f"{text}\n".encode())
        self._tidy()

    def close(self) -> None:
        """Nothing is open."""

    def _write(self, path: Path, data: bytes) -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
        if self._size is not None:
            self._size += len(data)

    def _tidy(self) -> None:
        now_s = self._clock()
        limit = self._settings.max_bytes
        is_full = limit is not None and self._size is not None and self._size > limit
        if self._tidied_s is not None and now_s - self._tidied_s < (FULL_S if is_full else TIDY_S):
            return
        self._tidied_s = now_s
        try:
            days = sorted(p for p in self._settings.path.iterdir() if _DAY.fullmatch(p.name) and p.is_dir())
            self._drop_large(self._drop_old(days))
        except OSError as fault:
            raise OutputError(
                f"{self._settings.path}: old files cannot be removed: {fault}. Give lineside the right to."
            ) from fault

    def _drop_old(self, days: list[Path]) -> list[Path]:
        """The days that are left. They are counted, not compared with a clock: one that is wrong would remove everything."""
        most = self._settings.max_days
        if most is None or len(days) <= most:
            return days
        for old in days[:-most]:
            while some := list(islice(_files(old), BATCH)):
                for file in some:
                    Path(file.path).unlink(missing_ok=True)
            self._size = None
            _remove_empty(old)
        return days[-most:]

    def _drop_large(self, days: list[Path]) -> None:
        limit = self._settings.max_bytes
        if limit is None or (self._size is not None and self._size <= limit):
            return
        # What was written since the last look is known; what others removed is not.
        size = sum(total_bytes(_files(day)) for day in days)
        most = below(limit) if size > limit else limit
        for day in days:
            while size > most and (some := oldest(_files(day))):
                for file in some:
                    if size <= most:
                        break
                    Path(file.path).unlink(missing_ok=True)
                    size -= file.bytes
        for day in days[:-1]:
            _remove_empty(day)
        self._size = size


def _files(day_folder: Path) -> Iterator[os.DirEntry[str]]:
    """What this sink may have written; anything else there is left alone."""
    return walk(day_folder, 2, _OWN.fullmatch)


def _remove_empty(folder: Path) -> None:
    """The folder and those in it are gone where nothing is left in them."""
    for inner in [each for each in folder.iterdir() if each.is_dir() and not each.is_symlink()]:
        _remove_empty(inner)
    if not any(folder.iterdir()):
        folder.rmdir()
