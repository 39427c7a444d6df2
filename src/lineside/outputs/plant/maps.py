"""Where each signal is in each protocol, for the people who program the control. From the same tables as the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core import plugins
from lineside.outputs.plant.codes import NO_REASON, REASON_CODES, VERDICT_CODES
from lineside.outputs.plant.link import KINDS
from lineside.outputs.plant.signals import CONTROL, STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.signals import Signal


@dataclass(frozen=True, slots=True)
class MapRow:
    """One signal of a protocol.

    Attributes:
        writer: `control` or `lineside`.
        place: Its address, tag, node or line.
        name: The signal.
        kind: Its type.
        meaning: For people.
    """

    writer: str
    place: str
    name: str
    kind: str
    meaning: str


def block_rows(place: Callable[[str, Signal], str]) -> list[MapRow]:
    """The two blocks as rows.

    Args:
        place: The place of a signal, from who writes it and its entry in the block's table.
    """
    return [
        MapRow(writer, place(writer, signal), signal.name, _type(signal), signal.meaning)
        for writer, table in (("control", CONTROL), ("lineside", STATUS))
        for signal in table
    ]


def array_rows(control: Mapping[int, str], lineside: Mapping[int, str]) -> list[MapRow]:
    """The two blocks as rows, where each is in arrays of words: the elements, with the bit behind a dot.

    Args:
        control: The arrays that the control writes, by the first word of the block that each holds.
        lineside: Those that lineside writes.
    """

    def place(writer: str, signal: Signal) -> str:
        arrays = control if writer == "control" else lineside
        start = max(first for first in arrays if first <= signal.word)
        array, word = arrays[start], signal.word - start
        if signal.kind == "bit":
            return f"{array}[{word}].{signal.bit}"
        return f"{array}[{word}]" if signal.words == 1 else f"{array}[{word}..{word + signal.words - 1}]"

    return block_rows(place)


def map_of(kind: str, settings: Mapping[str, Any] | None = None) -> list[MapRow]:
    """The rows of a protocol. A kind's file holds `describe(settings) -> list[MapRow]`.

    Args:
        kind: Name of the protocol.
        settings: Those that move signals; the defaults without.

    Raises:
        SettingsError: A setting is not accepted.
        PluginError: No such protocol exists.
    """
    rows: list[MapRow] = plugins.load(KINDS, kind).describe(dict(settings or {}))
    return rows


def code_rows() -> list[tuple[str, int, str]]:
    """Verdicts and reasons with their numbers: what it is, the number, the word."""
    verdicts = [("verdict", number, str(verdict)) for verdict, number in VERDICT_CODES.items()]
    reasons = [("reason", number, str(reason)) for reason, number in REASON_CODES.items()]
    return [*verdicts, ("reason", NO_REASON, "none: PASS or FAIL"), *reasons]


def markdown(kind: str) -> str:
    """The map of a protocol as the documentation shows it."""
    head = "| written by | place | signal | type | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {row.writer} | {_code(row.place)} | {_code(row.name)} | {row.kind} | {row.meaning} |\n"
        for row in map_of(kind)
    )


def codes_markdown() -> str:
    """The numbers of verdicts and reasons as the documentation shows them."""
    head = "| register | number | word |\n|---|---|---|\n"
    return head + "".join(f"| `{what}` | {number} | {word} |\n" for what, number, word in code_rows())


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _type(signal: Signal) -> str:
    return f"{2 * signal.words} characters" if signal.kind == "text" else signal.kind
