"""What a sink gets, and what a sink is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core import plugins
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KINDS = "lineside.outputs.sinks"
"""The folder of the sink kinds, and the entry point group for more of them."""


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture on disk that belongs to a result.

    Attributes:
        name: The camera's name; with `-annotated` behind it where boxes are drawn in.
        path: An encoded picture. It stays there until every sink has taken the parcel.
        sha256: Of the file's bytes, hexadecimal.
    """

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """One inspection on its way to a sink. It may come twice: the key is the same then.

    Attributes:
        key: Unique for the inspection, the same whenever it is sent again: `LINE/RUN/PART`.
        record: The inspection as `Inspection.to_dict` gives it, with `line`, `run` and `key`.
        pictures: Those that are kept, for which the sink's own settings may ask.
    """

    key: str
    record: Mapping[str, Any]
    pictures: tuple[KeptPicture, ...] = field(default=())


class Sink(Protocol):
    """Where results go. One thread uses it; it may take its time, and never holds up a verdict."""

    def emit(self, parcel: Parcel) -> None:
        """The parcel is safe where it belongs: nothing more is done for it after this.

        Raises:
            OutputError: It could not be delivered now; it is tried again later, in its turn.
            RefusedParcelError: It will never be taken; it is put aside, counted and told.
        """

    def close(self) -> None:
        """Connections are let go of; may be called twice."""


def open_sink(settings: Mapping[str, Any]) -> Sink:
    """The sink that a table describes. A kind's file holds `make(settings) -> Sink`.

    It opens connections when it first needs them, so that a receiver that is away does not keep a line from starting.

    Args:
        settings: `kind`, the name of a plug-in, and that kind's settings.

    Raises:
        SettingsError: There is no kind, or a setting is not accepted.
        PluginError: No such kind of sink exists, or what it needs is not installed.
    """
    if "kind" not in settings:
        raise SettingsError(
            f"output: expected a kind: {', '.join(plugins.names(KINDS))}; got {dict(settings)!r}"
        )
    rest = {key: value for key, value in settings.items() if key != "kind"}
    sink: Sink = plugins.load(KINDS, str(settings["kind"])).make(rest)
    return sink
