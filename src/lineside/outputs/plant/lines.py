"""The text lines of the `tcp` link: one message a line, words and `key=value`, ASCII.

The control sends `TRIGGER [NUMBER] [product=CODE] [serial=TEXT]`, `ACK [SEQUENCE]`, `PRODUCT [CODE]`, `RESET` and `STATUS`.
lineside sends `STATUS …`, `TAKEN NUMBER`, `REFUSED NUMBER why`, `RESULT …`, `GONE SEQUENCE` and `ERROR what`. A character
that is no letter, digit or one of `_.-~/:` stands as `%` and two hexadecimal digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from lineside.outputs.plant.codes import reason_of, verdict_of
from lineside.outputs.plant.link import PlantTrigger

if TYPE_CHECKING:
    from lineside.outputs.plant.link import TriggerRefused
    from lineside.outputs.plant.signals import Status

LINE_BYTES = 256
"""No line is longer, its end included; a longer one ends the connection."""

MESSAGES = (
    ("control", "TRIGGER [NUMBER] [product=CODE] [serial=TEXT]", "A part is in place"),
    ("control", "ACK [SEQUENCE]", "The results were read; with a sequence: those results"),
    ("control", "PRODUCT [CODE]", "The product of the parts to come; without a code: none"),
    ("control", "RESET", "Forget all parts that have no acknowledged answer"),
    ("control", "STATUS", "Send a STATUS line now"),
    (
        "lineside",
        "STATUS ready=1 busy=0 fault=0 missed=0 heartbeat=12",
        "After each change, and with each beat",
    ),
    ("lineside", "TAKEN NUMBER", "The trigger was taken"),
    (
        "lineside",
        "REFUSED NUMBER SENTENCE",
        "The trigger was refused; a RESULT with `trigger_missed` follows in its turn",
    ),
    (
        "lineside",
        "RESULT sequence=1 inspection=1 id=17 verdict=PASS reason=- count=0 score=0 product=- serial=-",
        "The results of one part; `-` is empty. Sent again when the control connects anew before it acknowledged",
    ),
    (
        "lineside",
        "GONE SEQUENCE",
        "These results are no longer valid: they were acknowledged, or not in time",
    ),
    ("lineside", "ERROR SENTENCE", "The last line was not understood, and nothing was done"),
)
"""Who sends what, and what it means."""

_PLAIN = "_.-~/:"
_LONG = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the control.

    Attributes:
        word: What it is.
        number: Of the trigger, or the sequence; `None` without one.
        product: The product code; `None` where the line has none.
        serial: The serial number.
    """

    word: str
    number: int | None = None
    product: str | None = None
    serial: str = ""


def parse(line: bytes) -> Message | str:
    """A line of the control as a message, or a sentence that says what was expected of it."""
    if not line.isascii() or not all(32 <= byte < 127 for byte in line):
        return "expected a line of printable ASCII"
    word, *rest = line.decode("ascii").split() or [""]
    named = dict(each.split("=", 1) for each in rest if "=" in each)
    plain = [each for each in rest if "=" not in each]
    allowed = {"TRIGGER": {"product", "serial"}}.get(word, set())
    if word not in {"TRIGGER", "ACK", "PRODUCT", "RESET", "STATUS"}:
        return "expected TRIGGER, ACK, PRODUCT, RESET or STATUS"
    if set(named) - allowed or len(plain) > (0 if word in {"RESET", "STATUS"} else 1):
        return f"expected {next(form for _, form, _ in MESSAGES if form.startswith(word))}"
    if word == "PRODUCT":
        return Message(word, product=unquote(plain[0]) if plain else "")
    if plain and not (plain[0].isdigit() and int(plain[0][:11]) <= _LONG):
        return f"expected a number of 0 to {_LONG} after {word}"
    number = int(plain[0]) if plain else None
    product = unquote(named["product"]) if "product" in named else None
    return Message(word, number, product, unquote(named.get("serial", "")))


def status_line(status: Status) -> str:
    """What lineside says of itself."""
    return (
        f"STATUS ready={status.ready:d} busy={status.busy:d} fault={status.fault:d} missed={status.missed} "
        f"heartbeat={status.heartbeat}"
    )


def result_line(status: Status) -> str:
    """What lineside says of one part."""
    reason = reason_of(status.reason)
    return (
        f"RESULT sequence={status.sequence} inspection={status.inspection} id={status.answered_id} "
        f"verdict={verdict_of(status.verdict)} reason={reason or '-'} count={status.count} score={status.score} "
        f"product={_word(status.answered_product, 48)} serial={_word(status.answered_serial, 64)}"
    )


def trigger_line(event: PlantTrigger | TriggerRefused) -> str:
    """What became of a trigger."""
    if isinstance(event, PlantTrigger):
        return f"TAKEN {event.id or 0}"
    return f"REFUSED {event.id or 0} {event.sentence}"


def _word(text: str, most: int) -> str:
    """One word of at most so many characters, cut between two of the text's own."""
    word = ""
    for part in (quote(character, safe=_PLAIN) for character in text):
        if len(word) + len(part) > most:
            break
        word += part
    return word or "-"
