"""Keep the cores from sleeping while something is measured, so that a figure is the program's and not that of waking a core.

A core that has nothing to do halts. Waking it costs the thread that wakes it a trip out of a virtual machine, or out of an idle state, and the
thread that runs there cold caches; both are counted as the program's processor time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

POSSIBLE = hasattr(os, "SCHED_IDLE")
"""Whether this system has a class of programs that run only where a core would sleep."""

# Ends when its parent does, which then no longer holds the other end of its standard input.
_SPIN = """
import os, select
os.sched_setaffinity(0, {core})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while not select.select([0], [], [], 0)[0]:
    for _ in range(100_000):
        pass
"""


@contextmanager
def cores_awake() -> Iterator[None]:
    """A program on each core that runs only where nothing else does (`SCHED_IDLE`); any other takes the core from it at once.

    Raises:
        OSError: This system has no such class.
    """
    if not POSSIBLE:
        raise OSError(
            "cores are kept awake by programs of the class SCHED_IDLE, which this system does not have"
        )
    spinners = [
        subprocess.Popen([sys.executable, "-c", _SPIN.format(core={core})], stdin=subprocess.PIPE)
        for core in sorted(os.sched_getaffinity(0))
    ]
    try:
        time.sleep(0.5)  # until they spin
        yield
    finally:
        for spinner in spinners:
            spinner.communicate(b"end")
