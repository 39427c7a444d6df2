"""What lies in the folder of shared memory."""

from __future__ import annotations

from pathlib import Path

_OTHERS = ("sem.", "PostgreSQL.")  # of programs that other tests start meanwhile


def in_shm():
    """The names there that are not of other programs."""
    folder = Path("/dev/shm")
    if not folder.exists():
        return set()
    return {path.name for path in folder.iterdir() if not path.name.startswith(_OTHERS)}
