"""When a worker process is replaced without anything being wrong with it: its memory has grown, or it is old."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Recycling:
    """When a worker process is replaced without anything being wrong: between two runs.

    Attributes:
        growth_bytes: When its own memory has grown by so much since it was up; `None` for never.
        age_s: When it is so old; `None` for never.
        every_s: How often its memory is looked at.

    Raises:
        SettingsError: A value is not above 0.
    """

    growth_bytes: int | None = 1 << 30
    age_s: float | None = None
    every_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("growth_bytes", "age_s", "every_s"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise SettingsError(f"recycling: {name}: expected a number above 0; got {value!r}")


class Keeper:
    """Knows when a process is to be replaced.

    Args:
        recycling: When that is.
        clock: Monotonic seconds.
    """

    def __init__(self, recycling: Recycling, clock: Callable[[], float]) -> None:
        self._recycling = recycling
        self._clock = clock
        self._pid: int | None = None
        self._up_s = self._looked_s = 0.0
        self._at_first: int | None = None
        self._told = False

    @property
    def is_up(self) -> bool:
        """The process has opened its models."""
        return self._pid is not None

    def up(self, pid: int | None) -> None:
        """The process is ready: it is as large as it should be."""
        self._pid = pid
        self._up_s = self._looked_s = self._clock()
        self._at_first = own_bytes(pid)

    def why(self) -> str:
        """Why it is to be replaced, told once; nothing while it is not."""
        now_s = self._clock()
        if self._told or now_s - self._looked_s < self._recycling.every_s:
            return ""
        self._looked_s = now_s
        why = self._too_old(now_s) or self._too_large()
        self._told = bool(why)
        return why

    def _too_old(self, now_s: float) -> str:
        age_s = self._recycling.age_s
        return (
            f"it is {now_s - self._up_s:.0f} s old"
            if age_s is not None and now_s - self._up_s >= age_s
            else ""
        )

    def _too_large(self) -> str:
        most, now = self._recycling.growth_bytes, own_bytes(self._pid)
        if most is None or now is None or self._at_first is None or now - self._at_first < most:
            return ""
        return f"its memory has grown from {self._at_first / 1e6:.0f} MB to {now / 1e6:.0f} MB"


def own_bytes(pid: int | None) -> int | None:
    """Resident memory of a process that it shares with nobody, or `None` where the system does not tell it in a file."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
