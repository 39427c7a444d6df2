"""What is known about a picture file before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import ImageFileError

if TYPE_CHECKING:
    from lineside.core.geometry import Size

HEAD_BYTES = 16
"""How many bytes of a file's start tell its format."""

AGAIN = "Copy or export it again."
"""What to do about a broken file: the end of such messages."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file says about itself.

    Attributes:
        size: Size of the stored picture, before any EXIF rotation.
        multiplies_alpha: True where the decoder would multiply the colours by a transparency.
    """

    size: Size
    multiplies_alpha: bool = False


def not_zero(size: Size, name: str) -> Size:
    """The same size, when it has pixels.

    Args:
        size: What the file's header says.
        name: The file's name, for the message.

    Raises:
        ImageFileError: A side is zero or negative.
    """
    if size.width < 1 or size.height < 1:
        raise ImageFileError(
            f"{name}: expected a picture of at least 1x1 pixel, its header says {size}. {AGAIN}"
        )
    return size


def truncated(name: str, found: str) -> ImageFileError:
    """The refusal of a file that ends too early.

    Args:
        name: The file's name.
        found: What is missing.
    """
    return ImageFileError(f"{name}: the file is truncated: {found}. {AGAIN}")


def several(name: str, found: str) -> ImageFileError:
    """The refusal of a file that holds more than one picture, of which all but one would be lost.

    Args:
        name: The file's name.
        found: How many there are of what.
    """
    return ImageFileError(
        f"{name}: expected one picture in a file, found {found}. Split it into single pictures."
    )
