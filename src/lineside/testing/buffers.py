"""Buffers that count what is lent, for tests of whoever writes pictures into them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.buffers import picture_bytes
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OLD = 0xA5


class CountedBuffers:
    """Lends ordinary memory that holds an older picture, and knows what is out.

    Attributes:
        lent: How many arrays were lent.
        unused: How many of them were given back without a picture.
    """

    def __init__(self) -> None:
        self.lent = 0
        self.unused = 0
        self._out: dict[int, weakref.ref[NDArray[np.uint8]]] = {}

    def lend(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """As `FrameBuffers.lend`."""
        array = np.full(picture_bytes(shape), _OLD, np.uint8)
        self.lent += 1
        self._out[id(array)] = weakref.ref(array)
        return array.reshape(shape)

    def give_back(self, array: NDArray[np.uint8]) -> None:
        """As `FrameBuffers.give_back`.

        Raises:
            SettingsError: It was never lent, or is back already.
        """
        found = self._out.pop(id(_whole(array)), None)
        if found is None or found() is None:
            raise SettingsError("buffers: an array was given back that was not lent, or is back already")
        self.unused += 1

    def is_lent(self, array: NDArray[np.uint8]) -> bool:
        """Whether an array lies in one that is out."""
        return id(_whole(array)) in self._out

    @property
    def out(self) -> int:
        """How many arrays are lent and not back."""
        return sum(held() is not None for held in self._out.values())


def _whole(array: NDArray[np.uint8]) -> object:
    """The array that owns an array's memory."""
    whole: object = array
    while isinstance(whole, np.ndarray) and whole.base is not None:
        whole = whole.base
    return whole
