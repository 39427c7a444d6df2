"""The two blocks of signals that a control and lineside share, and their places as 16-bit words.

The control writes `CONTROL`, lineside writes `STATUS`. Every register-mapped protocol carries these two blocks; the
tables here are what the code packs by, what `lineside plant map` prints and what the documentation shows.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lineside.core.verdict import Verdict
from lineside.outputs.plant.codes import NO_REASON, REASON_CODES, VERDICT_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineside.outputs.plant.link import PlantAnswer

_WORD = 0xFFFF
_LONG = 0xFFFF_FFFF


class Order(StrEnum):
    """Which byte of a number comes first."""

    BIG = "big"
    """The highest: Modbus and Siemens. A 32-bit number has its high word first."""
    LITTLE = "little"
    """The lowest: Beckhoff and Rockwell. A 32-bit number has its low word first."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal's place in a block.

    Attributes:
        name: Of the attribute in `Control` or `Status`.
        word: The first 16-bit word, from 0.
        kind: `bit`, `u16`, `u32` or `text`.
        meaning: For people.
        bit: Of a `bit`: which one, 0 being the lowest.
        words: How many words it takes.
    """

    name: str
    word: int
    kind: str
    meaning: str
    bit: int = 0
    words: int = 1


CONTROL = (
    Signal("trigger", 0, "bit", "A part is in place. Up until `trigger_acknowledged` is up", bit=0),
    Signal("acknowledge", 0, "bit", "The results were read. Up until `results_valid` is down again", bit=1),
    Signal(
        "reset", 0, "bit", "Forget all parts that have no answer yet. While it is up nothing is heard", bit=2
    ),
    Signal("trigger_id", 2, "u32", "The control's number of the part; 0 for none", words=2),
    Signal("product", 4, "text", "Product code, ASCII, padded with zeros; empty for none", words=8),
    Signal("serial", 12, "text", "Serial number of the part, ASCII, padded with zeros", words=16),
)
"""What the control writes. Everything else is written before `trigger` goes up, or in the same request."""

STATUS = (
    Signal("ready", 0, "bit", "A trigger will be taken", bit=0),
    Signal("busy", 0, "bit", "A part was taken and is not answered yet", bit=1),
    Signal("trigger_acknowledged", 0, "bit", "The trigger was heard. Falls with `trigger`", bit=2),
    Signal("results_valid", 0, "bit", "The results below belong to one part, and are complete", bit=3),
    Signal("fault", 0, "bit", "Nothing can be judged: every part is UNKNOWN", bit=4),
    Signal("heartbeat", 1, "u16", "Counts up while lineside lives; after 65535 comes 0"),
    Signal("missed", 2, "u32", "Triggers that were refused since the start", words=2),
    Signal(
        "sequence",
        4,
        "u32",
        "Number of the trigger since the start. A gap is a part whose answer was not read",
        words=2,
    ),
    Signal("inspection", 6, "u32", "lineside's number of the part; 0 where none was inspected", words=2),
    Signal("answered_id", 8, "u32", "The `trigger_id` that this answers; 0 for none", words=2),
    Signal("verdict", 10, "u16", "Verdict code. Only 1 is PASS"),
    Signal("reason", 11, "u16", "Reason code of UNKNOWN, else 0"),
    Signal("count", 12, "u16", "Objects that were detected; 65535 for that many or more"),
    Signal("score", 13, "u16", "Confidence of the object that decided, 0 to 1000 per mille"),
    Signal("answered_product", 14, "text", "Product code of the recipe that judged", words=8),
    Signal("answered_serial", 22, "text", "Serial number that came with the trigger", words=16),
)
"""What lineside writes. All but the first four words are the results."""

CONTROL_WORDS, STATUS_WORDS, RESULTS_WORD = 28, 38, 4
"""Sizes of the two blocks, and where the results begin, in words."""


@dataclass(frozen=True, slots=True)
class Control:
    """What the control says."""

    trigger: bool = False
    acknowledge: bool = False
    reset: bool = False
    trigger_id: int = 0
    product: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What lineside says. As it stands here nobody may conclude anything of a part."""

    ready: bool = False
    busy: bool = False
    trigger_acknowledged: bool = False
    results_valid: bool = False
    fault: bool = False
    heartbeat: int = 0
    missed: int = 0
    sequence: int = 0
    inspection: int = 0
    answered_id: int = 0
    verdict: int = VERDICT_CODES[Verdict.UNKNOWN]
    reason: int = NO_REASON
    count: int = 0
    score: int = 0
    answered_product: str = ""
    answered_serial: str = ""

    def showing(self, sequence: int, answer: PlantAnswer) -> Status:
        """The same with an answer's results, valid."""
        return replace(
            self,
            results_valid=True,
            sequence=sequence & _LONG,
            inspection=answer.inspection & _LONG,
            answered_id=(answer.trigger or 0) & _LONG,
            verdict=VERDICT_CODES[answer.verdict],
            reason=NO_REASON if answer.reason is None else REASON_CODES[answer.reason],
            count=min(max(answer.count, 0), _WORD),
            score=per_mille(answer.confidence),
            answered_product=answer.product,
            answered_serial=answer.serial,
        )


