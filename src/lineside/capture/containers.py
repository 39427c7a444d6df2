"""What a video file says about its own length, read from its container's outermost structure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_EBML, _SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"


@dataclass(frozen=True, slots=True)
class Container:
    """A video file's container.

    Attributes:
        bytes_missing: How much of the file its container says should follow its end; 0 when it is complete
            or says nothing.
        counts_frames: True when the container holds a count of frames, false when a count can only be
            estimated from duration and rate.
    """

    bytes_missing: int
    counts_frames: bool


def read_container(path: Path) -> Container:
    """The container of a video file: MP4 and MOV (ISO/IEC 14496-12), AVI (RIFF) and Matroska (RFC 9559).

    Of any other container nothing is said.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16)
        size = file.seek(0, 2)
        if head[4:8] in _MP4_BOXES:
            return Container(max(_mp4_bytes(file, size) - size, 0), counts_frames=True)
        if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
            return Container(max(_avi_bytes(file, size) - size, 0), counts_frames=True)
        if head.startswith(_EBML):
            return Container(max(_matroska_bytes(file) - size, 0), counts_frames=False)
    return Container(0, counts_frames=False)


def _mp4_bytes(file: BinaryIO, size: int) -> int:
    """Where the last of the outermost boxes ends."""
    end = 0
    while end < size:
        file.seek(end)
        header = file.read(16)
        if len(header) < 8:
            return end + 8
        (box,) = struct.unpack_from(">I", header)
        if box == 1 and len(header) == 16:
            (box,) = struct.unpack_from(">Q", header, 8)
        if box < 8:  # 0: the box reaches to the end of the file, whatever that is; others: damage
            return size
        end += box
    return end


def _avi_bytes(file: BinaryIO, size: int) -> int:
    """Where the last of the RIFF chunks ends; long files have several."""
    end = 0
    while end < size:
        file.seek(end)
        header = file.read(8)
        if header[:4] != b"RIFF" or len(header) < 8:
            break
        (chunk,) = struct.unpack_from("<I", header, 4)
        if chunk == 0:  # never finished by its writer
            break
        end += 8 + chunk + chunk % 2
    # The padding byte of an odd chunk at the end is often left out.
    return end - 1 if end == size + 1 else end


def _matroska_bytes(file: BinaryIO) -> int:
    """Where the segment ends; 0 where its length is unknown, as in a live recording."""
    file.seek(len(_EBML))
    header = _element_bytes(file)
    if header is None:
        return 0
    file.seek(header, 1)
    if file.read(len(_SEGMENT)) != _SEGMENT:
        return 0
    segment = _element_bytes(file)
    return 0 if segment is None else file.tell() + segment


def _element_bytes(file: BinaryIO) -> int | None:
    """The length that a variable-size integer states, `None` where it says unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0xFF >> width)]) + file.read(width - 1), "big")
    return None if value == (1 << (7 * width)) - 1 else value
