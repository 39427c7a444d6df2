"""How much memory this process has in use."""

from __future__ import annotations

from pathlib import Path


def resident_bytes(*, settle: bool = True) -> int | None:
    """Resident memory that this process has in use, or `None` where the system does not tell it in a file.

    Args:
        settle: Give back what was freed, but kept by the allocator for its next request, as it would hide a growth. That
            takes too long for a start.
    """
    status = Path("/proc/self/statm")
    if not status.exists():
        return None
    import resource

    if settle:
        import ctypes
        import gc

        gc.collect()
        if (
            trim := getattr(ctypes.CDLL(None), "malloc_trim", None)
        ) is not None:  # glibc has it, musl has not
            trim(0)
    return int(status.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
