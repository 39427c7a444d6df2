"""A video that is whole at every moment: each picture is on its way to the disk before the next is drawn."""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

from lineside.outputs.files import cannot_write
from lineside.outputs.view import boxes

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.core.geometry import Size


class JpegMovie:
    """Writes JPEG pictures with the times at which they were shown into an MP4 file.

    While it grows the file is a fragmented MP4, which players read as far as it goes, also where the process was killed. `close`
    turns it in place into a plain one, with a table of all pictures: the fragments become one box of media data.

    Args:
        path: The file; there is none yet.
        size: Of the pictures, even.

    Attributes:
        path: The file.
        frames: How many pictures it has.
        bytes: How long it is.

    Raises:
        OutputError: It cannot be made, or is there already.
    """

    def __init__(self, path: Path, size: Size) -> None:
        self.path = path
        self.frames = 0
        self._size = size
        self._start_ms = 0
        self._durations, self._lengths, self._offsets = array("L"), array("L"), array("Q")
        head = boxes.file_type()
        self._wrapped = len(head)
        head += boxes.placeholder() + boxes.movie(size, boxes.no_tables(), 0, is_fragmented=True)
        self.bytes = len(head)
        try:
            # Without a buffer of its own: what was written is the system's, and outlives the process.
            self._file = path.open("xb", buffering=0)
        except OSError as fault:
            raise cannot_write(path, fault) from fault
        try:
            self._append(head)
        except OSError as fault:
            self._file.close()
            path.unlink(missing_ok=True)
            raise cannot_write(path, fault) from fault

    def write(self, data: bytes, seconds: float) -> None:
        """Append a picture.

        Args:
            data: JPEG, of the movie's size.
            seconds: How long it was shown, above 0.

        Raises:
            OutputError: It cannot be written. The file holds what it held before.
        """
        duration = max(round(seconds * boxes.TIMESCALE), 1)
        piece, place = boxes.fragment(self.frames + 1, self._start_ms, duration, data)
        try:
            self._append(piece)
        except OSError as fault:
            self._cut()
            raise cannot_write(self.path, fault) from fault
        self._offsets.append(self.bytes + place)
        self._durations.append(duration)
        self._lengths.append(len(data))
        self._start_ms += duration
        self.frames += 1
        self.bytes += len(piece)

    def close(self) -> None:
        """The file is a plain MP4; may be called twice.

        Raises:
            OutputError: The table of its pictures cannot be written. It stays as it was, and can be read.
        """
        if self._file.closed:
            return
        table = boxes.tables(self._durations, self._lengths, self._offsets)
        whole = boxes.movie(self._size, table, self._start_ms, is_fragmented=False)
        try:
            self._append(whole)
            # The order matters: until the fragments are hidden the file is what it was, with a box more.
            os.fsync(self._file.fileno())
            self._file.seek(self._wrapped)
            self._append(boxes.wrapper(self.bytes - self._wrapped))
        except OSError as fault:
            self._cut()
            raise cannot_write(self.path, fault) from fault
        finally:
            self._file.close()

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) or 0 :]

    def _cut(self) -> None:
        """Take back what was written in part."""
        try:
            self._file.truncate(self.bytes)
            self._file.seek(self.bytes)
        except OSError:  # the disk is gone; readers pass over the broken end
            return
