"""The pixel formats that are read, by name and by number. One row each; `docs/genicam.md` has the table.

Names and numbers are those of the GenICam Pixel Format Naming Convention (PFNC).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lineside.capture.pixels.packing import Packing
from lineside.core.errors import ImageFormatError, near

if TYPE_CHECKING:
    from lineside.core.geometry import Size


class Kind(StrEnum):
    """What the samples of a format are."""

    MONO = "mono"
    BAYER = "bayer"
    COLOUR = "colour"
    YUV = "yuv"


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A pixel format.

    Attributes:
        name: Its name in the naming convention.
        code: Its number there.
        kind: What its samples are.
        bits: Bits of a value.
        packing: How samples lie in bytes.
        order: The Bayer pattern's first row and second row (`RGGB`), the order of the channels (`RGBa`) or of luma and chroma (`UYVY`).
        samples_per_px: Samples that a pixel takes.
        limited: True where luma runs from 16 to 235 (ITU-R BT.601), not from 0 to 255.
    """

    name: str
    code: int
    kind: Kind
    bits: int
    packing: Packing
    order: str = ""
    samples_per_px: int = 1
    limited: bool = False

    def row_bytes(self, width: int) -> int:
        """Bytes of a row that begins at a whole byte."""
        return self.packing.size_bytes(width * self.samples_per_px)

    def size_bytes(self, size: Size) -> int:
        """Bytes of a picture whose rows follow each other without a gap, bit by bit."""
        return self.packing.size_bytes(size.width * size.height * self.samples_per_px)


def _mono() -> list[PixelFormat]:
    rows = [
        ("Mono8", 0x01080001, 8, Packing.BYTES),
        ("Mono10", 0x01100003, 10, Packing.WORDS),
        ("Mono10Packed", 0x010C0004, 10, Packing.GIGE_10),
        ("Mono10p", 0x010A0046, 10, Packing.LSB_10),
        ("Mono12", 0x01100005, 12, Packing.WORDS),
        ("Mono12Packed", 0x010C0006, 12, Packing.GIGE_12),
        ("Mono12p", 0x010C0047, 12, Packing.LSB_12),
        ("Mono14", 0x01100025, 14, Packing.WORDS),
        ("Mono16", 0x01100007, 16, Packing.WORDS),
    ]
    return [PixelFormat(name, code, Kind.MONO, bits, packing) for name, code, bits, packing in rows]


_PATTERNS = {"GR": "GRBG", "RG": "RGGB", "GB": "GBRG", "BG": "BGGR"}

# The number of each pattern's format, in the order GR, RG, GB, BG.
_BAYER = [
    ("8", 8, Packing.BYTES, (0x01080008, 0x01080009, 0x0108000A, 0x0108000B)),
    ("10", 10, Packing.WORDS, (0x0110000C, 0x0110000D, 0x0110000E, 0x0110000F)),
    ("10Packed", 10, Packing.GIGE_10, (0x010C0026, 0x010C0027, 0x010C0028, 0x010C0029)),
    ("10p", 10, Packing.LSB_10, (0x010A0056, 0x010A0058, 0x010A0054, 0x010A0052)),
    ("12", 12, Packing.WORDS, (0x01100010, 0x01100011, 0x01100012, 0x01100013)),
    ("12Packed", 12, Packing.GIGE_12, (0x010C002A, 0x010C002B, 0x010C002C, 0x010C002D)),
    ("12p", 12, Packing.LSB_12, (0x010C0057, 0x010C0059, 0x010C0055, 0x010C0053)),
    ("16", 16, Packing.WORDS, (0x0110002E, 0x0110002F, 0x01100030, 0x01100031)),
]


def _bayer() -> list[PixelFormat]:
    return [
        PixelFormat(f"Bayer{pattern}{suffix}", code, Kind.BAYER, bits, packing, _PATTERNS[pattern])
        for suffix, bits, packing, codes in _BAYER
        for pattern, code in zip(_PATTERNS, codes, strict=True)
    ]


