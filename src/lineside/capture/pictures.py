"""Picture files, read whole or refused with the reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.capture.header import HEAD_BYTES, Header
from lineside.core import plugins
from lineside.core.errors import (
    ImageFileError,
    ImageFormatError,
    ImageTooLargeError,
    SettingsError,
    near,
)
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

FORMATS = "lineside.capture.formats"
"""The folder of the picture formats, and the entry point group for more of them."""

DEFAULT_LIMIT_PX = 2**27
"""Pixels of the largest picture that is decoded, unless set: 134 megapixels, 384 MiB as BGR."""

_OPENCV_LIMIT_PX = 2**30
_BYTES_PER_PX = 8  # four channels of 16 bits without compression
_METADATA_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class Reading:
    """How picture files are read.

    Attributes:
        limit_px: Pixels of the largest picture or video frame that is decoded.
        scale_16bit: The 16-bit value that becomes 255 (4095 for most 12-bit cameras, 65535 for the full
            range), or `None` to refuse 16-bit pictures.

    Raises:
        SettingsError: A value is out of its range.
    """

    limit_px: int = DEFAULT_LIMIT_PX
    scale_16bit: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit_px <= _OPENCV_LIMIT_PX:
            raise SettingsError(f"limit_px: expected 1 to {_OPENCV_LIMIT_PX} pixels, got {self.limit_px}")
        scale = self.scale_16bit
        if scale is not None and not (math.isfinite(scale) and scale > 0):
            raise SettingsError(
                f"scale_16bit: expected the value above 0 that becomes 255, for instance 4095, got {scale}"
            )


def read_picture(
    path: Path, *, limit_px: int = DEFAULT_LIMIT_PX, scale_16bit: float | None = None
) -> NDArray[np.uint8]:
    """The whole picture of a file as a new uint8 (H, W, 3) BGR array, 0 to 255, owned by the caller.

    The pixels are those of `cv2.imread(path, cv2.IMREAD_COLOR)`: EXIF rotation is applied, grey is repeated
    to three channels, alpha is dropped. Size and completeness are read from the file's structure before
    anything is decoded.

    Args:
        path: A JPEG, PNG, BMP, TIFF or WebP file. Its bytes count, not its suffix.
        limit_px: Pixels of the largest picture that is decoded.
        scale_16bit: The 16-bit value that becomes 255; `None` refuses 16-bit pictures. No effect on others.

    Raises:
        ImageFileError: The file is missing, empty, truncated, damaged, zero-sized, of no known format, or
            holds several pictures.
        ImageTooLargeError: The picture has more than `limit_px` pixels, or the file more bytes than such a
            picture can need. It was not decoded.
        ImageFormatError: The samples are floating point, signed, or 16-bit without `scale_16bit`.
        SettingsError: `limit_px` or `scale_16bit` is out of its range.
    """
    reading = Reading(limit_px, scale_16bit)
    name = str(path)
    data = _read_bytes(path, reading.limit_px)
    found = _format_of(data[:HEAD_BYTES])
    if found is None:
        raise ImageFileError(
            f"{name}: expected a picture file ({', '.join(plugins.names(FORMATS))}), its first bytes "
            f"{data[:8]!r} are of none of them. Convert it."
        )
    kind, module = found
    header: Header = module.check(data, name)
    pixels = header.size.width * header.size.height
    if pixels > reading.limit_px:
        raise ImageTooLargeError(
            f"{name}: expected at most {reading.limit_px} pixels, its header says {header.size} ({pixels}). "
            "Raise limit_px if the file is trusted."
        )
    image = _without_alpha(_decode(data, header, name, kind), name)
    return _as_bytes(image, reading.scale_16bit, name)


def is_picture(path: Path) -> bool:
    """True when the file's first bytes are those of a format that is read; False where it cannot be opened."""
    try:
        if not path.is_file():  # opening a named pipe would wait for its writer
            return False
        with path.open("rb") as file:
            return _format_of(file.read(HEAD_BYTES)) is not None
    except OSError:
        return False


def _format_of(head: bytes) -> tuple[str, ModuleType] | None:
    for kind in plugins.each(FORMATS):
        module = plugins.load(FORMATS, kind)
        if module.matches(head):
            return kind, module
    return None


def _read_bytes(path: Path, limit_px: int) -> bytes:
    limit_bytes = limit_px * _BYTES_PER_PX + _METADATA_BYTES
    try:
        if path.exists() and not path.is_file():
            raise ImageFileError(f"{path}: expected a picture file, this is no regular file.")
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except FileNotFoundError as missing:
        raise ImageFileError(f"{path}: no such file{near(path.name, neighbours(path))}") from missing
    except (OSError, ValueError) as fault:  # ValueError: a NUL in the name
        raise ImageFileError(f"{path}: the file cannot be read: {fault}") from fault
    if not data:
        raise ImageFileError(f"{path}: expected a picture, the file is empty (0 bytes).")
    if len(data) > limit_bytes:
        raise ImageTooLargeError(
            f"{path}: expected at most {limit_bytes} bytes, which {limit_px} pixels can need at most; the file "
            "has more. Raise limit_px if the file is trusted."
        )
    return data


def neighbours(path: Path) -> list[str]:
    """Names of the entries of the folder that `path` is in, sorted; empty where it cannot be listed."""
    try:
        return sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return []


def _decode(data: bytes, header: Header, name: str, kind: str) -> NDArray[Any]:
    import cv2

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    if header.multiplies_alpha:
        flags = cv2.IMREAD_UNCHANGED
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as fault:
        raise ImageFileError(f"{name}: OpenCV refuses this {kind} file: {fault.err}") from fault
    if image is None:
        raise ImageFileError(
            f"{name}: OpenCV cannot decode this {kind} file: it is damaged or of a rare kind. "
            "Export it again, as PNG for instance."
        )
    size = header.size
    got = Size(*image.shape[:2])
    if got not in (size, Size(height=size.width, width=size.height)):
        raise ImageFileError(f"{name}: its header says {size}, the decoded picture has {got}: it is damaged.")
    return image


def _without_alpha(image: NDArray[Any], name: str) -> NDArray[Any]:
    """The colours of a picture that was decoded with its alpha; they are true only where it is opaque."""
    if image.shape[2:] != (4,):
        return image
    if (image[:, :, 3] != np.iinfo(image.dtype).max).any():
        raise ImageFileError(
            f"{name}: this TIFF has transparent pixels, and its decoder would darken their colours. Save it "
            "without alpha, or as PNG."
        )
    return np.ascontiguousarray(image[:, :, :3])


def _as_bytes(image: NDArray[Any], scale_16bit: float | None, name: str) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:
        raise ImageFormatError(
            f"{name}: expected samples of unsigned 8 or 16 bits, got {image.dtype}. Convert it to an 8-bit picture."
        )
    if scale_16bit is None:
        raise ImageFormatError(
            f"{name}: expected an 8-bit picture, got 16 bits with values up to {image.max()}. Set scale_16bit "
            "to the value that shall become 255 (4095 for most 12-bit cameras, 65535 for the full range)."
        )
    brightness: NDArray[np.uint8] = _table_16bit(scale_16bit)[image]
    return brightness


@lru_cache(maxsize=4)
def _table_16bit(scale: float) -> NDArray[np.uint8]:
    values = np.rint(np.arange(2**16) * 255 / scale)
    return values.clip(0, 255).astype(np.uint8)
