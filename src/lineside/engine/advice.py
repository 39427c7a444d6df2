"""Which extra this machine should have, by its hardware, and the lines that install it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.engine.hardware.machine import Finding
from lineside.engine.provider import providers
from lineside.engine.wheels import LEAST, precedes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineside.engine.hardware.machine import Card, Hardware
    from lineside.engine.provider import Build, Provider
    from lineside.engine.wheels import Wheels


@dataclass(frozen=True, slots=True)
class Offer:
    """An extra that this machine could use.

    Attributes:
        extra: Its name.
        title: What people call what it brings.
        because: What it would compute on.
    """

    extra: str
    title: str
    because: str

    @property
    def line(self) -> str:
        """What to type."""
        return f"pip install 'lineside[{self.extra}]'"


def offers(hardware: Hardware, known: Iterable[Provider] | None = None) -> tuple[Offer, ...]:
    """What this machine could use, the providers of a maker's own hardware first and the CPU's last; each extra once.

    Args:
        hardware: What is there.
        known: Providers; all of lineside's unless given.
    """
    ranked = sorted(
        (rank, provider.name, provider)
        for provider in (providers() if known is None else known)
        if provider.extra
        and hardware.system in provider.systems
        and (rank := _rank(provider, hardware)) is not None
    )
    found: dict[str, Offer] = {}
    for _, _, provider in ranked:
        extra = extra_for(provider, hardware)
        if extra:
            found.setdefault(extra, Offer(extra, provider.title, because(provider, hardware)))
    return tuple(found.values())


def suited(provider: Provider, hardware: Hardware) -> tuple[Card, ...]:
    """The cards that a provider computes on, of those that are there."""
    words = set(provider.hardware)
    return tuple(card for card in hardware.cards if card.kind != "display" and words & {card.word, card.kind})


def is_suited(provider: Provider, hardware: Hardware) -> bool:
    """Whether the machine has anything that the provider computes on."""
    return bool(set(provider.hardware) & hardware.words)


def because(provider: Provider, hardware: Hardware) -> str:
    """What a provider would compute on here: its cards by name, or the CPU."""
    cards = suited(provider, hardware)
    if cards:
        return ", ".join(dict.fromkeys(_named(card) for card in cards))
    return hardware.processor.model or "any CPU"


def extra_for(provider: Provider, hardware: Hardware) -> str | None:
    """The extra whose wheel works with the driver that is there; `None` where no wheel does, or none is offered."""
    if not provider.builds:
        return provider.extra
    build = build_for(provider, hardware)
    return build.extra if build else None


def build_for(provider: Provider, hardware: Hardware) -> Build | None:
    """The newest range of wheels that the driver is new enough for; the newest of all where no driver is told of."""
    driver = driver_of(provider, hardware)
    return next(
        (b for b in provider.builds if not driver or not precedes(driver, b.least_driver)),
        None,
    )


def driver_of(provider: Provider, hardware: Hardware) -> str:
    """The version of the driver of a provider's cards; empty where it is not told in numbers."""
    versions = (card.driver_version for card in suited(provider, hardware))
    return next((version for version in versions if version[:1].isdecimal()), "")


def missing(hardware: Hardware, fault: str = "") -> str:
    """The message of an environment without a runtime: the lines to choose from, the best first."""
    choice = offers(hardware)
    width = max((len(offer.line) for offer in choice), default=0)
    lines = "\n".join(f"  {offer.line:<{width}}  {offer.title}: {offer.because}" for offer in choice)
    tail = f"\n({fault})" if fault else ""
    return (
        f"onnxruntime is not installed. Its wheels exclude each other, so take one of those for this machine:\n{lines}\n"
        f"lineside devices shows what is there and what is missing.{tail}"
    )


def conflict(wheels: Wheels, hardware: Hardware) -> str:
    """The message of an environment with two wheels, or with what is left of them, with the lines that mend it."""
    what = wheels.conflict or "onnxruntime is damaged: it can be imported and holds nothing"
    return f"{what}. Run:\n" + "\n".join(f"  {line}" for line in mending(wheels, hardware))


def mending(wheels: Wheels, hardware: Hardware) -> tuple[str, ...]:
    """The lines that leave exactly one wheel: all of them removed, the best for this machine installed."""
    choice = offers(hardware)
    install = choice[0].line if choice else "pip install 'lineside[cpu]'"
    removal = wheels.removal()
    return (removal, install) if removal else (install.replace("install", "install --force-reinstall", 1),)


def _rank(provider: Provider, hardware: Hardware) -> int | None:
    """How closely a provider belongs to what is there: 0 to a maker's card, 1 to any card, 2 to the CPU; `None`: not at all."""
    found = set(provider.hardware) & hardware.words
    if not found:
        return None
    return min(2 if word == "cpu" else 0 if ":" in word else 1 for word in found)


def _named(card: Card) -> str:
    return card.name if card.name.startswith(card.maker) else f"{card.maker} {card.name}"


def warnings(wheels: Wheels, hardware: Hardware) -> tuple[Finding, ...]:
    """What a person should know of this environment: conflicts, old wheels, and what stands in the way of the hardware.

    Args:
        wheels: What is installed.
        hardware: What is there, with its own findings.
    """
    found = []
    if wheels.conflict:
        found.append(Finding(wheels.conflict, "\n".join(mending(wheels, hardware))))
    found += [
        Finding(
            f"{old} holds Python still while a session is made, which stalls a running line; {LEAST} does not"
        )
        for old in (() if wheels.conflict else wheels.too_old)
    ]
    found += [
        Finding(
            f"{plugin} needs onnxruntime {need} or newer; here is {wheels.runtimes[0]}",
            f"pip install -U {wheels.runtimes[0].name}",
        )
        for plugin, need in wheels.misfits
    ]
    found += [
        Finding(
            f"{hidden} in {hidden.place} is never imported: {wheels.place} comes before it on Python's path"
        )
        for hidden in wheels.shadowed
    ]
    return (*found, *hardware.findings, *(Finding(f"not read: {gap}") for gap in hardware.unread))
