"""What is known of a machine's hardware: plain values, found without any provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know, and the line that mends it.

    Attributes:
        text: One sentence: what was found, and what follows from it.
        line: What to type, or an empty text where there is nothing to type.
    """

    text: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class Processor:
    """The CPU.

    Attributes:
        maker: `AMD`, `Intel`, `ARM`, …, or an empty text.
        model: What its maker calls it.
        cores: Physical cores of the machine; `None` where the system does not tell.
        threads: Logical processors of the machine.
        allowed: Logical processors that this process may run on.
        quota: Processors' worth of time that a control group grants, such as `2.0`; `None` where it grants all.
        usable: Threads that a session should have: what is allowed, within the quota, and at least 1.
        instructions: Those of `INSTRUCTIONS` that it has, in that order.
    """

    maker: str
    model: str
    cores: int | None
    threads: int
    allowed: int
    quota: float | None
    usable: int
    instructions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """The host's memory.

    Attributes:
        total_bytes: Of the machine; `None` where the system does not tell.
        available_bytes: What this process can still get, within the limit.
        limit_bytes: What a control group grants; `None` where it grants all.
    """

    total_bytes: int | None
    available_bytes: int | None
    limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU, an NPU or a mere display adapter: on a bus, or part of the chip.

    Attributes:
        kind: `gpu`, `npu`, or `display` for what shows pictures and computes none.
        maker: `NVIDIA`, `AMD`, `Intel`, …; the vendor's number where it is not known.
        name: What its maker calls it, or the numbers that it names itself by.
        address: `pci:0000:01:00.0`; an empty text for a part of the chip.
        driver: The kernel driver that holds it, or an empty text: none does.
        driver_version: That driver's version, or an empty text.
        memory_bytes: Its own memory; `None` where it shares the host's or the system does not tell.
    """

    kind: str
    maker: str
    name: str
    address: str = ""
    driver: str = ""
    driver_version: str = ""
    memory_bytes: int | None = None

    @property
    def word(self) -> str:
        """Kind and maker in one word, as the providers say what they are for: `gpu:nvidia`."""
        return f"{self.kind}:{self.maker.casefold()}"


@dataclass(frozen=True, slots=True)
class Hardware:
    """All that was found.

    Attributes:
        system: As `sys.platform` says it: `linux`, `win32`, `darwin`.
        machine: The architecture: `x86_64`, `aarch64`.
        host: What kind of machine this is, where that matters: `in a container`, `WSL 2`, a board's name; or an empty text.
        processor: The CPU.
        memory: The host's memory.
        cards: GPUs, NPUs and display adapters.
        findings: What stands in the way of using them.
        unread: What could not be read or understood, one sentence a file: a gap in this list, not an absence of hardware.
    """

    system: str
    machine: str
    host: str
    processor: Processor
    memory: Memory
    cards: tuple[Card, ...]
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]

    @property
    def words(self) -> frozenset[str]:
        """What there is, in the words of `Card.word`, with `gpu` and `npu` for one of any maker, and `cpu`."""
        able = [card for card in self.cards if card.kind != "display"]
        return frozenset({"cpu", *(card.word for card in able), *(card.kind for card in able)})
