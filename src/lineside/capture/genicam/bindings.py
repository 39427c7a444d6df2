"""Packages that bind C++ by SWIG, imported so that they survive it."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING

from lineside.core.errors import NotInstalledError

if TYPE_CHECKING:
    from types import ModuleType


def bound(name: str, extra: str) -> ModuleType:
    """The imported module.

    SWIG's types cause a `DeprecationWarning` while they are made. Where warnings are errors the package is left half made, and the
    first call ends the process.

    Args:
        name: The module.
        extra: The extra of lineside that brings its package.

    Raises:
        NotInstalledError: Its package is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name not in (name, name.partition(".")[0]):
            raise
        raise NotInstalledError(
            f"this kind of camera needs the package \"{name.partition('.')[0]}\": pip install 'lineside[{extra}]'"
        ) from missing
