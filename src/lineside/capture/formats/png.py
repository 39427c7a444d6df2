"""PNG (ISO/IEC 15948): complete when every chunk is whole and the last one is IEND."""

from __future__ import annotations

import struct
import zlib

from lineside.capture.header import AGAIN, Header, not_zero, several, truncated
from lineside.core.errors import ImageFileError
from lineside.core.geometry import Size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def matches(head: bytes) -> bool:
    """True for a PNG's first bytes."""
    return head.startswith(_SIGNATURE)


def check(data: bytes, name: str) -> Header:
    """The header of a complete, undamaged, not animated PNG.

    Raises:
        ImageFileError: The file is truncated, a checksum is wrong, it is animated, or it has no size.
    """
    if data[12:16] != b"IHDR" or len(data) < 24:
        raise truncated(name, "it ends before the picture's size")
    width, height = struct.unpack_from(">II", data, 16)
    size = not_zero(Size(height=height, width=width), name)
    view = memoryview(data)
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            break
        if kind == b"acTL":
            frames = int.from_bytes(data[position + 8 : position + 12], "big")
            raise several(name, f"an animation of {frames} frames")
        is_critical = not kind[0] & 0x20
        if is_critical and zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(
            data[end - 4 : end], "big"
        ):
            raise ImageFileError(
                f"{name}: the file is damaged: the checksum of its {kind.decode('latin-1')} chunk at byte "
                f"{position} is wrong. {AGAIN}"
            )
        if kind == b"IEND":
            return Header(size)
        position = end
    raise truncated(name, "it ends before its IEND chunk")
