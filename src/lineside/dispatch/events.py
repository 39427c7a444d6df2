"""What happens: the events that the scheduler is told of.

Times are seconds of one monotonic clock, which the caller owns. Runs are numbered upwards and no number is used twice:
an answer that names an older run is late, and harmless. Nobody changes an event; those that come with every picture are
not frozen all the same, as making a frozen one takes four times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from lineside.dispatch.words import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.dispatch.profile import ServiceTimes
    from lineside.dispatch.words import Request


@dataclass(slots=True, eq=False)  # not frozen: see the head of this file
class FrameArrived:
    """A picture came."""

    request: Request


@dataclass(slots=True, eq=False)  # not frozen: see the head of this file
class BatchDone:
    """A run ended. `results` holds one a request, in the run's order, and none for a probe; any other number is the device's fault."""

    device: str
    run: int
    results: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class BatchFailed:
    """A run ended without results, or with results that the model's card forbids."""

    device: str
    run: int
    fault: Fault = Fault.DEVICE
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but that time went by. Due by `Scheduler.wake_s`."""


@dataclass(frozen=True, slots=True)
class WorkerUp:
    """A device's worker is ready, for the first time or again; nothing of an earlier one runs any more.

    Attributes:
        device: The device's name.
        profiles: Measured service times of each model that is loaded there.
        memory_bytes: Memory in use on the device, where known; only `least_memory` looks at it.
    """

    device: str
    profiles: Mapping[str, ServiceTimes]
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A device's worker is gone, with the run that it had. `WorkerUp` tells of the next one."""

    device: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DeviceAlarm:
    """Something outside, such as a driver's event, says that a device is not to be trusted."""

    device: str
    detail: str


@dataclass(frozen=True, slots=True)
class Recycle:
    """A device's worker is to be replaced, for its age or its memory, without haste: after its run."""

    device: str
    detail: str


@dataclass(frozen=True, slots=True)
class MemorySeen:
    """How much memory is in use on a device."""

    device: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """One more model can run on a device."""

    device: str
    model: str
    times: ServiceTimes


@dataclass(frozen=True, slots=True)
class Swap:
    """From here on a role's pictures are for another model, which must be loaded somewhere."""

    role: str
    model: str


@dataclass(frozen=True, slots=True)
class Discard:
    """A model that was loaded is not wanted after all: `Retire` follows when its last picture is through. One that a role means now stays."""

    model: str


@dataclass(frozen=True, slots=True)
class Drain:
    """No picture is taken any more; `Drained` follows when the last one is through."""


Event: TypeAlias = (
    FrameArrived
    | BatchDone
    | BatchFailed
    | Tick
    | WorkerUp
    | WorkerLost
    | DeviceAlarm
    | Recycle
    | MemorySeen
    | ModelLoaded
    | Swap
    | Discard
    | Drain
)
