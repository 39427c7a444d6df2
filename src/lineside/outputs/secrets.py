"""Secrets come from the environment, never from a file of settings, and are never shown."""

from __future__ import annotations

import os

from lineside.core.errors import SettingsError


def secret(variable: str, where: str) -> str:
    """What the variable of the environment holds.

    Args:
        variable: Its name.
        where: The kind of output and the key that names the variable, for the message.

    Raises:
        SettingsError: It is not set, or empty.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise SettingsError(
            f"{where}: expected a secret in the environment variable {variable}; it is not set"
        )
    return value
