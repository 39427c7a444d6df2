"""What is done in a child of `os.fork`, which has an engine's memory and pipes, but none of its threads.

Left alone, such a child would end its parent's workers with itself, keep them when the parent dies, and wait for answers for ever.
"""

from __future__ import annotations

import multiprocessing.process
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core.errors import DeviceUnavailableError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess


class Forkable(Protocol):
    """What has to know that it is in a child."""

    def left_behind(self) -> None:
        """Be of no use any more, and do no harm. It may take no lock: who held one is not here to give it back."""


_living: weakref.WeakSet[Any] = weakref.WeakSet()
tell = _living.add
"""Tells a `Forkable` of forks for as long as it lives."""


class LeftBehind:
    """Stands in the place of an engine's parts in a child, and refuses whatever is asked."""

    def __getattr__(self, name: str) -> Any:
        raise DeviceUnavailableError(
            "the engine belongs to the process that made it, and does not survive a fork: its threads are there alone. Make one "
            "in the child, or fork before the engine is made"
        )


def disown(process: BaseProcess | None) -> None:
    """Let the standard library not end a parent's process when a child exits."""
    getattr(multiprocessing.process, "_children", set()).discard(process)


def _in_child() -> None:
    for each in tuple(_living):
        each.left_behind()
    _forget_server()


def _forget_server() -> None:
    """Let the standard library start a server of the child's own where a process is asked for; it would wait for the parent's, and may not."""
    module = sys.modules.get("multiprocessing.forkserver")
    server: Any = getattr(module, "_forkserver", None)
    if getattr(server, "_forkserver_pid", None) is None:
        return
    if server._forkserver_alive_fd is not None:  # noqa: SLF001 # it has no call for that
        os.close(server._forkserver_alive_fd)  # noqa: SLF001 # or the parent's server would live as long as the child
    server._forkserver_pid = server._forkserver_address = server._forkserver_alive_fd = None  # noqa: SLF001 # as above
    server._lock = threading.Lock()  # noqa: SLF001 # as above


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
