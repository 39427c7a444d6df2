"""A folder that somebody else fills: each new picture is taken once, when it is whole, the oldest first."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, TypeAlias

from lineside.capture.camera import CameraStatistics
from lineside.capture.pictures import DEFAULT_LIMIT_PX, read_picture
from lineside.core.errors import ImageError, ImageFileError, SourceError
from lineside.core.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from lineside.capture.camera import CameraSettings
    from lineside.capture.cameras.folder import Features

UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp")
"""Suffixes under which programs write a file that they rename when it is whole."""

State: TypeAlias = tuple[int, int]
"""Time of the last change in ns, and size in bytes: what tells one state of a file from the next."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file of the folder as it stands.

    Attributes:
        state: Its last change and its size.
        noticed_s: When the file was noticed, or came back under its name with another content; monotonic seconds.
        since_s: When this state was first seen.
    """

    state: State
    noticed_s: float
    since_s: float


class Arrivals:
    """Which files of a folder are due, from what each look at it shows. No file is touched here.

    Args:
        settle_s: A file is due when it has not changed for so long.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._seen: dict[str, Seen] = {}
        self._done: dict[str, State] = {}

    def look(self, listing: Iterable[tuple[str, State]], now_s: float) -> None:
        """Take in what is there now."""
        found = dict(listing)
        self._seen = {name: self._seen_again(name, state, now_s) for name, state in found.items()}
        # A name that went away may come again, for another picture.
        self._done = {name: state for name, state in self._done.items() if name in found}

    def due(self, now_s: float) -> list[str]:
        """The names of those to be read, the oldest first."""
        names = [
            name
            for name, seen in self._seen.items()
            if self._done.get(name) != seen.state and now_s - seen.since_s >= self._settle_s
        ]
        return sorted(names, key=lambda name: (self._seen[name].state[0], name))

    def seen(self, name: str) -> Seen:
        """What is known of a file that is due."""
        return self._seen[name]

    def done(self, name: str) -> None:
        """It is not due again, unless it changes."""
        self._done[name] = self._seen[name].state

    def all_done(self) -> None:
        """Nothing that is there now is due, unless it changes."""
        for name in self._seen:
            self.done(name)

    def _seen_again(self, name: str, state: State, now_s: float) -> Seen:
        before = self._seen.get(name)
        if before is None or (before.state != state and self._done.get(name) == before.state):
            return Seen(state, now_s, now_s)
        return before if before.state == state else replace(before, state=state, since_s=now_s)


class WatchedFolder:
    """A camera whose pictures are files that arrive.

    A file is read when it has not changed for `settle_s`, and is handed out when its structure is whole and it did not
    change while it was read. One that stays incomplete for `patience_s` is told as damaged. Names that begin with a dot or
    end like a file under way are passed over.

    Args:
        settings: The camera's.
        folder: The folder.
        features: How it is read.
    """

    period_s: float | None = math.inf

    def __init__(self, settings: CameraSettings, folder: Path, features: Features) -> None:
        self._settings = settings
        self._folder = folder
        self._features = features
        self._limit_px = min(settings.limit_px, DEFAULT_LIMIT_PX)
        self._arrivals = Arrivals(features.settle_s)
        self._changed = Condition()
        self._is_closed = False
        self._statistics = CameraStatistics()
        self._target = None if features.move_to is None else _folder_at(Path(features.move_to), settings.id)
        self._arrivals.look(self._listing(), settings.clock())
        if not (features.after != "keep" if features.existing is None else features.existing):
            self._arrivals.all_done()

    def trigger(self) -> None:
        """Never: files come when they come.

        Raises:
            SourceError: Always.
        """
        raise SourceError(f"camera {self._settings.id}: a watched folder cannot be triggered")

    def read(self, timeout_s: float) -> Frame | None:
        """The oldest new picture, or `None`.

        Raises:
            SourceError: The camera is closed, or the folder cannot be read any more.
            ImageError: A file is damaged or of no format that is read. It is not tried again.
        """
        clock = self._settings.clock
        until_s = clock() + timeout_s
        while True:
            if self._is_closed:
                raise SourceError(f"camera {self._settings.id}: it is closed")
            self._arrivals.look(self._listing(), clock())
            for name in self._arrivals.due(clock()):
                if (frame := self._taken(name)) is not None:
                    return frame
            left_s = until_s - clock()
            if left_s <= 0:
                return None
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed, min(left_s, self._features.poll_s))

    def statistics(self) -> CameraStatistics:
        """What it has done."""
        return self._statistics

    def close(self) -> None:
        """No file is looked at any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _taken(self, name: str) -> Frame | None:
        """The picture of a file, or `None` where it is not whole yet."""
        path, seen = self._folder / name, self._arrivals.seen(name)
        try:
            image = read_picture(path, limit_px=self._limit_px, scale_16bit=self._features.scale_16bit)
        except ImageError as error:
            self._refuse(name, error)
            return None
        if _state(path) != seen.state:
            return None  # it was written to meanwhile
        self._put_away(name)
        return self._frame(image, seen)

    def _refuse(self, name: str, error: ImageError) -> None:
        seen = self._arrivals.seen(name)
        waited_s = self._settings.clock() - seen.since_s
        if _state(self._folder / name) != seen.state:
            return
        if isinstance(error, ImageFileError) and waited_s < self._features.patience_s:
            return
        self._put_away(name)
        self._statistics = replace(self._statistics, incomplete=self._statistics.incomplete + 1)
        raise error

    def _frame(self, image: NDArray[np.uint8], seen: Seen) -> Frame:
        done = self._statistics
        self._statistics = replace(done, frames=done.frames + 1)
        return Frame(
            image,
            self._settings.id,
            done.frames,
            captured_s=seen.noticed_s,
            wall_s=self._settings.wall_at(seen.noticed_s),
            device_s=seen.state[0] / 1e9,
        )

    def _put_away(self, name: str) -> None:
        """What was read is kept, moved or deleted.

        Raises:
            SourceError: The system refuses; else the same picture would be taken for a new part again and again.
        """
        self._arrivals.done(name)
        path = self._folder / name
        try:
            if self._target is not None:
                os.replace(path, _free(self._target / name))  # noqa: PTH105 # pathlib's has no other meaning
            elif self._features.after == "delete":
                path.unlink()
        except OSError as fault:
            raise SourceError(
                f"camera {self._settings.id}: {path}: it was read and cannot be put away: {fault}"
            ) from fault

    def _listing(self) -> list[tuple[str, State]]:
        try:
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in entries if _is_candidate(entry)]
        except OSError as fault:
            raise SourceError(f"camera {self._settings.id}: the folder cannot be read: {fault}") from fault
        states = ((name, _state(self._folder / name)) for name in names)
        return [(name, state) for name, state in states if state is not None]


def _is_candidate(entry: os.DirEntry[str]) -> bool:
    name = entry.name.lower()
    return not name.startswith(".") and not name.endswith(UNFINISHED) and entry.is_file()


def _state(path: Path) -> State | None:
    try:
        status = path.stat()
    except OSError:  # it went away between two calls
        return None
    return status.st_mtime_ns, status.st_size


def _free(path: Path) -> Path:
    """The path, or with a number where the name is taken: no picture overwrites another."""
    number = 1
    free = path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _folder_at(path: Path, camera: str) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise SourceError(f"camera {camera}: move_to: the folder cannot be made: {fault}") from fault
    return path
