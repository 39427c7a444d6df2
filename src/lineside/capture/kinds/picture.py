"""A picture file, and the source that reads a list of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lineside.capture.kinds.video import VIDEO_SUFFIXES
from lineside.capture.pictures import read_picture
from lineside.capture.sources import Unreadable
from lineside.core.errors import ImageError
from lineside.core.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineside.capture.pictures import Reading
    from lineside.capture.sources import Outcome


class PictureFiles:
    """The pictures of a list of files, in its order.

    Args:
        name: The source as the user wrote it.
        paths: The files, as they shall be named in the results.
        reading: Limits for the pictures.

    Attributes:
        name: The source as the user wrote it.
        paths: The files.
        count: Their number.
    """

    def __init__(self, name: str, paths: Sequence[str], reading: Reading) -> None:
        self.name = name
        self.paths = tuple(paths)
        self.count: int | None = len(self.paths)
        self._reading = reading

    def __iter__(self) -> Iterator[Outcome]:
        """One frame for each file, or an `Unreadable` with the reason."""
        limit_px, scale_16bit = self._reading.limit_px, self._reading.scale_16bit
        for sequence, path in enumerate(self.paths):
            try:
                image = read_picture(Path(path), limit_px=limit_px, scale_16bit=scale_16bit)
            except ImageError as error:
                yield Unreadable(path, sequence, error)
            else:
                yield Frame(image, path, sequence)

    def only(self, places: Sequence[int]) -> PictureFiles:
        """The source with only some of its pictures, by their places, in that order."""
        return PictureFiles(self.name, [self.paths[place] for place in places], self._reading)

    def close(self) -> None:
        """Nothing: no file is open between two pictures."""


def claims(argument: str) -> bool:
    """True for an existing file that is not a video by its suffix."""
    path = Path(argument)
    return path.exists() and not path.is_dir() and path.suffix.lower() not in VIDEO_SUFFIXES


def open_sources(argument: str, reading: Reading) -> list[PictureFiles]:
    """One source with the one picture."""
    return [PictureFiles(argument, [argument], reading)]
