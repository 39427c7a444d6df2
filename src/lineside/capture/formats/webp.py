"""WebP (RFC 9649): complete when the file is as long as its RIFF header says."""

from __future__ import annotations

import struct

from lineside.capture.header import AGAIN, Header, not_zero, several, truncated
from lineside.core.errors import ImageFileError
from lineside.core.geometry import Size

_ANIMATED = 0x02


def matches(head: bytes) -> bool:
    """True for a WebP's first bytes."""
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def check(data: bytes, name: str) -> Header:
    """The header of a complete, not animated WebP.

    Raises:
        ImageFileError: The file is truncated, animated, or has no size.
    """
    needed = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < max(needed, 30):
        raise truncated(name, f"its header says {needed} bytes, it has {len(data)}")
    if data[12:16] == b"VP8X" and data[20] & _ANIMATED:
        raise several(name, "an animation")
    return Header(_size(data, name))


def _size(data: bytes, name: str) -> Size:
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        return Size(
            height=1 + int.from_bytes(body[7:10], "little"), width=1 + int.from_bytes(body[4:7], "little")
        )
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return Size(height=1 + (bits >> 14 & 0x3FFF), width=1 + (bits & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return not_zero(Size(height=height & 0x3FFF, width=width & 0x3FFF), name)
    raise ImageFileError(f"{name}: expected a WebP chunk VP8, VP8L or VP8X first, got {kind!r}. {AGAIN}")
