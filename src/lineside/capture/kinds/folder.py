"""A folder: its pictures, then its videos. Sub-folders are not entered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.capture.kinds.picture import PictureFiles
from lineside.capture.kinds.video import VIDEO_SUFFIXES, RefusedVideo, VideoFile
from lineside.capture.pictures import is_picture
from lineside.core.errors import ImageTooLargeError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineside.capture.pictures import Reading
    from lineside.capture.sources import FrameSource

# Also formats that are not read: a picture of such a format is told, never passed over.
PICTURE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".webp",
        ".gif",
        ".avif",
        ".heic",
        ".heif",
        ".jp2",
        ".jxl",
        ".pgm",
        ".ppm",
        ".pnm",
        ".pbm",
        ".exr",
        ".hdr",
    }
)


def claims(argument: str) -> bool:
    """True for an existing folder."""
    return Path(argument).is_dir()


def open_sources(argument: str, reading: Reading) -> list[FrameSource]:
    """The pictures of the folder as one source, then each video of it as one.

    Raises:
        SourceError: The folder cannot be listed or holds neither.
    """
    folder = Path(argument)
    try:
        entries = [p for p in folder.iterdir() if not p.name.startswith(".")]
        folders = {p for p in entries if p.is_dir()}
    except OSError as fault:
        raise SourceError(f'"{argument}": the folder cannot be listed: {fault}') from fault
    files = [p for p in entries if p not in folders]
    sources = sources_of(argument, files, reading)
    if not sources:
        hint = f'; for sub-folders quote a pattern: "{folder / "**" / "*"}"' if folders else ""
        raise SourceError(
            f'"{argument}": expected pictures or videos in the folder, found {len(files)} other files and '
            f"{len(folders)} folders{hint}"
        )
    return sources


def sources_of(name: str, files: Iterable[Path], reading: Reading) -> list[FrameSource]:
    """The sources among some files: all pictures as one, in natural order, then each video as one.

    A file is a picture by its suffix or, with any other suffix, by its first bytes.

    Args:
        name: The sources' argument as the user wrote it.
        files: Files, none of them a folder.
        reading: Limits for the pictures.

    Returns:
        The sources. A video that cannot be opened is one that yields the reason, as a bad picture does.
    """
    ordered = sorted(files, key=_natural)
    videos = [p for p in ordered if p.suffix.lower() in VIDEO_SUFFIXES]
    pictures = [
        str(p)
        for p in ordered
        if p.suffix.lower() in PICTURE_SUFFIXES or (p.suffix.lower() not in VIDEO_SUFFIXES and is_picture(p))
    ]
    found: list[FrameSource] = [PictureFiles(name, pictures, reading)] if pictures else []
    for path in videos:
        try:
            found.append(VideoFile(str(path), reading))
        except (SourceError, ImageTooLargeError) as error:
            found.append(RefusedVideo(str(path), error))
    return found


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A sort key that puts part-9 before part-10."""
    return [
        (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.casefold())
        for piece in re.split(r"(\d+)", str(path))
        if piece
    ]
