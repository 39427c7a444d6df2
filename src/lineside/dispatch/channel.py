"""Messages through one direction of a pipe, with one call of the system for each end of each message.

`Connection.recv_bytes` of the standard library reads a message in two calls and through a file in memory. After a run, when the caches hold
nothing of it, that takes several times as long as the message.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_HEAD = struct.Struct("!I")
_CHUNK = 1 << 16
_HAS_FILES = sys.platform != "win32"  # there a pipe has messages of its own


class Channel:
    """One end of a pipe. Only one thread at a time may use it.

    Args:
        end: The end, which the channel closes from now on.
    """

    def __init__(self, end: Connection) -> None:
        self._end = end
        self._number = end.fileno()
        self._read = bytearray()

    def close(self) -> None:
        """Close the end. No thread may be about to use it: its number is soon somebody else's."""
        self._number = -1
        self._end.close()

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: Nobody hears it.
        """
        if not _HAS_FILES:
            self._end.send_bytes(message)
            return
        left = _HEAD.pack(len(message)) + message
        while (written := os.write(self._number, left)) < len(left):
            left = left[written:]

    def receive(self) -> bytes:
        """The next message.

        Raises:
            EOFError: The other end is closed.
            OSError: This one is.
        """
        if not _HAS_FILES:
            return self._end.recv_bytes()
        read, number = self._read, self._number
        if not read:
            chunk = os.read(number, _CHUNK)
            if not chunk:
                raise EOFError
            if len(chunk) >= _HEAD.size and _HEAD.unpack_from(chunk)[0] == len(chunk) - _HEAD.size:
                return chunk[_HEAD.size :]  # one message, whole, as nearly all come
            read += chunk
        while len(read) < _HEAD.size or len(read) < (end := _HEAD.size + _HEAD.unpack_from(read)[0]):
            chunk = os.read(number, _CHUNK)
            if not chunk:
                raise EOFError
            read += chunk
        message = bytes(memoryview(read)[_HEAD.size : end])
        del read[:end]
        return message
