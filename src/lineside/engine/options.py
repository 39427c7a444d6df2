"""Options of a provider: what each is called, takes, means and defaults to; checked before the runtime sees them.

ONNX Runtime passes a misspelt option over in silence for plug-in providers, and falls to the CPU for others. Here it
is refused, with the near ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError, UnknownNameError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SWITCH = {
    "on": True,
    "true": True,
    "yes": True,
    "1": True,
    "off": False,
    "false": False,
    "no": False,
    "0": False,
}
_BYTES = r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|KB|MB|GB)?"
_FACTOR = {"b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}


class Kind(StrEnum):
    """What an option takes."""

    SWITCH = "on or off"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BYTES = "a size such as 2GiB"
    CHOICE = "one of a few words"
    PATH = "a path"
    TEXT = "a text"


class Scope(StrEnum):
    """Who reads an option."""

    PROVIDER = "provider"
    """The execution provider, with its other options."""
    SESSION = "session"
    """ONNX Runtime's session, where the CPU provider's settings live."""
    LINESIDE = "lineside"
    """Lineside itself, which makes something else of it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a provider.

    Attributes:
        name: As it is written in a placement, which is the runtime's own name wherever that has one.
        kind: What it takes.
        meaning: One sentence for a person who tunes a line.
        default: What holds where nothing sets it and lineside has no better value, as the runtime spells it; `None` where
            the runtime or the driver decides.
        ours: What lineside sets unless the placement says otherwise; `None` leaves the runtime's default.
        unit: Unit of a number, such as `bytes`, `threads` or `ms`.
        least: The smallest number that is accepted.
        most: The largest.
        choices: The words of a `CHOICE`, as the runtime spells them.
        key: The runtime's key, where it is not the name.
        on: How the runtime spells a switch that is on; `off` the other way.
        off: How the runtime spells a switch that is off.
        scope: Who reads it.
    """

    name: str
    kind: Kind
    meaning: str
    default: str | None = None
    ours: str | None = None
    unit: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    key: str | None = None
    on: str = "1"
    off: str = "0"
    scope: Scope = Scope.PROVIDER

    def spelt(self, value: str, *, where: str) -> str:
        """The value as the runtime spells it.

        Args:
            value: As a person wrote it: `on`, `2GiB`, `heuristic`.
            where: What the message begins with, such as `devices: cuda:0`.

        Raises:
            SettingsError: The value is of another kind, out of range, or none of the choices.
        """
        text = str(value).strip()
        match self.kind:
            case Kind.SWITCH:
                spelt = self._switch(text)
            case Kind.INTEGER | Kind.NUMBER:
                spelt = self._number(text)
            case Kind.BYTES:
                spelt = self._bytes(text)
            case Kind.CHOICE:
                folded = {choice.casefold(): choice for choice in self.choices}
                spelt = folded.get(text.casefold())
            case Kind.PATH | Kind.TEXT:
                spelt = text if text and "\0" not in text else None
        if spelt is None:
            raise SettingsError(f'{where}: {self.name}: expected {self.accepts}; got "{value}"')
        return spelt

    @property
    def accepts(self) -> str:
        """What the option takes, in words: for messages and the manual."""
        if self.kind is Kind.CHOICE:
            return (
                " or ".join((", ".join(self.choices[:-1]), self.choices[-1]))
                if len(self.choices) > 1
                else self.choices[0]
            )
        low, high = (None if limit is None else _told(limit) for limit in (self.least, self.most))
        limits = {
            (True, True): f" from {low} to {high}",
            (True, False): f" of at least {low}",
            (False, True): f" of at most {high}",
            (False, False): "",
        }[low is not None, high is not None]
        unit = f" in {self.unit}" if self.unit and self.kind is not Kind.BYTES else ""
        return f"{self.kind}{limits}{unit}"

    def _switch(self, text: str) -> str | None:
        state = _SWITCH.get(text.casefold())
        return None if state is None else self.on if state else self.off

    def _number(self, text: str) -> str | None:
        try:
            number = int(text) if self.kind is Kind.INTEGER else float(text)
        except ValueError:
            return None
        return text if self._is_within(number) else None

    def _bytes(self, text: str) -> str | None:
        found = re.fullmatch(_BYTES, text, re.IGNORECASE)
        if found is None:
            return None
        from fractions import Fraction  # few starts have a size to read

        # Exact: a float would round the largest size, which means no limit, beyond what the runtime takes.
        number = int(Fraction(found[1]) * _FACTOR[(found[2] or "B").casefold()])
        return str(number) if self._is_within(number) else None

    def _is_within(self, number: float) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


def _told(limit: float) -> str:
    return f"{limit:g}" if abs(limit) < 1_000_000 else str(int(limit))


def checked(options: Sequence[Option], given: Mapping[str, str], *, where: str) -> dict[str, str]:
    """What was given and what lineside sets itself, each as the runtime spells it, by the option's name.

    Args:
        options: All that the provider knows.
        given: As written in a placement.
        where: What a message begins with.

    Raises:
        UnknownNameError: There is no such option; the near ones are named.
        SettingsError: A value is not accepted.
    """
    known = {option.name: option for option in options}
    for name in given:
        if name not in known:
            raise UnknownNameError(f'{where}: no such option "{name}"{near(name, known) or "; it has none"}')
    values = {name: option.ours for name, option in known.items() if option.ours is not None}
    return values | {name: known[name].spelt(value, where=where) for name, value in given.items()}
