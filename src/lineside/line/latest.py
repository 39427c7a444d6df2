"""The latest of many numbers, in memory that does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Latest:
    """The latest so many numbers.

    All of its memory is touched when it is made: a list of numbers that fills over hours looks like a leak for as long.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._values = np.full(most, np.nan)
        self._count = 0

    def __len__(self) -> int:
        """How many are kept by now."""
        return min(self._count, len(self._values))

    def append(self, value: float) -> None:
        """Keep one more; the oldest goes where there is no room."""
        self._values[self._count % len(self._values)] = value
        self._count += 1

    def values(self) -> NDArray[np.float64]:
        """Those that are kept, float64 (N,), in no order. The caller owns them."""
        return self._values[: len(self)].copy()
