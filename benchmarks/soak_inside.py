"""`lineside` in a process that also tells what its memory is made of: `soak_inside.py EVERY_S LEAK_BYTES FILE run line.toml …`.

Linux tells how large a process is, and only the process itself knows what is Python's and what is C's. It writes that to FILE, from a thread of
its own. With LEAK_BYTES it keeps so much for each part that it logs: a leak that the soak must find.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

_MIB = 1 << 20
_ARENAS = re.compile(rb"arenas \* \d+ bytes/arena\s*=\s*([\d,]+)")
_IN_USE = re.compile(rb"bytes in allocated blocks\s*=\s*([\d,]+)")
_TYPES_EVERY = 10  # counting objects holds the process up for some 0.1 s


class Mallinfo(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


class Leaking:
    """A stream that keeps some bytes for every part that is logged.

    Args:
        stream: Where the text goes.
        leak_bytes: For each part.
    """

    def __init__(self, stream: TextIO, leak_bytes: int) -> None:
        self._stream = stream
        self._leak_bytes = leak_bytes
        self._kept: list[bytearray] = []

    def write(self, text: str) -> int:
        """Pass it on."""
        if '"kind": "part"' in text:
            self._kept.append(bytearray(b"x" * self._leak_bytes))
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Teller:
    """Says what the memory of this process is made of.

    Args:
        file: Where it is written, whole or not at all.
        said: The file that takes what the interpreter's allocator says of itself; it is this process's descriptor 2.
    """

    def __init__(self, file: Path, said: int) -> None:
        self._file, self._said = file, said
        self._looks = 0
        self._types: Counter[str] = Counter()
        library = ctypes.CDLL(None)
        self._mallinfo = getattr(library, "mallinfo2", None)  # glibc 2.33 and later
        if self._mallinfo is not None:
            self._mallinfo.restype = Mallinfo

    def tell(self) -> None:
        """Write it once."""
        heap, in_use = self._python()
        told: dict[str, Any] = {"python": heap, "python_in_use": in_use, "blocks": sys.getallocatedblocks()}
        if self._mallinfo is not None:
            found = self._mallinfo()
            told["native"] = (found.arena + found.hblkhd) / _MIB
            told["native_in_use"] = (found.uordblks + found.hblkhd) / _MIB
        if self._looks % _TYPES_EVERY == 0:
            # The old ones alone: to hold a tuple that another thread is still making breaks it there (SystemError), and
            # what leaks grows old.
            self._types = Counter(str(type(one)) for one in gc.get_objects(generation=2))
        self._looks += 1
        told["types"] = dict(self._types.most_common(400))
        temporary = self._file.with_suffix(".part")
        temporary.write_text(json.dumps(told))
        temporary.replace(self._file)

    def _python(self) -> tuple[float, float]:
        """MiB that the interpreter took for its objects, and those of them that are in use; 0 where it does not tell."""
        os.ftruncate(self._said, 0)
        sys._debugmallocstats()  # noqa: SLF001 # documented, and the one place that tells; it writes to C's stderr
        text = os.pread(self._said, 1 << 20, 0)
        found = [pattern.search(text) for pattern in (_ARENAS, _IN_USE)]
        heap, in_use = (int(one[1].replace(b",", b"")) / _MIB if one else 0.0 for one in found)
        return heap, in_use


def main() -> None:
    """Run lineside, and tell."""
    every_s, leak_bytes, file, *arguments = sys.argv[1:]
    path = Path(file).resolve()
    stream = os.fdopen(os.dup(2), "w", buffering=1)
    sys.stderr = Leaking(stream, int(leak_bytes)) if int(leak_bytes) else stream
    said = os.open(path.with_suffix(".stderr"), os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 2)
    teller = Teller(path, said)

    def work() -> None:
        pause = threading.Event()
        while not pause.wait(float(every_s)):
            teller.tell()

    threading.Thread(target=work, name="soak", daemon=True).start()
    from lineside.cli import app

    sys.argv = ["lineside", *arguments]
    app.main()


if __name__ == "__main__":
    main()
