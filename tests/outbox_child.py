"""A line that offers parts as fast as it can until somebody kills it: `outbox_child.py FOLDER RUN`.

It says how many of this run's parts are on disk. Its one sink writes each key into a file, in one write, after it has seen that
the pictures are whole, and fails now and then.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

from lineside.core.errors import OutputError
from lineside.outputs.keeping import Keep
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings
from parcels import inspection


class KeyFile:
    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._count = 0

    def emit(self, parcel):
        self._count += 1
        if self._count % 7 == 3:
            raise OutputError("now and then")
        names = [kept.name for kept in parcel.pictures]
        is_whole = names == ["top", "top-annotated"] and all(
            hashlib.sha256(kept.path.read_bytes()).hexdigest() == kept.sha256 for kept in parcel.pictures
        )
        word = "whole" if is_whole and parcel.record["detail"] == f"part {parcel.record['part']}" else "torn"
        os.write(self._file, f"{parcel.key} {word}\n".encode())

    def close(self):
        os.close(self._file)


def main():
    folder, run = Path(sys.argv[1]), sys.argv[2]
    settings = OutboxSettings(
        capacity=50, batch_s=0.005, first_pause_s=0.01, longest_pause_s=0.05, keep=Keep()
    )
    outbox = DurableOutbox(
        folder / "outbox", {"keys": KeyFile(folder / "keys")}, line="l", run=run, settings=settings
    )
    part, told = 0, 0
    while run != "last":
        if outbox.offer(inspection(part)):
            part += 1
        else:
            time.sleep(0.002)  # it would only take the time of the threads that store
        stored = outbox.statistics().stored
        if stored != told:
            told = stored
            sys.stdout.write(f"{stored}\n")
            sys.stdout.flush()
    end = time.monotonic() + 40
    while outbox.statistics().rows and time.monotonic() < end:
        time.sleep(0.01)
    sys.exit(0 if outbox.close(30) else 1)


if __name__ == "__main__":
    main()
