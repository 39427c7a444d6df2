"""Addresses of cameras: secrets come from the environment, and are never shown."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET = re.compile(
    r"(?i)([?&;](?:[^=&;]*(?:pass|pwd|token|secret|auth|key|user|login|sig)[^=&;]*)=)[^&;#]*"
)
_NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def masked(address: str) -> str:
    """The address without user, password, and what a query calls a secret.

    Everything between `://` and the last `@` counts as user and password, because a password that is not encoded may hold
    anything. So an `@` further behind hides more than it must.

    Args:
        address: As the user wrote it.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    _, at, behind = rest.rpartition("@")
    door = "***@" if at else ""
    return f"{scheme}://{door}" + _SECRET.sub(r"\1***", behind)


def with_secrets(address: str, environment: Mapping[str, str] = os.environ) -> str:
    """The address with each `${NAME}` replaced by that variable of the environment, encoded for a URL.

    Raises:
        SettingsError: There is no such variable.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in environment:
            raise SettingsError(
                f"camera: {masked(address)}: expected the variable {name} in the environment; it is not set"
            )
        return quote(environment[name], safe="")

    return _NAMED.sub(value, address)
