"""`folder`: a file of JSON for each part, and its pictures, in a folder a day."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path  # pydantic reads it
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError
from lineside.outputs.files import cannot_write, replacing
from lineside.outputs.keeping import file_word
from lineside.outputs.sinks._choice import Pictures, chosen, place, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        clock: Monotonic seconds; the folder is tidied once a minute.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._tidied_s: float | None = None

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
            with replacing(path) as temporary:
                temporary.write_bytes(data)
            names[picture.name] = path.name
        if self._settings.records:
            with replacing(base.with_name(f"{base.name}.json")) as temporary:
                text = json.dumps({**parcel.record, "pictures": names}, ensure_ascii=False, indent=1)
                temporary.write_text(text + "\n", encoding="utf-8")
        self._tidy()

    def close(self) -> None:
        """Nothing is open."""

    def _tidy(self) -> None:
        now_s = self._clock()
        if self._tidied_s is not None and now_s - self._tidied_s < 60:
            return
        self._tidied_s = now_s
        try:
            days = sorted(p for p in self._settings.path.iterdir() if _DAY.fullmatch(p.name) and p.is_dir())
            days = self._drop_old(days)
            self._drop_large(days)
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
            for file in _files(old):
                file.unlink(missing_ok=True)
            _remove_empty(old)
        return days[-most:]

    def _drop_large(self, days: list[Path]) -> None:
        limit = self._settings.max_bytes
        if limit is None:
            return
        listed = [(file, file.stat()) for each in days for file in _files(each)]
        size = sum(stat.st_size for _, stat in listed)
        root = self._settings.path
        for file, stat in sorted(
            listed, key=lambda one: (_day_of(one[0], root), one[1].st_mtime, one[0].name)
        ):
            if size <= limit:
                break
            file.unlink(missing_ok=True)
            size -= stat.st_size
        for each in days[:-1]:
            _remove_empty(each)


def _files(day_folder: Path) -> list[Path]:
    """What this sink may have written; anything else there is left alone."""
    return [file for file in day_folder.glob("*/*/*") if _OWN.fullmatch(file.name) and file.is_file()]


def _day_of(file: Path, root: Path) -> str:
    return file.relative_to(root).parts[0]


def _remove_empty(folder: Path) -> None:
    """The folder and those in it are gone where nothing is left in them."""
    for inner in [each for each in folder.iterdir() if each.is_dir() and not each.is_symlink()]:
        _remove_empty(inner)
    if not any(folder.iterdir()):
        folder.rmdir()
