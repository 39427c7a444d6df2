"""What a sink needs beside lineside itself."""

from __future__ import annotations

import importlib.util

from lineside.core.errors import NotInstalledError


def needs(kind: str, packages: tuple[str, ...], extra: str) -> None:
    """The packages are there; none is imported.

    Args:
        kind: The kind of sink.
        packages: Names that are imported.
        extra: The extra of lineside that brings them.

    Raises:
        NotInstalledError: One is missing.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise NotInstalledError(
                f'"{kind}" needs the package "{package}": pip install \'lineside[{extra}]\''
            )
