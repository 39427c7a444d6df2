"""Where a model shall run: entries of the priority list, best first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FORM = "expected provider, provider:device or provider:device?option=value&option=value, such as cuda:0?use_tf32=off"


@dataclass(frozen=True, slots=True)
class Placement:
    """A provider, one of its devices, and options: what is asked for, not what is got.

    Attributes:
        provider: Name of a file of `engine/providers/`, such as `cuda`.
        device: The device as its provider counts or names it, such as `1` or `GPU.0`; `None` leaves it to the provider.
        options: Options by name, as written; the provider checks them.
    """

    provider: str
    device: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Placement:
        """The placement that a text names.

        Args:
            text: `cuda`, `cuda:1`, `openvino:GPU?precision=f16&num_streams=1`.

        Raises:
            SettingsError: The text has another form, or names an option twice.
        """
        head, mark, rest = str(text).strip().partition("?")
        provider, colon, device = (part.strip() for part in head.partition(":"))
        if not _NAME.fullmatch(provider) or (colon and not device) or (mark and not rest):
            raise SettingsError(f'devices: {_FORM}; got "{text}"')
        return cls(provider, device or None, _options(rest, text) if mark else ())

    @property
    def settings(self) -> Mapping[str, str]:
        """The options by name."""
        return MappingProxyType(dict(self.options))

    def __str__(self) -> str:
        device = "" if self.device is None else f":{self.device}"
        options = "&".join(f"{name}={value}" for name, value in self.options)
        return f"{self.provider}{device}{'?' if options else ''}{options}"


def placements(asked: str | Placement | Sequence[str | Placement]) -> tuple[Placement, ...]:
    """The priority list that a person wrote: one entry, a comma list, or a sequence of either form.

    Raises:
        SettingsError: It is empty, malformed, or names an entry twice.
    """
    if isinstance(asked, str):
        entries: Iterable[str | Placement] = [part for part in asked.split(",") if part.strip()]
    elif isinstance(asked, Placement | Iterable):
        entries = [asked] if isinstance(asked, Placement) else asked
    else:
        raise SettingsError(f"devices: expected a text, a placement or a sequence of them; got {asked!r}")
    listed = tuple(entry if isinstance(entry, Placement) else Placement.parse(entry) for entry in entries)
    if not listed:
        raise SettingsError(f"devices: the list is empty; {_FORM}")
    twice = {str(entry) for entry in listed if listed.count(entry) > 1}
    if twice:
        raise SettingsError(
            f"devices: {', '.join(sorted(twice))} stands in the list twice; name each device once"
        )
    return listed


def _options(text: str, whole: str) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(part.strip() for part in one.partition("=")[::2]) for one in text.split("&")]
    names = [name for name, _ in pairs]
    if not all(name and value for name, value in pairs) or len(set(names)) != len(names):
        raise SettingsError(f'devices: {_FORM}, each option once; got "{whole}"')
    return tuple((name, value) for name, value in pairs)
