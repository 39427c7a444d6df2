"""Which installed distributions own the folder `onnxruntime`, whether they harm each other, and the lines that mend it.

All of ONNX Runtime's wheels write the same files. pip does not know, so two of them can be installed together: the one that came
last runs, the other is broken, and removing either takes the files of both. `pip check` finds nothing wrong with that.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLDER = "onnxruntime"
"""The folder that all wheels own."""

LEAST = "1.31.1"
"""The first version that does not hold the GIL while a session is made, so that a line goes on meanwhile."""

_PLUGIN_NEEDS = {
    "onnxruntime-ep-openvino": "1.23.0",
    "onnxruntime-ep-webgpu": "1.24.4",
    "onnxruntime-qnn": "1.24.2",
}
"""The oldest runtime that a plug-in library works with; their metadata mostly does not say."""


BRINGS_ONNXRUNTIME = frozenset({"onnxruntime-qnn"})
"""Plug-in packages that ask for onnxruntime by name: pip would install it beside any other wheel, which it would break."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """An installed distribution that owns files of `onnxruntime`, or a plug-in library for it.

    Attributes:
        name: The distribution's name.
        version: Its version.
        place: The folder that it is installed in.
        is_plugin: Whether it adds a provider to a runtime, rather than being one.
        missing: Number of its files that are not there.
    """

    name: str
    version: str
    place: Path
    is_plugin: bool = False
    missing: int = 0

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Wheels:
    """The wheels of one environment.

    Attributes:
        runtimes: Those that own `onnxruntime` in the folder that Python takes it from.
        shadowed: Those in folders further back on the path, which are never imported.
        plugins: Plug-in libraries.
        place: The folder that Python takes `onnxruntime` from; `None` where there is none.
        is_empty: Whether that `onnxruntime` has no `__init__.py`: it imports without an error, and holds nothing.
        foreign: Whether files of `onnxruntime` are there that no distribution owns.
    """

    runtimes: tuple[Wheel, ...] = ()
    shadowed: tuple[Wheel, ...] = ()
    plugins: tuple[Wheel, ...] = ()
    place: Path | None = None
    is_empty: bool = False

    @property
    def conflict(self) -> str:
        """What is wrong with the environment, in one sentence; an empty text where nothing is."""
        if len(self.runtimes) > 1:
            listed = " and ".join(map(str, self.runtimes))
            return (
                f"{listed} are installed together and own the same files: which of them runs is left to chance, "
                "and removing one breaks the other"
            )
        if self.is_empty:
            rest = f"; {self.runtimes[0]} is still listed as installed" if self.runtimes else ""
            return (
                "onnxruntime is damaged: what is left of it is an empty shell that can be imported and holds nothing, as when "
                f"one of two wheels was removed{rest}"
            )
        return ""

    def removal(self) -> str:
        """The line that removes every wheel of this environment; empty where pip knows of none."""
        names = sorted({wheel.name for wheel in self.runtimes})
        return f"pip uninstall -y {' '.join(names)}" if names else ""

    @property
    def too_old(self) -> tuple[Wheel, ...]:
        """Runtimes that hold the GIL while a session is made."""
        return tuple(wheel for wheel in self.runtimes if precedes(wheel.version, LEAST))

    @property
    def misfits(self) -> tuple[tuple[Wheel, str], ...]:
        """Plug-in libraries that the runtime is too old for, each with the version that it needs."""
        if len(self.runtimes) != 1:
            return ()
        needs = ((plugin, _PLUGIN_NEEDS.get(plugin.name, "")) for plugin in self.plugins)
        return tuple(
            (plugin, need) for plugin, need in needs if need and precedes(self.runtimes[0].version, need)
        )


def find_wheels(path: Sequence[str] | None = None, *, named: str = "") -> Wheels:
    """What is installed on a path of folders; nothing is imported.

    Args:
        path: The folders in the order in which Python looks into them; its own unless given.
        named: What the names of the distributions begin with that are looked at; all are unless given, which takes longer.
    """
    folders = tuple(dict.fromkeys(Path(entry or ".") for entry in (sys.path if path is None else path)))
    place = _imported_from(folders)
    owners: list[Wheel] = []
    plugins: list[Wheel] = []
    for folder in folders:
        for wheel in _in_folder(folder, named):
            (plugins if wheel.is_plugin else owners).append(wheel)
    runtimes = tuple(wheel for wheel in owners if place is None or wheel.place == place)
    return Wheels(
        runtimes=runtimes,
        shadowed=tuple(wheel for wheel in owners if wheel not in runtimes),
        plugins=tuple(plugins),
        place=place,
        is_empty=_is_empty(place, runtimes),
    )


def precedes(version: str, other: str) -> bool:
    """Whether a version comes before another, by their numbers; what follows the numbers is passed over."""
    return _numbers(version) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part[:9]) for part in found[0].split(".")] if found else []
    return tuple((*numbers, 0, 0, 0, 0)[:4])


def _imported_from(folders: Iterable[Path]) -> Path | None:
    """The folder that Python would import `onnxruntime` from: a package before any mere folder of that name."""
    listed = [folder for folder in folders if _is_there(folder / FOLDER)]
    whole = (folder for folder in listed if _is_there(folder / FOLDER / "__init__.py"))
    return next(whole, next(iter(listed), None))


def _is_empty(place: Path | None, runtimes: Sequence[Wheel]) -> bool:
    """Whether there is a shell without a package in it, or a wheel whose files are all gone."""
    if place is None:
        return any(wheel.missing for wheel in runtimes)
    return not _is_there(place / FOLDER / "__init__.py")


def _is_there(path: Path) -> bool:
    """Whether a path exists; what may not be looked at cannot be imported either."""
    try:
        return path.exists()
    except OSError:
        return False


def _in_folder(folder: Path, named: str) -> Iterator[Wheel]:
    """The wheels and plug-in libraries that a folder's metadata lists, whatever they call themselves."""
    try:
        entries = sorted(folder.glob(f"{named}*.dist-info"))
    except OSError:  # a folder of the path that may not be read holds nothing that could be imported
        return
    for entry in entries:
        owned, name = _owned(entry), _name(entry)
        if owned:
            missing = sum(not _is_there(folder / file) for file in owned)
            yield Wheel(name, _version(entry), folder, missing=missing)
        elif name.startswith(("onnxruntime-ep-", "onnxruntime-qnn")):
            yield Wheel(name, _version(entry), folder, is_plugin=True)


def _owned(entry: Path) -> list[str]:
    """A few files of `onnxruntime` that a distribution owns: the package's own, and those of its folder `capi`."""
    try:
        record = (entry / "RECORD").read_text(encoding="utf-8", errors="replace")
    except OSError:  # the system's own packager leaves no list, and pip cannot remove what it cannot list
        return []
    if f"{FOLDER}/" not in record:
        return []
    files = (line.rpartition(",")[0].rpartition(",")[0].strip('"') for line in record.splitlines())
    heart = re.compile(rf"{FOLDER}/(?:__init__\.py|capi/[^/\0]{{1,200}})")
    return [file for file in files if heart.fullmatch(file)]


def _name(entry: Path) -> str:
    """A distribution's name, as pip writes it, from the name of its folder of metadata."""
    return re.sub(r"[-_.]+", "-", entry.name.partition("-")[0]).casefold()


def _version(entry: Path) -> str:
    return entry.name.removesuffix(".dist-info").partition("-")[2]
