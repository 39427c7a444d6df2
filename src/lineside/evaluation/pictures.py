"""The user's pictures: which of them calibrate, and which of them judge."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineside.capture.kinds.picture import PictureFiles
from lineside.capture.pictures import Reading
from lineside.capture.sources import Unreadable, open_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lineside.capture.sources import FrameSource
    from lineside.core.errors import LinesideError

FEWEST = 8
"""Pictures below which nothing is calibrated."""

_HELD_OUT = 4  # every so many-th picture judges and does not calibrate
_MOST_JUDGED = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """Numbers of pictures.

    Attributes:
        calibrating: Those that the ranges are taken from.
        judging: Those that the answers are compared on.
        held_out: Whether no picture is both.
    """

    calibrating: tuple[int, ...]
    judging: tuple[int, ...]
    held_out: bool


def choose(total: int, wanted: int) -> Choice:
    """Pictures spread evenly over all there are: every fourth judges, of the others as many as wanted calibrate.

    Of fewer than four times `FEWEST` all do both.

    Args:
        total: How many there are.
        wanted: How many shall calibrate.
    """
    every = range(total)
    if total < 4 * FEWEST:
        return Choice(_spread(every, wanted), tuple(every), held_out=False)
    judging = [number for number in every if number % _HELD_OUT == _HELD_OUT - 1]
    others = [number for number in every if number % _HELD_OUT != _HELD_OUT - 1]
    return Choice(_spread(others, wanted), _spread(judging, _MOST_JUDGED), held_out=True)


def _spread(numbers: Sequence[int], wanted: int) -> tuple[int, ...]:
    """At most so many of the numbers, evenly."""
    count = min(len(numbers), wanted)
    return tuple(numbers[place * len(numbers) // count] for place in range(count)) if count else ()


@dataclass(slots=True, eq=False)
class Pictures:
    """Pictures by number, read when they are asked for.

    Attributes:
        name: Where they come from, as the user wrote it.
        sources: Where they are read from, one after the other.
        lengths: How many each source gives; of an endless one as many as are needed.
        unreadable: Why a picture could not be read, by its name.
    """

    name: str
    sources: tuple[FrameSource, ...]
    lengths: tuple[int, ...]
    unreadable: dict[str, LinesideError] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.lengths)

    @classmethod
    def of_source(cls, argument: str, wanted: int, reading: Reading | None = None) -> Pictures:
        """The pictures that a source argument names: a folder, a pattern, a video, `synthetic:…`.

        Args:
            argument: As for `lineside detect`.
            wanted: How many shall calibrate: endless streams give a third more between them.
            reading: How picture files are read.

        Raises:
            SourceError: It names nothing, or nothing with pictures.
        """
        sources = tuple(open_sources([argument], reading=reading))
        share = -(-max(wanted * 4 // 3, 4 * FEWEST) // len(sources))
        return cls(argument, sources, tuple(share if s.count is None else s.count for s in sources))

    @classmethod
    def of_files(cls, name: str, paths: Sequence[Path], reading: Reading | None = None) -> Pictures:
        """The pictures of a list of files."""
        files = PictureFiles(name, [str(path) for path in paths], reading or Reading())
        return cls(name, (files,), (len(paths),))

    def read(self, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """The numbered pictures, uint8 BGR, in their order; those that cannot be read are noted and left out."""
        start = 0
        for source, length in zip(self.sources, self.lengths, strict=True):
            mine = sorted(number - start for number in numbers if start <= number < start + length)
            yield from self._of(source, mine)
            start += length

    def _of(self, source: FrameSource, places: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        picked = isinstance(source, PictureFiles)
        left = set(range(len(places)) if picked else places)
        outcomes = source.only(places) if isinstance(source, PictureFiles) else source
        for number, outcome in enumerate(outcomes if left else ()):
            if number not in left:
                continue
            left.discard(number)
            if isinstance(outcome, Unreadable):
                self.unreadable[f"{outcome.stream} #{outcome.sequence}"] = outcome.error
            else:
                yield outcome.image
            if not left:
                break

    def close(self) -> None:
        """Let go of files and devices."""
        for source in self.sources:
            source.close()


class Digest:
    """What identifies a row of pictures: SHA-256 over their sizes and bytes."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, image: NDArray[Any]) -> None:
        """Count a picture in."""
        self._sum.update(repr(image.shape).encode())
        self._sum.update(image.tobytes())

    def __str__(self) -> str:
        return self._sum.hexdigest()
