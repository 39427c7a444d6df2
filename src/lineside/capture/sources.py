"""Where frames come from: what a source is, and how an argument becomes sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from lineside.capture.pictures import Reading, neighbours
from lineside.core import plugins
from lineside.core.errors import ImageError, LinesideError, SettingsError, SourceError, near
from lineside.core.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KINDS = "lineside.capture.kinds"
"""The folder of the source kinds, and the entry point group for more of them."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A picture that was due and could not be read. It takes the place of its frame.

    Attributes:
        stream: Name of the source: the picture's path, or the video's.
        sequence: Number within the source, from 0, in one row with the frames.
        error: Why.
    """

    stream: str
    sequence: int
    error: ImageError | SourceError


Outcome: TypeAlias = Frame | Unreadable


class FrameSource(Protocol):
    """Something that yields one outcome for each of its pictures, and loses none.

    Attributes:
        name: The source as the user wrote it.
        count: How many outcomes to expect, for a progress bar; `None` where nobody knows.
    """

    @property
    def name(self) -> str:
        """The source as the user wrote it."""

    @property
    def count(self) -> int | None:
        """How many outcomes to expect, or `None`."""

    def __iter__(self) -> Iterator[Outcome]:
        """The outcomes from the beginning. A bad picture is an `Unreadable`, and the next ones follow."""

    def close(self) -> None:
        """Let go of files and devices; may be called twice."""


def open_sources(arguments: Sequence[str], *, reading: Reading | None = None) -> list[FrameSource]:
    """The sources that a list of arguments names, in its order. Pictures are read when iterated, not here.

    An argument is a picture file, a folder (its pictures, then its videos), a glob pattern or a video file.
    The files in `capture/kinds` are the kinds; `KIND:REST` asks for one of them by name.

    Args:
        arguments: At least one.
        reading: Limits for the pictures; `None` takes the defaults.

    Raises:
        SettingsError: There is no argument.
        SourceError: An argument names nothing, or nothing with pictures, or a video that cannot be opened.
        ImageTooLargeError: A video's frames are larger than the limit.
    """
    if not arguments:
        raise SettingsError(
            "expected at least one source: a picture, a folder, a pattern or a video; got none"
        )
    sources: list[FrameSource] = []
    try:
        for argument in arguments:
            try:
                sources.extend(_open(argument, reading or Reading()))
            except OSError as fault:
                raise SourceError(f'"{argument}": the system refuses to look at it: {fault}') from fault
    except LinesideError:
        for source in sources:
            source.close()
        raise
    return sources


def _open(argument: str, reading: Reading) -> Sequence[FrameSource]:
    prefix, colon, rest = argument.partition(":")
    if colon and prefix in plugins.names(KINDS) and not Path(argument).exists():
        return _ask(prefix, rest, reading)
    for kind in plugins.each(KINDS):
        if plugins.load(KINDS, kind).claims(argument):
            return _ask(kind, argument, reading)
    if "://" in argument:
        raise SourceError(f'"{argument}": no source kind "{prefix}"{near(prefix, plugins.names(KINDS))}')
    path = Path(argument)
    if not path.parent.exists():
        raise SourceError(f'"{argument}": no such file or folder; there is no folder "{path.parent}" either')
    raise SourceError(f'"{argument}": no such file or folder{near(path.name, neighbours(path))}')


def _ask(kind: str, argument: str, reading: Reading) -> Sequence[FrameSource]:
    sources: Sequence[FrameSource] = plugins.load(KINDS, kind).open_sources(argument, reading)
    return sources
