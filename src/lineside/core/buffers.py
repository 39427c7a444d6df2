"""Memory that pictures are written into where they are taken, so that nobody has to copy them on their way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class FrameBuffers(Protocol):
    """Lends arrays to write pictures into. Safe from several threads.

    A source asks for one, writes the picture into it and hands it on as the frame's image. What is lent comes back by itself with
    the last array that lies in it, used or not; there is no call that could be forgotten.
    """

    def lend(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array to write into; it always comes, at once. It holds whatever was there before.

        Args:
            shape: (H, W, 3), or (H, W) for a grey picture.

        Returns:
            uint8 of that shape, C-contiguous, the borrower's alone until it is handed on.

        Raises:
            SettingsError: It is no shape of a picture.
        """

    def give_back(self, array: NDArray[np.uint8]) -> None:
        """Take an array back that no picture came into, sooner than by itself. Nobody may look at it any more.

        Args:
            array: What `lend` gave, or a part of it.
        """


class FreshBuffers:
    """Ordinary memory, new for each picture: for those who have nothing better to lend."""

    def lend(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """As `FrameBuffers.lend`."""
        picture_bytes(shape)
        return np.empty(shape, np.uint8)

    def give_back(self, array: NDArray[np.uint8]) -> None:
        """As `FrameBuffers.give_back`: it goes with the last array that lies in it anyhow."""


def picture_bytes(shape: tuple[int, ...]) -> int:
    """Bytes of a picture of that shape.

    Raises:
        SettingsError: It is no shape of a picture.
    """
    if not shape or any(not hasattr(side, "__index__") or side < 1 for side in shape):
        raise SettingsError(f"buffers: expected the shape of a picture, as (1080, 1920, 3); got {shape!r}")
    return math.prod(shape)
