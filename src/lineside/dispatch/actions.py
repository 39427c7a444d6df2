"""What is to be done: the actions that the scheduler answers with, in their order.

Nobody changes an action; those that come with every picture are not frozen all the same, as making a frozen one takes four times
as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lineside.core.verdict import Reason
    from lineside.dispatch.words import Health, Request


@dataclass(slots=True, eq=False)  # not frozen: see the head of this file
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
    """

    device: str
    detail: str


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A device's health changed. Into QUARANTINED it is an alarm; out of it into HEALTHY the all-clear."""

    device: str
    health: Health
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DeadlineTooShort:
    """A stream's pictures ask for answers sooner than the fastest device has one. Told once a stream."""

    stream: str
    detail: str


@dataclass(slots=True, eq=False)  # not frozen: see the head of this file
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
    | DeadlineTooShort
    | Release
    | Unknown
    | Drop
    | Amend
    | Forget
    | Retire
    | Drained
)
