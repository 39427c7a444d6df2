"""The examination of all providers, in a process of its own: drivers crash and hang, and the row of one that does says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core import plugins
from lineside.core.errors import LinesideError, MissingRuntimeError, NotInstalledError
from lineside.engine import libraries, loading
from lineside.engine.aside import aside
from lineside.engine.doctor import Environment, Row, State, row_of
from lineside.engine.hardware import find_hardware
from lineside.engine.provider import FOLDER
from lineside.engine.provider import provider as provider_named
from lineside.engine.runtime import onnxruntime
from lineside.engine.wheels import find_wheels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineside.engine.provider import Provider


def examine(*, limit_s: float = 60.0) -> Iterator[Row]:
    """A row a provider, as they come; none of what a driver does is felt in this process.

    Args:
        limit_s: The longest time for one provider, in seconds.
    """
    names = plugins.names(FOLDER)
    for _, row in aside(_examined, names, limit_s=limit_s, failed=_failed):
        yield row


def _examined(names: Sequence[str]) -> Iterator[str | tuple[str, Row]]:
    """The rows of these providers, made in the process that calls it."""
    environment = Environment(find_hardware(), find_wheels(), _available(), _reason)
    for name in names:
        yield name
        try:
            yield name, row_of(provider_named(name), environment)
        except LinesideError as fault:  # the file of a third party's provider cannot be loaded
            yield name, _failed(name, str(fault))


def _failed(name: str, why: str) -> Row:
    return Row(name, name, State.BROKEN, why)


def _available() -> tuple[str, ...]:
    """The runtime's own names of the providers that it holds; none without a runtime."""
    try:
        return tuple(onnxruntime().get_available_providers())
    except MissingRuntimeError:
        return ()


def _reason(of: Provider) -> str:
    """Why a provider's library does not work, in the loader's or the driver's words; an empty text where it does."""
    if not of.plugin:
        return loading.reason(of)
    try:
        libraries.register(libraries.packaged(of), of.runtime_name)
    except NotInstalledError:  # another of its packages is, and finds nothing
        return ""
    except LinesideError as fault:
        return str(fault)
    return ""
