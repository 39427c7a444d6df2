"""Whether the installed runtime has a provider, and why not."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from lineside.core.errors import RuntimeConflictError
from lineside.engine.runtime import onnxruntime, version

if TYPE_CHECKING:
    from lineside.engine.provider import Provider


def reason(provider: Provider) -> str | None:
    """Why a provider cannot be used here, in a sentence; `None` where nothing speaks against it yet."""
    if provider.open is not None:
        return None
    if provider.plugin and find_spec(provider.plugin) is not None:
        return None  # registered where a session needs it
    there = onnxruntime().get_available_providers()
    if provider.runtime_name in there:
        return None
    if provider.plugin:
        return f"{provider.title} needs the package {provider.packages[0]}: pip install 'lineside[{provider.extra}]'"
    return (
        f"onnxruntime {version()} as installed has no {provider.runtime_name}; it has {', '.join(there)}. "
        f"{provider.title} comes with: pip install 'lineside[{provider.extra}]' in an environment without another "
        "onnxruntime wheel"
    )


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
