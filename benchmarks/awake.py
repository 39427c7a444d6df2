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

# One loop in C, which leaves the caches to what is measured. It hears nothing, so it has a limit of its own: a parent that dies cannot end it.
_SPIN = """
import os, resource
from collections import deque
from itertools import repeat
os.sched_setaffinity(0, [{core}])
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
resource.setrlimit(resource.RLIMIT_CPU, ({limit_s}, {limit_s}))
deque(repeat(None), maxlen=0)
"""
_LIMIT_S = 900


@contextmanager
def cores_awake() -> Iterator[None]:
    """A program on each core that runs only where nothing else does (`SCHED_IDLE`); any other takes the core from it at once.

    Raises:
        OSError: This system has no such class.
        SystemExit: One of them ended too soon.
    """
    if not POSSIBLE:
        raise OSError(
            "cores are kept awake by programs of the class SCHED_IDLE, which this system does not have"
        )
    spinners: list[subprocess.Popen[bytes]] = []
    try:
        for core in sorted(os.sched_getaffinity(0)):
            program = _SPIN.format(core=core, limit_s=_LIMIT_S)
            spinners.append(subprocess.Popen([sys.executable, "-c", program]))
        time.sleep(0.5)  # until they spin
        yield
        if any(spinner.poll() is not None for spinner in spinners):
            raise SystemExit(
                "what kept a core awake ended before the measurement; its figures are worth nothing"
            )
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
