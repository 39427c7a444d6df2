"""JPEG (ITU-T T.81): complete when the end-of-image marker follows the last scan."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from lineside.capture.header import Header, not_zero, truncated
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})


def matches(head: bytes) -> bool:
    """True for a JPEG's first bytes."""
    return head.startswith(b"\xff\xd8\xff")


def check(data: bytes, name: str) -> Header:
    """The header of a complete JPEG.

    A decoder fills what is missing at the end with grey, so the scans are followed to their end here. Bytes
    after the end, which phones append, do no harm.

    Raises:
        ImageFileError: The file is truncated or has no size.
    """
    size: Size | None = None
    for marker, place in _segments(data):
        if marker in _START_OF_FRAME and size is None and place + 7 <= len(data):
            size = Size(*struct.unpack_from(">HH", data, place + 3))
        elif marker == _END_OF_IMAGE:
            if size is None:
                break
            return Header(not_zero(size, name))
    if size is None:
        raise truncated(name, "it ends before the picture's size")
    raise truncated(name, "no end-of-image marker follows its last scan")


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker after the first one, and where its segment's length stands. Scans are skipped."""
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            return
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        position += 2
        yield marker, position
        if marker in _WITHOUT_LENGTH:
            continue
        position += int.from_bytes(data[position : position + 2], "big")
        if marker == _START_OF_SCAN:
            found = _MARKER_IN_SCAN.search(data, position)
            if found is None:
                return
            position = found.start()