def _colour() -> list[PixelFormat]:
    rows = [
        ("RGB8", 0x02180014, 8, "RGB"),
        ("BGR8", 0x02180015, 8, "BGR"),
        ("RGBa8", 0x02200016, 8, "RGBa"),
        ("BGRa8", 0x02200017, 8, "BGRa"),
        ("RGB10", 0x02300018, 10, "RGB"),
        ("BGR10", 0x02300019, 10, "BGR"),
        ("RGB12", 0x0230001A, 12, "RGB"),
        ("BGR12", 0x0230001B, 12, "BGR"),
        ("RGB16", 0x02300033, 16, "RGB"),
        ("BGR16", 0x0230004B, 16, "BGR"),
    ]
    return [
        PixelFormat(
            name,
            code,
            Kind.COLOUR,
            bits,
            Packing.BYTES if bits == 8 else Packing.WORDS,
            order,
            samples_per_px=len(order),
        )
        for name, code, bits, order in rows
    ]


def _yuv() -> list[PixelFormat]:
    rows = [
        ("YUV422_8", 0x02100032, "YUYV", False),
        ("YUV422_8_UYVY", 0x0210001F, "UYVY", False),
        ("YCbCr422_8", 0x0210003B, "YUYV", False),
        ("YCbCr422_8_CbYCrY", 0x02100043, "UYVY", False),
        ("YCbCr601_422_8", 0x0210003E, "YUYV", True),
        ("YCbCr601_422_8_CbYCrY", 0x02100044, "UYVY", True),
    ]
    return [
        PixelFormat(name, code, Kind.YUV, 8, Packing.BYTES, order, samples_per_px=2, limited=limited)
        for name, code, order, limited in rows
    ]


_ALL = [*_mono(), *_bayer(), *_colour(), *_yuv()]
_BY_NAME = {each.name: each for each in _ALL}
_BY_CODE = {each.code: each for each in _ALL}

# Names of the time before the naming convention, as older cameras and pylon write them.
_OLD_NAMES = {
    "RGB8Packed": "RGB8",
    "BGR8Packed": "BGR8",
    "RGBA8Packed": "RGBa8",
    "BGRA8Packed": "BGRa8",
    "RGBA8": "RGBa8",
    "BGRA8": "BGRa8",
    "RGB10Packed": "RGB10",
    "BGR10Packed": "BGR10",
    "RGB12Packed": "RGB12",
    "BGR12Packed": "BGR12",
    "RGB16Packed": "RGB16",
    "YUV422Packed": "YUV422_8_UYVY",
    "YUV422_YUYV_Packed": "YUV422_8",
    "YUYV": "YUV422_8",
    "UYVY": "YUV422_8_UYVY",
}


def names() -> tuple[str, ...]:
    """Every name that `pixel_format` knows, those of the convention only."""
    return tuple(_BY_NAME)


def pixel_format(asked: str | int) -> PixelFormat:
    """The format of a name or of a number in the naming convention.

    Args:
        asked: `Mono12Packed`, or `0x010C0006`. Names from before the convention (`RGB8Packed`, `YUYV`) are known too.

    Raises:
        ImageFormatError: It is not read; the message names those that are.
    """
    if isinstance(asked, str):
        found = _BY_NAME.get(_OLD_NAMES.get(asked, asked))
        if found is None:
            raise ImageFormatError(
                f'pixel format "{asked}" is not read{near(asked, (*_BY_NAME, *_OLD_NAMES))}. Set the camera\'s '
                f"PixelFormat to one of these: {', '.join(_BY_NAME)}"
            )
        return found
    if asked not in _BY_CODE:
        raise ImageFormatError(
            f"pixel format {asked:#010x} is not read. Set the camera's PixelFormat to one of these: "
            f"{', '.join(_BY_NAME)}"
        )
    return _BY_CODE[asked]
