"""A picture on its way through the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.delivery import Delivery

if TYPE_CHECKING:
    from lineside.dispatch.actions import Unknown
    from lineside.dispatch.lane import Lane
    from lineside.dispatch.words import Request

_EVERY_PART = Delivery.EVERY_PART


class Job:
    """What the scheduler knows of one request.

    Attributes:
        request: The request.
        model: The model that looks at it, which a swap does not change any more.
        arrived_s: When it came.
        deadline_s: When its answer is due.
        rank: Its place in queues: lower is earlier. A live picture inherits that of the one it supersedes.
        judged: It is never dropped.
        lane: The queue in which it waits, or `None`.
        runs: Runs that it is part of now; two while it is hedged.
        failed_on: Devices on which it failed.
        admitted: It has waited for a device that could have it done in time.
        alone: It runs in no batch with others, because one that it was part of failed.
        answered: Its answer has been given, or waits only for those before it in its stream.
        late_s: When it began to wait as a late one.
        late: Its answer was UNKNOWN, and what comes of it is an amendment.
        released: Its answer has left.
        gone: Nothing is to come of it any more.
    """

    __slots__ = (
        "admitted", "alone", "answered", "arrived_s", "deadline_s", "device", "failed_on", "gone", "hedged", "judged", "lane",
        "late", "late_s", "model", "rank", "released", "request", "result", "runs", "unknown",
    )  # fmt: skip

    def __init__(self, request: Request, model: str, now_s: float) -> None:
        self.request = request
        self.model = model
        self.arrived_s = now_s
        self.deadline_s = request.deadline_s
        self.rank = request.deadline_s
        self.judged = request.stream.delivery is _EVERY_PART
        self.lane: Lane | None = None
        self.runs = 0
        self.failed_on: tuple[str, ...] = ()
        self.admitted = False
        self.alone = False
        self.hedged = False
        self.answered = False
        self.late = False
        self.late_s = 0.0
        self.released = False
        self.gone = False
        self.result: object = None
        self.device = ""
        self.unknown: Unknown | None = None
