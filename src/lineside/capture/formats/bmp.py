"""BMP: complete when the rows that the header promises are there."""

from __future__ import annotations

import struct

from lineside.capture.header import Header, not_zero, truncated
from lineside.core.errors import ImageFileError
from lineside.core.geometry import Size

_WITHOUT_COMPRESSION = frozenset({0, 3, 6})  # BI_RGB, BI_BITFIELDS, BI_ALPHABITFIELDS


def matches(head: bytes) -> bool:
    """True for a BMP's first bytes."""
    return head.startswith(b"BM")


def check(data: bytes, name: str) -> Header:
    """The header of a complete BMP. Where the rows are run-length coded, the decoder finds a missing end.

    Raises:
        ImageFileError: The file is truncated, of the old OS/2 kind, or has no size.
    """
    if len(data) < 54:
        raise truncated(name, f"a BMP's header has 54 bytes, the file has {len(data)}")
    rows_at, header_bytes = struct.unpack_from("<II", data, 10)
    if header_bytes < 40:
        raise ImageFileError(
            f"{name}: expected a BMP with a header of 40 bytes or more, got one of {header_bytes} (OS/2). "
            "Save it as PNG."
        )
    width, height = struct.unpack_from("<ii", data, 18)
    size = not_zero(Size(height=abs(height), width=width), name)  # a negative height: the top row comes first
    bits_per_pixel, compression = struct.unpack_from("<HI", data, 28)
    row_bytes = (size.width * bits_per_pixel + 31) // 32 * 4
    needed = rows_at + row_bytes * size.height
    if compression in _WITHOUT_COMPRESSION and len(data) < needed:
        raise truncated(name, f"its {size} pixels need {needed} bytes, it has {len(data)}")
    return Header(size)
