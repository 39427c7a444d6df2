"""The boxes of an MP4 file with one track of JPEG pictures (ISO/IEC 14496-12 and -14)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineside.core.geometry import Size

TIMESCALE = 1000
"""Durations are whole milliseconds."""

_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_JPEG = 0x6C  # the object type of "Visual ISO/IEC 10918-1"
_ALL_SYNC = 0x02000000  # depends on no other sample


def box(kind: str, *contents: bytes) -> bytes:
    """A box: its size, its kind and what is in it."""
    data = b"".join(contents)
    return struct.pack(">I4s", 8 + len(data), kind.encode("ascii")) + data


def full_box(kind: str, version: int, flags: int, *contents: bytes) -> bytes:
    """A box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def file_type() -> bytes:
    """The file's first box: what a reader must know."""
    return box("ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso5iso6mp41")


def movie(size: Size, sample_tables: Sequence[bytes], duration: int, *, is_fragmented: bool) -> bytes:
    """The movie's description.

    Args:
        size: Of its pictures.
        sample_tables: Where each picture is and how long it stands, from `tables`; or `no_tables`.
        duration: Of all of it.
        is_fragmented: More of it follows in fragments.
    """
    header = full_box(
        "mvhd",
        1,
        0,
        struct.pack(">QQIQ", 0, 0, TIMESCALE, duration),
        struct.pack(">IH10x", 0x10000, 0x100),
        _MATRIX,
        bytes(24),
        struct.pack(">I", 2),
    )
    more = (
        [box("mvex", full_box("trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, _ALL_SYNC)))]
        if is_fragmented
        else []
    )
    return box("moov", header, _track(size, sample_tables, duration), *more)


def _track(size: Size, sample_tables: Sequence[bytes], duration: int) -> bytes:
    header = full_box(
        "tkhd",
        1,
        7,
        struct.pack(">QQI4xQ", 0, 0, 1, duration),
        bytes(8),
        struct.pack(">hhhH", 0, 0, 0, 0),
        _MATRIX,
        struct.pack(">II", size.width << 16, size.height << 16),
    )
    media = full_box("mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, TIMESCALE, duration, 0x55C4, 0))
    handler = full_box("hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"lineside\0")
    where = box("dinf", full_box("dref", 0, 0, struct.pack(">I", 1), full_box("url ", 0, 1)))
    table = box("stbl", full_box("stsd", 0, 0, struct.pack(">I", 1), _entry(size)), *sample_tables)
    inner = box("minf", full_box("vmhd", 0, 1, bytes(8)), where, table)
    return box("trak", header, box("mdia", media, handler, inner))


def _entry(size: Size) -> bytes:
    """What kind of pictures they are."""
    config = bytes([0x04, 13, _JPEG, 0x11]) + bytes(3) + bytes(8)
    stream = bytes([0x03, 3 + len(config) + 3, 0, 1, 0]) + config + bytes([0x06, 1, 2])
    return box(
        "mp4v",
        bytes(6),
        struct.pack(">H", 1),
        bytes(16),
        struct.pack(">HHIIIH", size.width, size.height, 0x480000, 0x480000, 0, 1),
        b"\x04JPEG".ljust(32, b"\0"),
        struct.pack(">Hh", 24, -1),
        full_box("esds", 0, 0, stream),
    )


def no_tables() -> list[bytes]:
    """The tables of a movie whose pictures come in fragments."""
    none = struct.pack(">I", 0)
    return [
        full_box("stts", 0, 0, none),
        full_box("stsc", 0, 0, none),
        full_box("stsz", 0, 0, none, none),
        full_box("stco", 0, 0, none),
    ]


def tables(durations: Sequence[int], sizes: Sequence[int], offsets: Sequence[int]) -> list[bytes]:
    """The tables of a movie that is whole, one chunk a picture."""
    count = len(sizes)
    runs = [struct.pack(">II", number, duration) for duration, number in _runs(durations)]
    return [
        full_box("stts", 0, 0, struct.pack(">I", len(runs)), *runs),
        full_box("stsc", 0, 0, struct.pack(">4I", 1, 1, 1, 1)),
        full_box("stsz", 0, 0, struct.pack(f">II{count}I", 0, count, *sizes)),
        full_box("co64", 0, 0, struct.pack(f">I{count}Q", count, *offsets)),
    ]


def _runs(values: Iterable[int]) -> list[list[int]]:
    """Each value with how often it stands in a row."""
    found: list[list[int]] = []
    for value in values:
        if found and found[-1][0] == value:
            found[-1][1] += 1
        else:
            found.append([value, 1])
    return found


def fragment(number: int, start: int, duration: int, data: bytes) -> tuple[bytes, int]:
    """A fragment of one picture, and where in it the picture's bytes begin.

    Args:
        number: Of the fragment, from 1.
        start: When the picture is shown.
        duration: For how long.
        data: The picture.
    """

    def made(offset: int) -> bytes:
        track = box(
            "traf",
            full_box("tfhd", 0, 0x020000, struct.pack(">I", 1)),
            full_box("tfdt", 1, 0, struct.pack(">Q", start)),
            full_box("trun", 0, 0x301, struct.pack(">IiII", 1, offset, duration, len(data))),
        )
        return box("moof", full_box("mfhd", 0, 0, struct.pack(">I", number)), track)

    head = made(len(made(0)) + 8)
    return head + box("mdat", data), len(head) + 8


def wrapper(length: int) -> bytes:
    """The head of a box of media data that covers so many bytes, itself included: 16 bytes."""
    return struct.pack(">I4sQ", 1, b"mdat", length)


def placeholder() -> bytes:
    """Room for a `wrapper`, which means nothing yet."""
    return box("free", bytes(8))
