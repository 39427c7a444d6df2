"""Places for pictures in memory that worker processes see: what a camera writes there reaches a worker without a copy."""

from __future__ import annotations

import math
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from lineside.core.errors import SettingsError
from lineside.dispatch.shared import SharedBlock, free_bytes, refuse_more_than_free

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

_PAGE = 4096


class Place(NamedTuple):
    """Where an array lies in the memory of slots.

    Attributes:
        offset: Of its first byte.
        shape: Its shape.
        strides: Bytes from one element to the next, for each axis.
    """

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Loan:
    """A place in use, for as long as it has not been given back and an array lies in it: numpy keeps it as the array's base."""

    __slots__ = ("__array_interface__", "_free", "_memory", "_number", "place")

    def __init__(self, number: int, place: Place, slots: Slots) -> None:
        self.place = place
        self.__array_interface__ = {
            "shape": place.shape,
            "typestr": "|u1",
            "data": (slots._start + place.offset, False),  # noqa: SLF001 # a part of them
            "version": 3,
        }
        self._number = [number]
        self._free = slots._free  # noqa: SLF001 # a part of them
        self._memory = slots._bytes  # noqa: SLF001 # kept for as long as an array lies in it

    def end(self) -> bool:
        """Give the place back; whether it was in use. It takes no lock, as the garbage collector calls it wherever it likes."""
        try:
            self._free.append(self._number.pop())
        except IndexError:
            return False
        return True

    def __del__(self) -> None:
        self.end()


class Slots:
    """Equal places for pictures, in memory that worker processes see. Safe from several threads.

    Args:
        count: How many.
        each_bytes: Size of one; a colour picture has height x width x 3.
        folder: Where the memory is made, for systems without memory files of their own.
        shared: Whether processes are to see it; else it is this process's own.

    Attributes:
        count: How many there are.
        each_bytes: What a picture may have at most.
        block: Their memory, which a worker process is given when it starts; `None` where it is not shared.
        copied: How many pictures were copied into a place.

    Raises:
        SettingsError: A number is out of range, or the system has not so much memory.
    """

    def __init__(
        self, count: int, each_bytes: int, *, folder: Path | None = None, shared: bool = True
    ) -> None:
        for name, number in (("count", count), ("each_bytes", each_bytes)):
            if number < 1:
                raise SettingsError(f"slots: {name}: expected at least 1; got {number}")
        self.count = count
        self.each_bytes = each_bytes
        self._stride = -(-each_bytes // _PAGE) * _PAGE
        self.block = SharedBlock(count * self._stride, folder=folder) if shared else None
        self._bytes: NDArray[np.uint8] = (
            _own_memory(count * self._stride)
            if self.block is None
            else np.frombuffer(self.block.memory, np.uint8)
        )
        self._start: int = self._bytes.__array_interface__["data"][0]
        self._free = deque(range(count - 1, -1, -1))
        self._lock = Lock()
        self.copied = 0

    def acquire(self, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """A place for a picture, or `None` where all are in use. It holds an older picture.

        It comes back with the last array that lies in it, or sooner with `release`.

        Args:
            shape: Shape of the picture, uint8.

        Raises:
            SettingsError: The picture is larger than a place, or has no pixels.
        """
        size = math.prod(shape)
        if not 0 < size <= self.each_bytes:
            raise SettingsError(
                f"slots: a picture of {'x'.join(map(str, shape))} has {size} bytes; expected 1 to {self.each_bytes}, the size of a "
                "slot. Ask for larger slots"
            )
        try:
            number = self._free.pop()
        except IndexError:
            return None
        strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        return np.asarray(_Loan(number, Place(number * self._stride, shape, strides), self))

    def copy_of(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """A picture in a place, copied there; `None` where it is larger than one or all are in use."""
        copy = self.acquire(picture.shape) if 0 < picture.nbytes <= self.each_bytes else None
        if copy is not None:
            np.copyto(copy, picture)
            with self._lock:
                self.copied += 1
        return copy

    def release(self, array: NDArray[np.uint8]) -> None:
        """Give a place back, by the array that `acquire` gave or a part of it. Nobody may look at it any more.

        Raises:
            SettingsError: The array lies in no place, or in one that is free.
        """
        loan: object = array
        while isinstance(loan, np.ndarray):
            loan = loan.base
        if not (isinstance(loan, _Loan) and self.find(array) is not None and loan.end()):
            raise SettingsError("slots: an array was given back that lies in no slot, or in one that is free")

    def find(self, array: NDArray[np.uint8]) -> Place | None:
        """Where an array or a view of one lies in a slot, or `None` where it lies elsewhere."""
        loan: object = array.base
        if isinstance(loan, _Loan) and loan.place.shape == array.shape and loan._memory is self._bytes:  # noqa: SLF001 # a part of them
            return loan.place  # as it was lent, which is what nearly all are
        offset = array.__array_interface__["data"][0] - self._start
        if not 0 <= offset < self._bytes.size or array.dtype != np.uint8:
            return None
        if min(array.strides, default=0) < 0 or not array.size:
            return None
        return Place(offset, array.shape, array.strides)

    @property
    def free(self) -> int:
        """How many are not in use."""
        return len(self._free)

    def close(self) -> None:
        """Start no further worker with them. Their memory goes with the last array that lies in it."""
        if self.block is not None:
            self.block.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _own_memory(size_bytes: int) -> NDArray[np.uint8]:
    """Memory of this process, set aside as that which is shared: what is missing would else be missed by a picture.

    Raises:
        SettingsError: There is not so much.
    """
    refuse_more_than_free(size_bytes, "memory")
    try:
        memory = np.zeros(size_bytes, np.uint8)
    except (MemoryError, ValueError) as fault:
        raise SettingsError(
            f"slots: {size_bytes / 1e6:.1f} MB of memory cannot be had: {fault}. Ask for fewer or smaller slots"
        ) from fault
    if (
        free_bytes() is not None
    ):  # else it may be more than there is, and the system finds that out as late as it can
        memory.fill(0)  # until it is written to it is only promised
    return memory


def picture_at(memory: memoryview, place: Place) -> NDArray[np.uint8]:
    """The array at a place, as a process sees it that was given the memory.

    Raises:
        ValueError, TypeError: It is not within the memory.
    """
    return np.ndarray(place.shape, np.uint8, memory, place.offset, place.strides)
