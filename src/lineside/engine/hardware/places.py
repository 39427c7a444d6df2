"""Where the system tells of its hardware, and reading there without a fault: what cannot be read is noted."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST_BYTES = 4 << 20
"""More than any of these files holds; `pci.ids`, the longest, has less than 2 MiB."""


def _allowed() -> int:
    """Number of logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


def _group(path: Path) -> str:
    """The group of a file, by name where it has one here."""
    if sys.platform == "win32":
        return ""
    import grp

    number = path.stat().st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:  # a container knows the number alone
        return str(number)


@dataclass
class Places:
    """One machine as its files show it; another `root` is another machine.

    Attributes:
        root: What stands for `/`.
        system: As `sys.platform` says it.
        machine: The architecture.
        allowed: Logical processors that this process may run on; the system is asked where it is `None`.
        may_use: Whether this user may read and write a device file.
        group: The group of a device file.
        unread: What could not be read, filled as it is come upon.
    """

    root: Path = Path("/")
    system: str = sys.platform
    machine: str = field(default_factory=platform.machine)
    allowed: int | None = None
    may_use: Callable[[Path], bool] = _may_use
    group: Callable[[Path], str] = _group
    unread: list[str] = field(default_factory=list)

    def at(self, place: str) -> Path:
        """The path of a place such as `proc/cpuinfo`."""
        return self.root / place

    def allowed_threads(self) -> int:
        """Logical processors that this process may run on."""
        return self.allowed or _allowed()

    def text(self, place: str) -> str | None:
        """What a file says, without blanks and zero bytes at its ends; `None` where it is not there or not readable."""
        path = self.at(place)
        try:
            with path.open("rb") as file:
                return file.read(_LARGEST_BYTES).decode(errors="replace").strip().strip("\0").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as fault:
            self.note(place, str(fault))
            return None

    def number(self, place: str, *, base: int = 10) -> int | None:
        """The number that a file says; `None` where it is not there or says something else, which is noted."""
        text = self.text(place)
        if text is None:
            return None
        found = number(text, base=base)
        if found is None:
            self.note(place, f'expected a number, got "{text[:40]}"')
        return found

    def names(self, place: str) -> tuple[str, ...]:
        """The names in a folder, sorted; none where it is not there or not readable."""
        try:
            return tuple(sorted(path.name for path in self.at(place).iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as fault:
            self.note(place, str(fault))
            return ()

    def target(self, place: str) -> str:
        """The last name of what a link points to, such as the driver of a card; empty where there is no link."""
        try:
            return self.at(place).readlink().name
        except OSError:  # no link there, which is what an unbound card looks like
            return ""

    def has(self, place: str) -> bool:
        """Whether something is there."""
        return os.path.lexists(self.at(place))

    def note(self, place: str, why: str) -> None:
        """Remember what could not be read or understood."""
        sentence = f"/{place}: {why.replace(str(self.at(place)), f'/{place}')}"
        if sentence not in self.unread:
            self.unread.append(sentence)


def number(text: str, *, base: int = 10) -> int | None:
    """The whole number that a text is; `None` where it is none, or larger than any such file could mean."""
    if len(text) > 24:
        return None
    try:
        return int(text, base)
    except ValueError:
        return None
