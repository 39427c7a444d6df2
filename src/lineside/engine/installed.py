"""What is installed: whether any of it holds a provider, and whether two wheels have written over each other."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from lineside.core.errors import RuntimeConflictError
from lineside.engine.runtime import onnxruntime, version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineside.engine.provider import Provider


def missing(provider: Provider) -> str:
    """What must be installed before a provider can be tried, in a sentence; an empty text where nothing is missing."""
    line = f"pip install 'lineside[{provider.extra}]'"
    if provider.open is not None:
        if not provider.packages or versions(provider.packages):
            return ""
        return f"{provider.title} needs one of the packages {', '.join(provider.packages)}: {line}"
    if provider.plugin and find_spec(provider.plugin) is not None:
        return ""  # its library is registered where a session needs it
    # Azure's is in every wheel, sends tensors to a service, and is no device.
    there = [name for name in onnxruntime().get_available_providers() if name != "AzureExecutionProvider"]
    if provider.runtime_name in there:
        return ""
    if provider.plugin:
        return (
            f"{provider.title} needs the package {provider.packages[0]}, beside any onnxruntime wheel: {line}"
        )
    lacks = (
        f"onnxruntime {version()} as it is installed has no {provider.runtime_name}, only {', '.join(there)}"
    )
    cure = f"{provider.title} comes with {line}, in an environment without another onnxruntime wheel"
    if provider.extra is None:
        cure = f"No package that pip finds holds {provider.title}; a build of onnxruntime of your own may"
    return f"{lacks}. {cure}"


def versions(packages: Iterable[str]) -> tuple[str, ...]:
    """Name and version of those of the packages that are installed."""
    return tuple(f"{package} {found}" for package in packages if (found := version_of(package)))


def version_of(package: str) -> str:
    """The version of a package; an empty text where it is not installed."""
    from importlib import metadata  # slow to import, and the CPU needs none

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def refuse_conflict() -> None:
    """Refuse an environment in which several wheels have written over each other, whatever they call themselves.

    Reads the metadata of all that is installed, which takes a while: for when something is wrong already.

    Raises:
        RuntimeConflictError: Several distributions own onnxruntime's files, or one of them was removed.
    """
    # Imported here, because a start where nothing is wrong needs none of it.
    from lineside.engine import advice
    from lineside.engine.hardware import find_hardware
    from lineside.engine.wheels import find_wheels

    wheels = find_wheels()
    if wheels.conflict:
        raise RuntimeConflictError(advice.conflict(wheels, find_hardware()))
