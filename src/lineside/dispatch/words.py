"""The words of the scheduler: pictures and their streams, the health of devices, the kinds of faults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lineside.core.delivery import Delivery


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
    LOST = "lost"
    """The device as this worker has it is gone, as after a sticky fault of a driver: only a new worker may get it back."""
    INPUT = "input"
    """The pictures' fault, which no device can cure."""
    MODEL = "model"
    """The answer is none that a model may give, as NaN."""
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


@dataclass(slots=True, eq=False)  # frozen, each would take four times as long to make
class Request:
    """One picture that wants an answer. Nobody changes it.

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
