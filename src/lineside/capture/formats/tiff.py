"""TIFF 6.0 and BigTIFF: complete when every strip or tile of its one page lies inside the file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from lineside.capture.header import Header, not_zero, several, truncated
from lineside.core.errors import ImageFormatError
from lineside.core.geometry import Size

_WIDTH, _HEIGHT = 256, 257
_SUBFILE, _BITS, _PHOTOMETRIC, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 254, 258, 262, 338, 339
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_DTYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8"}  # the integer field types
_UNSIGNED, _WHITE_IS_ZERO, _UNASSOCIATED_ALPHA, _REDUCED_COPY = 1, 0, 2, 1


def matches(head: bytes) -> bool:
    """True for a TIFF's first bytes."""
    return head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def check(data: bytes, name: str) -> Header:
    """The header of a complete TIFF of one page.

    Raises:
        ImageFileError: The file is truncated, holds several pages, or has no size.
        ImageFormatError: Its samples are not unsigned integers of at most 16 bits, or are 16-bit with
            white as zero.
    """
    pages = _pages(data, name)
    page = pages[0]
    size = not_zero(Size(height=page.first(_HEIGHT, 0), width=page.first(_WIDTH, 0)), name)
    full_pages = sum(not p.first(_SUBFILE, 0) & _REDUCED_COPY for p in pages)
    if full_pages > 1:
        raise several(name, f"{full_pages} pages")
    _check_samples(page, name)
    for offsets, lengths in ((_STRIP_OFFSETS, _STRIP_BYTES), (_TILE_OFFSETS, _TILE_BYTES)):
        starts, counts = page.values(offsets), page.values(lengths)
        if starts.size and starts.size == counts.size:
            needed = int((starts + counts).max())
            if needed > len(data):
                raise truncated(name, f"its rows reach to byte {needed}, it has {len(data)}")
    has_alpha = _UNASSOCIATED_ALPHA in page.values(_EXTRA_SAMPLES)
    return Header(size, multiplies_alpha=has_alpha and page.first(_BITS, 1) <= 8)


def _check_samples(page: _Page, name: str) -> None:
    bits, sample_format = page.first(_BITS, 1), page.first(_SAMPLE_FORMAT, _UNSIGNED)
    if sample_format != _UNSIGNED or bits > 16:
        kind = {2: "signed integers", 3: "floating point"}.get(sample_format, "integers")
        raise ImageFormatError(
            f"{name}: expected samples that are unsigned integers of 8 or 16 bits, got {kind} of {bits} bits. "
            "Convert it to an 8-bit picture."
        )
    if bits > 8 and page.first(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        raise ImageFormatError(
            f"{name}: expected black as zero, got {bits}-bit samples with white as zero. Convert the picture."
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Byte order and field widths of the file: `struct` formats and sizes in bytes."""

    order: str
    count_format: str
    offset_format: str
    entry_bytes: int


@dataclass(frozen=True, slots=True)
class _Page:
    """One directory: field type, count of values and the place of the values by tag."""

    data: bytes
    order: str
    fields: dict[int, tuple[int, int, int]]

    def values(self, tag: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        """The integers of a field as uint64 (N,); empty where the field is missing or of another type."""
        kind, count, place = self.fields.get(tag, (0, 0, 0))
        if kind not in _DTYPES or not count:
            return np.empty(0, np.uint64)
        dtype = np.dtype(self.order + _DTYPES[kind])
        return np.frombuffer(self.data, dtype, count, place).astype(np.uint64)

    def first(self, tag: int, default: int) -> int:
        """The first integer of a field, or `default` where there is none."""
        values = self.values(tag)
        return int(values[0]) if values.size else default


def _pages(data: bytes, name: str) -> list[_Page]:
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    layout = _Layout(order, "Q", "Q", 20) if big else _Layout(order, "H", "I", 12)
    pages: list[_Page] = []
    seen: set[int] = set()
    try:
        offset = struct.unpack_from(order + layout.offset_format, data, 8 if big else 4)[0]
        while offset and offset not in seen:
            seen.add(offset)
            page, offset = _page(data, offset, layout)
            pages.append(page)
    except (struct.error, IndexError, OverflowError) as short:
        raise truncated(name, "it ends before its directory of strips") from short
    if not pages:
        raise truncated(name, "it has no directory of strips")
    return pages


def _page(data: bytes, offset: int, layout: _Layout) -> tuple[_Page, int]:
    """The directory at `offset` and the offset of the next one, 0 after the last."""
    order, value_format = layout.order, layout.offset_format
    (entries,) = struct.unpack_from(order + layout.count_format, data, offset)
    place = offset + struct.calcsize(layout.count_format)
    inline_bytes = struct.calcsize(value_format)
    fields: dict[int, tuple[int, int, int]] = {}
    for _ in range(entries):
        tag, kind, count = struct.unpack_from(f"{order}HH{value_format}", data, place)
        value_place = place + 4 + inline_bytes
        item_bytes = np.dtype(_DTYPES[kind]).itemsize if kind in _DTYPES else 0
        if item_bytes * count > inline_bytes:
            (value_place,) = struct.unpack_from(order + value_format, data, value_place)
        if value_place + item_bytes * count > len(data):
            raise IndexError(tag)
        fields.setdefault(tag, (kind, count, value_place))
        place += layout.entry_bytes
    (following,) = struct.unpack_from(order + value_format, data, place)
    return _Page(data, order, fields), following
