"""The words of the scheduler: what is asked of it, what happens, and what is to be done about it.

Times are seconds of one monotonic clock, which the caller owns. Runs are numbered upwards and never used twice: an
answer that names an older run is late, and harmless.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.core.verdict import Reason
    from lineside.dispatch.profile import ServiceTimes


class Delivery(StrEnum):
    """What becomes of a picture that cannot be in time."""

    EVERY_PART = "every_part"
    """It is answered UNKNOWN by its deadline and still looked at, for the trace."""
    LATEST = "latest"
    """It is dropped and counted. Only the newest of a stream waits."""


class Health(StrEnum):
    """How far a device is trusted."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"
    """Its run takes much too long. It gets nothing new, and what waited for it goes elsewhere."""
    QUARANTINED = "quarantined"
    """It failed or hung. It gets nothing until it has cooled down or its worker is new."""
    PROBING = "probing"
    """It is shown test pictures, and nothing else."""


class Fault(StrEnum):
    """Why a run failed, as the worker classed it."""

    DEVICE = "device"
    MEMORY = "memory"
    """Out of memory. The session is broken; it comes back with smaller batches."""
    INPUT = "input"
    """The pictures' fault, which no device can cure."""
    CANCELLED = "cancelled"
    """Ended because `Cancel` asked for it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Pictures that belong together.

    Attributes:
        name: The camera, or whoever asks.
        model: The role whose current model looks at them; `Swap` changes which that is.
        delivery: What becomes of one that cannot be in time.
        ordered: Answers leave in the order in which the pictures came.
    """

    name: str
    model: str = "model"
    delivery: Delivery = Delivery.EVERY_PART
    ordered: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One picture that wants an answer.

    Attributes:
        stream: Where it came from.
        sequence: Its number in the stream, for whoever reads the answer.
        deadline_s: When its answer is due; infinite where nobody waits.
        payload: The picture or what leads to it. It is handed on, never looked at.
    """

    stream: Stream
    sequence: int
    deadline_s: float
    payload: object = None


# What happens.


@dataclass(frozen=True, slots=True, eq=False)
class FrameArrived:
    """A picture came."""

    request: Request


@dataclass(frozen=True, slots=True, eq=False)
class BatchDone:
    """A run ended well. `results` holds one a request, in the run's order, or nothing (a probe, a simulation)."""

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
    """Nothing but that time went by. Due by `Scheduler.next_wake_s`."""


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
    | MemorySeen
    | ModelLoaded
    | Swap
    | Drain
)


# What is to be done.


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Let a device run these pictures in one batch. `BatchDone` or `BatchFailed` is expected for it."""

    device: str
    run: int
    model: str
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """Let a device run the model's test picture and compare the answer with the reference; answered as a `Run` is."""

    device: str
    run: int
    model: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a run early where the runtime can; whatever comes of it, nobody waits for it any more."""

    device: str
    run: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """Give a device's worker up, by force if need be, and start another; `WorkerUp` is expected.

    Attributes:
        device: The device's name.
        detail: Why.
        max_batch: The largest batch that the next worker may be asked for, or `None`.
    """

    device: str
    detail: str
    max_batch: int | None = None


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A device's health changed. Into QUARANTINED it is an alarm; out of it into HEALTHY the all-clear."""

    device: str
    health: Health
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A picture's answer, in time and in order."""

    request: Request
    result: object
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """A picture's answer where nothing is known of it by its deadline.

    Attributes:
        request: The picture.
        reason: Why.
        detail: The same as a sentence.
        pending: It is still looked at: one `Amend` or `Forget` follows, and its picture is needed until then.
    """

    request: Request
    reason: Reason
    detail: str
    pending: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Drop:
    """A live picture that is not shown."""

    request: Request
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Amend:
    """What came of a picture after its answer: the trace's `late_result`, never a second answer."""

    request: Request
    result: object
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class Forget:
    """Nothing will come of a picture that was answered UNKNOWN."""

    request: Request
    detail: str


@dataclass(frozen=True, slots=True)
class Retire:
    """No picture is for this model any more; its sessions may be closed."""

    model: str


@dataclass(frozen=True, slots=True)
class Drained:
    """The last picture is through."""


Action: TypeAlias = (
    Run
    | Probe
    | Cancel
    | Terminate
    | HealthChanged
    | Release
    | Unknown
    | Drop
    | Amend
    | Forget
    | Retire
    | Drained
)


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """One device up to now.

    Attributes:
        name: Its name.
        health: How far it is trusted.
        waiting: Pictures that wait for it.
        running: Pictures in its run.
        ratio: How its service times compare with its profiles: 1 as measured, 2 twice as slow.
        batches: Runs that ended well.
        frames: Pictures in them.
        busy_s: Seconds spent in runs.
        faults: How often it was quarantined.
    """

    name: str
    health: Health
    waiting: int
    running: int
    ratio: float
    batches: int
    frames: int
    busy_s: float
    faults: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of the pictures up to now. `arrived` is the sum of `released`, `unknown`, `dropped` and `open`.

    Attributes:
        arrived: Pictures that came.
        released: Answered in time.
        unknown: Answered UNKNOWN, by reason.
        dropped: Live pictures that were not shown.
        superseded: Of them, those that gave way to a newer one of their stream.
        open: Not answered yet.
        amended: Late results of pictures that had been answered UNKNOWN.
        forgotten: Pictures answered UNKNOWN that nothing came of.
        late_waiting: Pictures answered UNKNOWN that wait to be looked at.
        retried: Pictures that a second device was given because the first failed.
        hedged: Pictures that a second device was given because the first took too long.
        devices: Each device.
    """

    arrived: int
    released: int
    unknown: Mapping[Reason, int]
    dropped: int
    superseded: int
    open: int
    amended: int
    forgotten: int
    late_waiting: int
    retried: int
    hedged: int
    devices: tuple[DeviceStatistics, ...] = field(default=())
