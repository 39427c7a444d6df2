"""The hardware of a machine, found without any provider and without a fault: what cannot be read is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.engine.hardware.limits import usable_cores
from lineside.engine.hardware.places import Places

if TYPE_CHECKING:
    from lineside.engine.hardware.machine import Hardware

__all__ = ["Places", "find_hardware", "usable_cores"]

_CONTAINERS = (".dockerenv", "run/.containerenv", "run/secrets/kubernetes.io")


def find_hardware(places: Places | None = None) -> Hardware:
    """What is there, on this machine unless another is given.

    Args:
        places: The machine, as its files show it.
    """
    # Imported here: every start asks for the usable cores, and none for the cards.
    from lineside.engine.hardware.cards import board, find_cards
    from lineside.engine.hardware.machine import Hardware
    from lineside.engine.hardware.obstacles import find_hindrances, find_obstacles
    from lineside.engine.hardware.processor import find_memory, find_processor

    here = places or Places()
    if here.system == "darwin":
        from lineside.engine.hardware.other_systems import mac

        processor, memory, cards = mac(here)
    elif here.system == "win32":
        from lineside.engine.hardware.other_systems import windows

        processor, memory, cards = windows(here)
    else:
        processor, memory, cards = find_processor(here), find_memory(here), find_cards(here)
    is_container = any(here.has(place) for place in _CONTAINERS)
    obstacles = find_obstacles(here, cards, is_container=is_container)
    findings = (*obstacles, *find_hindrances(here, processor))
    host = [board(here), "WSL 2" if here.has("dev/dxg") else "", "in a container" if is_container else ""]
    return Hardware(
        here.system,
        here.machine,
        ", ".join(filter(None, host)),
        processor,
        memory,
        cards,
        findings,
        tuple(here.unread),
    )
