"""What is installed: whether any of it holds a provider, and whether two wheels have written over each other."""

from __future__ import annotations

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
    there = onnxruntime().get_available_providers()
    if provider.runtime_name in there:
        return ""
    return (
        f"onnxruntime {version()} as it is installed has no {provider.runtime_name}, only {', '.join(there)}. "
        f"{provider.title} comes with {line}, in an environment without another onnxruntime wheel"
    )


def versions(packages: Iterable[str]) -> tuple[str, ...]:
    """Name and version of those of the packages that are installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of  # slow to import, and the CPU needs none

    found = []
    for package in packages:
        try:
            found.append(f"{package} {version_of(package)}")
        except PackageNotFoundError:
            continue
    return tuple(found)


def refuse_conflict() -> None:
    """Refuse an environment in which several wheels have written over each other.

    Reads the metadata of all that is installed, which takes a while: for when something is wrong already.

    Raises:
        RuntimeConflictError: Several distributions own onnxruntime's files.
    """
    from importlib.metadata import packages_distributions

    owners = sorted(set(packages_distributions().get("onnxruntime", ())))
    if len(owners) > 1:
        raise RuntimeConflictError(
            f"{' and '.join(owners)} are installed together and own the same files, so none of them can be trusted. "
            f"Uninstall them all, then install one: pip uninstall -y {' '.join(owners)}"
        )
