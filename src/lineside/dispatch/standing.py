"""How the devices of an engine stand, and what the people at the line hear of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.dispatch.guarding import guarded
from lineside.dispatch.words import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.dispatch.actions import HealthChanged

    Note = Callable[[str, str], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceStanding:
    """One device now.

    Attributes:
        name: Its name.
        entries: What runs there, best first.
        isolation: What its worker lives in: `thread` or `process`.
        health: How far it is trusted.
        detail: Why it is not healthy; an empty text where it is.
        starts: How often its worker was started; more than once means that it was lost.
        refused: Models that could not be opened there, with the reason.
        demoted: Models that run there on another entry than the first, with the reason.
        signals: What its maker's library tells, as `temperature_c`; empty where there is none.
    """

    name: str
    entries: tuple[str, ...]
    isolation: str
    health: Health
    detail: str
    starts: int
    refused: Mapping[str, str]
    demoted: Mapping[str, str]
    signals: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class BufferStanding:
    """The places for pictures now.

    Attributes:
        count: How many there are.
        free: How many are not in use.
        elsewhere: Pictures for which a source was lent ordinary memory, as none was free or they were larger.
        copied: Pictures that were copied into a place for a worker, as they lay elsewhere.
    """

    count: int = 0
    free: int = 0
    elsewhere: int = 0
    copied: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """An engine now.

    Attributes:
        devices: Each device.
        signals: For each maker's library whether it is read, and if not why.
        short_deadlines: A sentence for each stream whose pictures ask for answers sooner than the fastest device has one.
        tight_deadline: A sentence where the engine's own deadline has been kept, but usually is not; else empty.
        buffers: The places for pictures.
    """

    devices: tuple[DeviceStanding, ...]
    signals: Mapping[str, str]
    short_deadlines: tuple[str, ...] = ()
    tight_deadline: str = ""
    buffers: BufferStanding = BufferStanding()

    @property
    def is_whole(self) -> bool:
        """Every device is in service."""
        return all(device.health is Health.HEALTHY for device in self.devices)

    @property
    def in_service(self) -> int:
        """How many devices are."""
        return sum(device.health is Health.HEALTHY for device in self.devices)


class Bulletin:
    """Keeps why each device is not healthy, and tells of every loss and return.

    Args:
        note: Takes a code and a sentence; what it raises is logged.
    """

    def __init__(self, note: Note | None) -> None:
        self._note = _logged if note is None else guarded("note", note)
        self._out: set[str] = set()
        self.details: dict[str, str] = {}

    def take(self, change: HealthChanged) -> None:
        """Take a change in."""
        device, health = change.device, change.health
        self.details[device] = change.detail
        if health is Health.QUARANTINED:
            if device not in self._out:  # a failed probe is no news
                self._out.add(device)
                self._note("device.quarantined", f"{device} is out of service: {change.detail}")
        elif health is Health.HEALTHY:
            self.details[device] = ""
            if device in self._out:
                self._out.discard(device)
                self._note("device.back", f"{device} is in service again")

    def say(self, code: str, text: str) -> None:
        """Tell something."""
        self._note(code, text)


def _logged(code: str, text: str) -> None:
    _log.warning("%s [%s]", text, code)
