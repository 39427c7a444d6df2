"""Real peers that only some machines have. A test that needs one skips with the reason, or fails where it was promised.

`LINESIDE_EXPECT=mosquitto,postgres,s3` promises them, so that continuous integration cannot pass them over in silence.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import time
from contextlib import suppress

import pytest


def promised(name, reason):
    """Skip with the reason, or fail where the environment promises the peer."""
    if name in os.environ.get("LINESIDE_EXPECT", "").split(","):
        pytest.fail(f"LINESIDE_EXPECT promises {name}, but {reason}")
    pytest.skip(f"{name}: {reason}")


def program(name, *, peer, paths=()):
    """The path of an installed program."""
    found = shutil.which(name) or next((p for p in paths if os.access(p, os.X_OK)), None)
    if found is None:
        promised(peer, f"the program {name} is not installed")
    return found


def free_port():
    """A port that nobody has, for a program that cannot take one by itself.

    It is none of those that the system gives away by itself, of which another test may be given it meanwhile.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free from 20000 to 32000")


def listens(port):
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition, what="what was waited for", timeout_s=20.0):
    """Wait for a condition; the value that it has at last."""
    end_s = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > end_s:
            raise TimeoutError(f"expected {what} within {timeout_s:g} s")
        time.sleep(0.002)
    return value
