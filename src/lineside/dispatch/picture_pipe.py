"""The way of pictures that lie in no slot: their bytes, through a pipe."""

from __future__ import annotations

import contextlib
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray


class PicturePipe:
    """Sends pictures in their order, in a thread of its own: a pipe takes little at a time, and a process that is stopped nothing.

    Args:
        end: Where they go. It belongs to this from here on.
    """

    def __init__(self, end: Connection) -> None:
        self._end = end
        self._pictures: SimpleQueue[NDArray[np.uint8] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def send(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        """Send pictures; returns at once."""
        if pictures and self._thread is None:
            self._thread = Thread(target=self._send, name="lineside pictures", daemon=True)
            self._thread.start()
        for picture in pictures:
            self._pictures.put(picture)

    def close(self) -> None:
        """Send nothing more; for when the other end is closed, which ends what is being sent."""
        if self._thread is None:
            self._end.close()
        self._pictures.put(None)

    def _send(self) -> None:
        with (
            self._end,
            contextlib.suppress(OSError),
        ):  # nobody is there any more, which the worker's news tell
            while (picture := self._pictures.get()) is not None:
                self._end.send_bytes(np.ascontiguousarray(picture).reshape(-1).data)
                del picture
