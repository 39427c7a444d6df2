"""The order in which lineside's signals reach a control that reads while they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineside.outputs.plant.signals import RESULTS_WORD, pack_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.outputs.plant.signals import Order, Status

_SPLIT = 2 * RESULTS_WORD


class Outlet:
    """Writes what has changed: results while they are not valid, flags after them.

    Args:
        write: Writes bytes from a word of the block on; raises where it cannot.
        order: Which byte of a number comes first.
    """

    def __init__(self, write: Callable[[int, bytes], None], order: Order) -> None:
        self._write = write
        self._order = order
        self._flags: bytes | None = None
        self._results: bytes | None = None
        self._is_valid = True  # of an earlier run, for all we know

    def forget(self) -> None:
        """Nobody knows any more what stands there: everything is written again."""
        self._flags = self._results = None
        self._is_valid = True

    def write(self, status: Status) -> None:
        """The control reads this, and never half of it with `results_valid`."""
        block = pack_status(status, self._order)
        flags, results = block[:_SPLIT], block[_SPLIT:]
        if results != self._results:
            if self._is_valid:
                self._put_flags(pack_status(replace(status, results_valid=False), self._order)[:_SPLIT])
                self._is_valid = False
            self._results = None  # until it is known to stand there whole
            self._write(RESULTS_WORD, results)
            self._results = results
        if flags != self._flags:
            self._put_flags(flags)
        self._is_valid = status.results_valid

    def _put_flags(self, flags: bytes) -> None:
        self._flags = None
        self._write(0, flags)
        self._flags = flags
