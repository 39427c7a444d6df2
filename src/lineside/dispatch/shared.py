"""Memory that this process and its workers see, without a name that could be left behind.

The system hands a worker the memory itself, not a name to look it up by. So it is gone with the last process that has it,
however that one ends, and nothing has to be cleaned up. `SharedMemory` of the standard library has names: a block of
it stays when everybody is killed at once.
"""

from __future__ import annotations

import errno
import mmap
import os
import sys
import tempfile
from io import FileIO
from multiprocessing import reduction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

_MEMORY_FILES = Path("/dev/shm")  # noqa: S108 # where Linux keeps memory that has the form of a file


class SharedBlock:
    """A piece of memory. Another process gets it as an argument of its `Process`, read-only.

    Args:
        size_bytes: Its size. All of it is set aside at once, so that no use of it can fail later.
        folder: Where to make it, for systems without memory files of their own.

    Attributes:
        size_bytes: Its size.
        memory: Its bytes.

    Raises:
        SettingsError: The system has not so much; the message says how much, and what to do.
    """

    def __init__(self, size_bytes: int, *, folder: Path | None = None) -> None:
        self.size_bytes = size_bytes
        self._tag: str | None = None
        self._file: FileIO | None = None
        if sys.platform == "win32":
            self._tag = f"lineside-{os.getpid()}-{id(self)}"  # Windows forgets the name with the last handle
            self.memory = mmap.mmap(-1, size_bytes, tagname=self._tag)
            return
        self._file = _set_aside(size_bytes, folder)
        self.memory = mmap.mmap(self._file.fileno(), size_bytes)

    def close(self) -> None:
        """Give it to no further process. The memory itself goes with the last array that lies in it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """How a process that is being started gets it.

        Raises:
            SettingsError: It is closed.
        """
        if self._tag is not None:
            return _by_tag, (self._tag, self.size_bytes)
        if self._file is None:
            raise SettingsError("slots: they are closed, so no worker can be started with them")
        return _by_file, (reduction.DupFd(self._file.fileno()), self.size_bytes)


def _by_file(file: Any, size_bytes: int) -> mmap.mmap:
    number = file.detach()
    try:
        return mmap.mmap(number, size_bytes, access=mmap.ACCESS_READ)
    finally:
        os.close(number)


def _by_tag(tag: str, size_bytes: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size_bytes, tagname=tag, access=mmap.ACCESS_READ)
    raise AssertionError(tag)  # no other system has them


def _set_aside(size_bytes: int, folder: Path | None) -> FileIO:
    """A file in memory that has all its pages.

    Raises:
        SettingsError: There is no room.
    """
    place = "memory"
    try:
        if folder is None and hasattr(os, "memfd_create"):
            refuse_more_than_free(size_bytes, "shared memory")
            file = FileIO(os.memfd_create("lineside"), "r+")
        else:
            folder = folder or (_MEMORY_FILES if _MEMORY_FILES.is_dir() else Path(tempfile.gettempdir()))
            place = str(folder)
            with tempfile.TemporaryFile(dir=folder, buffering=0) as made:  # it has no name, or has it no more
                file = FileIO(os.dup(made.fileno()), "r+")
    except OSError as fault:
        raise _no_room(size_bytes, place, fault) from fault
    try:
        file.truncate(size_bytes)
        if hasattr(os, "posix_fallocate"):
            # Pages that are not there when they are first written to end the process with SIGBUS.
            os.posix_fallocate(file.fileno(), 0, size_bytes)
    except OSError as fault:
        file.close()
        raise _no_room(size_bytes, place, fault) from fault
    return file


def _no_room(size_bytes: int, place: str, fault: OSError) -> SettingsError:
    free = ""
    if fault.errno == errno.ENOSPC and place != "memory":
        found = os.statvfs(place)
        free = f", where {found.f_bavail * found.f_frsize / 1e6:.1f} MB are free"
    return SettingsError(
        f"slots: {size_bytes / 1e6:.1f} MB of shared memory cannot be had in {place}{free}: {fault.strerror or fault}. Ask for "
        "fewer or smaller slots, or give it more: docker run --shm-size=1g, or mount -o remount,size=1g /dev/shm"
    )


def refuse_more_than_free(size_bytes: int, kind: str) -> None:
    """Refuse what the machine or its container has not: the system would grant it, and end a process for it later.

    Args:
        size_bytes: What is asked for.
        kind: What it is called.

    Raises:
        SettingsError: It is more.
    """
    free = free_bytes()
    if free is not None and size_bytes > free:
        raise SettingsError(
            f"slots: {size_bytes / 1e6:.1f} MB of {kind} were asked for, and {free / 1e6:.1f} MB of memory are free. Ask for "
            "fewer or smaller slots, or give the machine or its container more memory"
        )


def free_bytes(root: Path = Path("/")) -> int | None:
    """Memory that this process could still use, by the machine and by its control group; `None` where neither tells.

    Args:
        root: Where the system's files are looked for.
    """
    found: list[int] = []
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        pass  # no Linux; what is not known refuses nothing
    try:
        group = root / "sys/fs/cgroup"
        most = (group / "memory.max").read_text(encoding="ascii").strip()
        if most != "max":
            counts = dict(
                line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines()
            )
            kept = int(counts.get("inactive_file", 0)) + int(
                counts.get("active_file", 0)
            )  # given up when needed
            used = int((group / "memory.current").read_text(encoding="ascii")) - kept
            found.append(max(int(most) - used, 0))
    except (OSError, ValueError):
        pass  # no second version of control groups, or no limit
    return min(found, default=None)
