"""A glob pattern: `*`, `?`, `[…]`, and `**` for folders of any depth."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.capture.kinds.folder import sources_of
from lineside.capture.pictures import neighbours
from lineside.core.errors import SourceError, near

if TYPE_CHECKING:
    from lineside.capture.pictures import Reading
    from lineside.capture.sources import FrameSource


def claims(argument: str) -> bool:
    """True for a pattern, unless a file of just that name exists."""
    return glob.has_magic(argument) and not Path(argument).exists()


def open_sources(argument: str, reading: Reading) -> list[FrameSource]:
    """The pictures that match as one source, then each video that matches as one.

    Raises:
        SourceError: Nothing matches, or neither a picture nor a video does.
    """
    matches = glob.glob(argument, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = [path for path in map(Path, matches) if not path.is_dir()]
    sources = sources_of(argument, files, reading)
    if sources:
        return sources
    if matches:
        raise SourceError(
            f'"{argument}": expected pictures or videos to match the pattern, {len(files)} other files and '
            f"{len(matches) - len(files)} folders match"
        )
    pattern = Path(argument)
    if glob.has_magic(str(pattern.parent)) or pattern.parent.is_dir():
        raise SourceError(
            f'"{argument}": nothing matches the pattern{near(pattern.name, neighbours(pattern))}'
        )
    raise SourceError(f'"{argument}": nothing matches the pattern; there is no folder "{pattern.parent}"')
