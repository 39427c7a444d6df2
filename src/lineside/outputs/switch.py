"""One digital output, as that of an ejector's valve, and how a table becomes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lineside.core import plugins
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = "lineside.outputs.switches"
"""The folder of the kinds, and the entry point group for more of them."""


class Switch(Protocol):
    """One digital output. One thread uses it."""

    def set(self, *, on: bool) -> None:
        """The output is on, or off. It is quick: a line waits for it.

        Raises:
            OutputError: It could not be switched.
        """

    def close(self) -> None:
        """The output is off, and let go of; may be called twice.

        Raises:
            OutputError: It could not be switched.
        """


def open_switch(settings: Mapping[str, Any]) -> Switch:
    """The output that a table describes, off. A kind's file holds `make(settings) -> Switch`.

    Args:
        settings: `kind`, the name of a plug-in, and that kind's settings.

    Raises:
        SettingsError: There is no kind, or a setting is not accepted.
        PluginError: No such kind exists, or what it needs is not installed.
        OutputError: The output is not there.
    """
    if "kind" not in settings:
        raise SettingsError(
            f"switch: expected a kind: {', '.join(plugins.names(KINDS))}; got {dict(settings)!r}"
        )
    rest = {key: value for key, value in settings.items() if key != "kind"}
    switch: Switch = plugins.load(KINDS, str(settings["kind"])).make(rest)
    return switch