def per_mille(confidence: float) -> int:
    """A confidence as a whole number of 0 to 1000; NaN is 0."""
    return round(min(max(confidence, 0.0), 1.0) * 1000) if confidence == confidence else 0  # noqa: PLR0124 # NaN is not itself


def pack_control(control: Control, order: Order) -> bytes:
    """The control's block as bytes."""
    return _pack(control, CONTROL, CONTROL_WORDS, order)


def pack_status(status: Status, order: Order) -> bytes:
    """lineside's block as bytes."""
    return _pack(status, STATUS, STATUS_WORDS, order)


def unpack_control(block: bytes, order: Order) -> Control | None:
    """What the control says; `None` where the block has another size, or bits are up that mean nothing.

    A block of ones, as a broken gateway answers it, is no trigger. Text that is no ASCII keeps a mark in each wrong place, so that
    it is the name of no product.
    """
    fields = _unpack(block, CONTROL, CONTROL_WORDS, order)
    return None if fields is None else Control(**fields)


def unpack_status(block: bytes, order: Order) -> Status | None:
    """What lineside says, for the control's side; `None` where it is no such block."""
    fields = _unpack(block, STATUS, STATUS_WORDS, order)
    return None if fields is None else Status(**fields)


def to_words(block: bytes, order: Order) -> list[int]:
    """A block's bytes as 16-bit words."""
    return list(struct.unpack(f"{_mark(order)}{len(block) // 2}H", block))


def from_words(words: Iterable[int], order: Order) -> bytes:
    """The bytes of 16-bit words, the inverse of `to_words`."""
    numbers = [word & _WORD for word in words]
    return struct.pack(f"{_mark(order)}{len(numbers)}H", *numbers)


def _mark(order: Order) -> str:
    return ">" if order is Order.BIG else "<"


def _pack(values: Control | Status, table: tuple[Signal, ...], words: int, order: Order) -> bytes:
    block = bytearray(2 * words)
    flags = 0
    for signal in table:
        value = getattr(values, signal.name)
        if signal.kind == "bit":
            flags |= int(value) << signal.bit
        elif signal.kind == "text":
            text = value.encode("ascii", "replace")[: 2 * signal.words]
            block[2 * signal.word : 2 * signal.word + len(text)] = text
        else:
            form = "I" if signal.kind == "u32" else "H"
            struct.pack_into(_mark(order) + form, block, 2 * signal.word, value)
    struct.pack_into(_mark(order) + "H", block, 0, flags)
    return bytes(block)


def _unpack(block: bytes, table: tuple[Signal, ...], words: int, order: Order) -> dict[str, Any] | None:
    if len(block) != 2 * words:
        return None
    (flags,) = struct.unpack_from(_mark(order) + "H", block, 0)
    if flags >> (1 + max(signal.bit for signal in table)):
        return None
    fields: dict[str, Any] = {}
    for signal in table:
        if signal.kind == "bit":
            fields[signal.name] = bool(flags >> signal.bit & 1)
        elif signal.kind == "text":
            raw = block[2 * signal.word : 2 * (signal.word + signal.words)]
            fields[signal.name] = raw.partition(b"\0")[0].decode("ascii", "replace").strip()
        else:
            form = "I" if signal.kind == "u32" else "H"
            (fields[signal.name],) = struct.unpack_from(_mark(order) + form, block, 2 * signal.word)
    return fields
