"""The folder is the registry: a plug-in's name is its file's name, or an entry point's.

Listing imports nothing; loading imports one file. A name that exists nowhere and a package that is not
installed are different errors, and a fault inside a plug-in is never reported as either.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from lineside.core.errors import NotInstalledError, PluginError, near

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint
    from types import ModuleType


@cache
def names(package: str) -> tuple[str, ...]:
    """Names of the plug-ins of a room: its own files, then third parties' entry points, each sorted.

    Args:
        package: Dotted name of the folder, for instance `lineside.models.families`. Third parties use it as
            the name of their entry point group.
    """
    return tuple(each(package))


def each(package: str) -> Iterator[str]:
    """The same names one after the other; entry points are not looked up before the own files are through."""
    yield from own(package)
    yield from sorted(_entry_points(package))


@cache
def own(package: str) -> tuple[str, ...]:
    """Names of the room's own plug-ins alone, sorted; nothing that is installed is looked at."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return tuple(sorted(m.name for m in pkgutil.iter_modules(folders) if not m.name.startswith("_")))


def distribution(package: str, name: str) -> str | None:
    """Name and version of the installed distribution that brings a plug-in; `None` for an own or unknown one."""
    if name in own(package) or (point := _entry_points(package).get(name)) is None or point.dist is None:
        return None
    return f"{point.dist.name} {point.dist.version}"


def load(package: str, name: str, *, extra: str | None = None) -> ModuleType:
    """The plug-in module `name` of a room.

    Args:
        package: Dotted name of the folder.
        name: The plug-in's name.
        extra: The extra of lineside that brings what the plug-in imports, for the message.

    Raises:
        PluginError: No such plug-in; the message names the near ones.
        NotInstalledError: It needs a package that is not installed.
    """
    target = f"{package}.{name}"
    if name not in own(package):
        point = _entry_points(package).get(name)
        target = point.value if point else ""
    if not target:
        kind = package.rpartition(".")[2]
        raise PluginError(f'no plug-in "{name}" among the {kind}{near(name, names(package))}')
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as missing:
        package_missing = (missing.name or "").partition(".")[0]
        if not package_missing or package_missing == target.partition(".")[0] or _installed(package_missing):
            raise
        hint = f"pip install 'lineside[{extra}]'" if extra else f"pip install {package_missing}"
        raise NotInstalledError(f'"{name}" needs the package "{package_missing}": {hint}') from missing


def _installed(package: str) -> bool:
    """Whether a package is there, so that a module missing from it is a fault and not an omission."""
    spec = importlib.util.find_spec(package)
    # A namespace, shared by several distributions, has no file of its own and proves nothing.
    return spec is not None and spec.origin is not None


@cache
def _entry_points(package: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # slow to import, and own files come first

    taken = set(own(package))
    return {point.name: point for point in entry_points(group=package) if point.name not in taken}
