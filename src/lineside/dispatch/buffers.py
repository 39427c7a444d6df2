"""Where sources write their pictures, so that a worker that is a process sees them without a copy."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.buffers import picture_bytes
from lineside.dispatch import forking

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.dispatch.slots import Slots


class SlotBuffers:
    """Lends places of slots; ordinary memory where none is free or the picture is larger, which costs a copy later and is counted.

    Args:
        slots: The slots; `None` lends ordinary memory only.

    Attributes:
        elsewhere: How many arrays were lent that lie in no slot.
    """

    def __init__(self, slots: Slots | None) -> None:
        self._slots = slots
        self._lock = Lock()
        self.elsewhere = 0
        forking.tell(self)

    def left_behind(self) -> None:
        """As `Forkable` says: lend none of the places, as the parent lends the same ones."""
        self._slots, self._lock = None, Lock()

    def lend(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """As `FrameBuffers.lend`.

        Raises:
            SettingsError: It is no shape of a picture.
        """
        size, slots = picture_bytes(shape), self._slots
        place = slots.acquire(shape) if slots is not None and size <= slots.each_bytes else None
        if place is not None:
            return place
        with self._lock:
            self.elsewhere += 1
        return np.empty(shape, np.uint8)

    def give_back(self, array: NDArray[np.uint8]) -> None:
        """As `FrameBuffers.give_back`.

        Raises:
            SettingsError: It has been given back already.
        """
        if self._slots is not None and self._slots.find(array) is not None:
            self._slots.release(array)
