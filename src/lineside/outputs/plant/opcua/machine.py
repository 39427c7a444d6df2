"""The states of OPC 40100-1 as a value: what a client may ask for when, and what is shown. No server, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from lineside.outputs.plant.link import LineState


class VisionState(StrEnum):
    """The states of `VisionStateMachineType`, and below OPERATIONAL those of its automatic mode."""

    PREOPERATIONAL = "Preoperational"
    HALTED = "Halted"
    ERROR = "Error"
    INITIALIZED = "Initialized"
    READY = "Ready"
    SINGLE_EXECUTION = "SingleExecution"
    CONTINUOUS_EXECUTION = "ContinuousExecution"

    @property
    def is_operational(self) -> bool:
        """Whether the outer machine is Operational, and this is a state of its automatic mode."""
        return self in _AUTOMATIC


_AUTOMATIC = frozenset(
    {
        VisionState.INITIALIZED,
        VisionState.READY,
        VisionState.SINGLE_EXECUTION,
        VisionState.CONTINUOUS_EXECUTION,
    }
)


class ErrorCode(IntEnum):
    """What a method answers. The specification leaves numbers other than 0 to the maker."""

    OK = 0
    NOT_IN_THIS_STATE = -1
    """The method means nothing in the present state."""
    NOT_READY = -2
    """The line cannot judge a part now."""
    NO_SIMULATION = -3
    """There is no simulation mode: a verdict is always about a real part."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a client started.

    Attributes:
        number: From 1, in the order of starts; `JobId` on the wire.
        started_s: Monotonic seconds.
        meas: The client's `MeasId`, or an empty string.
        part: Its `PartId`, as a serial number.
        recipe: Its `RecipeId`, a product code.
        product: Its `ProductId`.
    """

    number: int
    started_s: float
    meas: str = ""
    part: str = ""
    recipe: str = ""
    product: str = ""


@dataclass(slots=True)
class VisionMachine:
    """The machine. One job runs at a time, as the specification has it; each ends with exactly one result.

    Attributes:
        line: What the line says of itself.
        is_halted: Whether a client has halted the system.
        single: The single job that runs.
        continuous: The continuous job that runs.
        jobs: How many were started.
    """

    line: LineState = LineState.STARTING
    is_halted: bool = False
    single: Job | None = None
    continuous: Job | None = None
    jobs: int = field(default=0)

    @property
    def state(self) -> VisionState:
        """What is shown."""
        if self.is_halted or self.line is LineState.STOPPING:
            return VisionState.HALTED
        if self.line is LineState.FAULT:
            return VisionState.ERROR
        if self.line is LineState.STARTING:
            return VisionState.PREOPERATIONAL
        if self.single is not None:
            return VisionState.SINGLE_EXECUTION
        return VisionState.READY if self.continuous is None else VisionState.CONTINUOUS_EXECUTION

    def start_single(self, job: Job) -> ErrorCode:
        """A part is in place. It can be started in Ready alone: in every other state nobody would judge it.

        Args:
            job: What the client said of it; its number is given by `next_number`.
        """
        if self.state is not VisionState.READY:
            return ErrorCode.NOT_IN_THIS_STATE if self.state.is_operational else ErrorCode.NOT_READY
        self.jobs, self.single = job.number, job
        return ErrorCode.OK

    def start_continuous(self, job: Job) -> ErrorCode:
        """Results come for every part that the line judges, whoever triggers it."""
        if self.state is not VisionState.READY:
            return ErrorCode.NOT_IN_THIS_STATE if self.state.is_operational else ErrorCode.NOT_READY
        self.jobs, self.continuous = job.number, job
        return ErrorCode.OK

    @property
    def next_number(self) -> int:
        """The number of the next job."""
        return self.jobs + 1

    def stop(self) -> ErrorCode:
        """The continuous job ends. A single one ends with its result, which nothing can prevent."""
        if self.continuous is None:
            return ErrorCode.NOT_IN_THIS_STATE
        self.continuous = None
        return ErrorCode.OK

    def halt(self) -> ErrorCode:
        """No further job is taken. A part that is on its way is still answered."""
        self.is_halted, self.continuous = True, None
        return ErrorCode.OK

    def reset(self) -> ErrorCode:
        """The system is no longer halted, and shows the line's own state."""
        if self.state not in {VisionState.HALTED, VisionState.ERROR} or self.line is LineState.STOPPING:
            return ErrorCode.NOT_IN_THIS_STATE
        self.is_halted = False
        return ErrorCode.OK

    def finished(self, number: int | None) -> Job | None:
        """The job that a result ends or belongs to; `None` for a part that no client asked for.

        Args:
            number: The job's, where the part was begun by one.
        """
        if self.single is not None and self.single.number == number:
            job, self.single = self.single, None
            return job
        return self.continuous if number is None else None
