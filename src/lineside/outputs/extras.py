"""What an output needs beside lineside itself."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineside.core.errors import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Iterator


def needs(kind: str, packages: tuple[str, ...], extra: str) -> None:
    """The packages are there; none is imported.

    Args:
        kind: The kind of output, for the message.
        packages: Names that are imported.
        extra: The extra of lineside that brings them.

    Raises:
        NotInstalledError: One is missing.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise _missing(kind, package, extra)


@contextmanager
def needed(kind: str, package: str, extra: str, *, named: str | None = None) -> Iterator[None]:
    """What is imported inside is there.

    Args:
        kind: The kind of output, for the message.
        package: The name that is imported.
        extra: The extra of lineside that brings it.
        named: The package's name where it is installed from, when that is another.

    Raises:
        NotInstalledError: It is missing. What it lacks itself stays Python's own error.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name != package:
            raise
        raise _missing(kind, named or package, extra) from missing


def _missing(kind: str, package: str, extra: str) -> NotInstalledError:
    return NotInstalledError(f'"{kind}" needs the package "{package}": pip install \'lineside[{extra}]\'')
