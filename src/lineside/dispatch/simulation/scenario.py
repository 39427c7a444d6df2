"""What is simulated: streams, devices, what breaks, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError, near
from lineside.dispatch.routing import DEFAULT
from lineside.dispatch.settings import Settings

if TYPE_CHECKING:
    from lineside.dispatch.profile import ServiceTimes
    from lineside.dispatch.simulation.handover import Handover


class Arrivals(StrEnum):
    """When a camera's pictures come."""

    REGULAR = "regular"
    """At its rate, from a moment of its own on."""
    TOGETHER = "together"
    """At the same moments as all others that do, as one trigger for several cameras has it."""
    RANDOM = "random"
    """As parts lie on a belt: at its rate on average, with exponential gaps."""


class FaultKind(StrEnum):
    """What breaks."""

    ERROR = "error"
    """Every run fails."""
    HANG = "hang"
    """No run ends, and none can be cancelled."""
    SLOW = "slow"
    """Every run takes `factor` times as long."""
    DEATH = "death"
    """The worker is gone, and can be started again when the fault is over."""


@dataclass(frozen=True, slots=True)
class SimulatedStream:
    """A camera.

    Attributes:
        name: Its name.
        fps: Pictures a second.
        deadline_s: Seconds from a picture to its deadline.
        delivery: What becomes of pictures that cannot be in time.
        arrivals: When its pictures come.
        jitter: Standard deviation of regular moments, as a share of the period.
    """

    name: str
    fps: float
    deadline_s: float
    delivery: Delivery = Delivery.EVERY_PART
    arrivals: Arrivals = Arrivals.REGULAR
    jitter: float = 0.02


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A device.

    Attributes:
        name: Its name.
        profile: Name of the profile that its times are from.
        times: Its service times, which the scheduler is told.
        source: Where these come from.
        memory_bytes: What `least_memory` is told.
    """

    name: str
    profile: str
    times: ServiceTimes
    source: str = ""
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SimulatedFault:
    """Something that breaks.

    Attributes:
        device: The device's name.
        kind: What breaks.
        from_s: When, in seconds of virtual time.
        to_s: When it is well again; infinite for never.
        factor: How much slower a slow device is.
    """

    device: str
    kind: FaultKind
    from_s: float
    to_s: float
    factor: float = 5.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated.

    Attributes:
        streams: The cameras.
        devices: The devices.
        faults: What breaks.
        seconds: For how long pictures come, in virtual seconds.
        seed: Of all dice.
        routing: Name of the policy.
        settings: The scheduler's thresholds.
        noise: Standard deviation of the logarithm of a run's time.
        tails: Share of runs that take 2 to 8 times as long.
        restart_s: Seconds to start a worker again.
        handover: What the engine itself takes; `None` for nothing.

    Raises:
        SettingsError: There is no stream or device, or a fault is of a device that does not exist.
    """

    streams: tuple[SimulatedStream, ...]
    devices: tuple[SimulatedDevice, ...]
    faults: tuple[SimulatedFault, ...] = ()
    seconds: float = 10.0
    seed: int = 1
    routing: str = DEFAULT
    settings: Settings = field(default_factory=Settings)
    noise: float = 0.04
    tails: float = 0.0
    restart_s: float = 0.3
    handover: Handover | None = None

    def __post_init__(self) -> None:
        if not self.streams or not self.devices:
            raise SettingsError(
                f"simulation: expected cameras and devices; got {len(self.streams)} and {len(self.devices)}"
            )
        names = [device.name for device in self.devices]
        for fault in self.faults:
            if fault.device not in names:
                raise SettingsError(
                    f'simulation: fault: no device "{fault.device}"{near(fault.device, names)}'
                )

    @property
    def asked_fps(self) -> float:
        """Pictures a second of all streams."""
        return sum(stream.fps for stream in self.streams)

    @property
    def bound_fps(self) -> float:
        """Pictures a second that nobody can have more of in time: every device in its best batches, never idle.

        One fluid server as fast as all devices together; batches longer than the longest deadline do not count.
        """
        longest_s = max(stream.deadline_s for stream in self.streams)
        return sum(device.times.rate(longest_s) for device in self.devices)
