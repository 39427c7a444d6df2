"""The other end of the scheduler's answers: each picture's future, settled exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.errors import UnansweredError
from lineside.core.verdict import Reason
from lineside.dispatch.actions import Unknown
from lineside.dispatch.guarding import guarded
from lineside.dispatch.look import Look, LookFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from lineside.dispatch.actions import Amend, Drop, Forget, Release

    LateResult = Callable[[object, Any, str], None]


class Ticket:
    """The payload of a request: the picture, what is asked of it, and who waits for the answer.

    Attributes:
        picture: uint8 BGR (H, W, 3); `None` once no run can need it any more.
        asked: Settings of the call.
        name: What the asker calls the picture.
        future: Who waits.
    """

    __slots__ = ("asked", "future", "name", "picture")

    def __init__(self, picture: NDArray[np.uint8], asked: Mapping[str, Any], name: object = None) -> None:
        self.picture: NDArray[np.uint8] | None = picture
        self.asked = asked
        self.name = name
        self.future = LookFuture()


class Promises:
    """Settles futures, and drops pictures after the answer behind which no run can need them any more.

    Args:
        late_result: Takes what came of a picture after its answer: its name, the result, the device. What it raises is logged.

    Attributes:
        give: Owes a picture its answer.
    """

    def __init__(self, late_result: LateResult | None = None) -> None:
        self._late_result = None if late_result is None else guarded("late_result", late_result)
        self._open: set[Ticket] = set()
        self.give: Callable[[Ticket], None] = self._open.add

    def give_up(self, detail: str) -> None:
        """Settle what is still owed: nothing is known of it."""
        for ticket in tuple(self._open):
            self._settle(ticket, UnansweredError(f"{_called(ticket)}{detail}", Reason.OVERLOAD))

    def keep(self, action: Release) -> None:
        """Settle a future with what was seen; one that the asker has cancelled stays so, as with `refuse`."""
        ticket = action.request.payload
        assert isinstance(ticket, Ticket)
        ticket.picture = None
        try:
            self._open.remove(ticket)
        except KeyError:  # it was given up
            return
        future, result = ticket.future, action.result
        future.device = action.device
        if isinstance(result, Look):
            future.seconds = result.seconds
            result = result.detections
        future.settle(result)

    def refuse(self, action: Unknown | Drop) -> None:
        """Settle a future of which nothing is known."""
        ticket = _ticket_of(action)
        if not (isinstance(action, Unknown) and action.pending):
            ticket.picture = None
        self._settle(ticket, UnansweredError(f"{_called(ticket)}{action.detail}", action.reason))

    def amend(self, action: Amend) -> None:
        """Hand on what came of a picture after its answer."""
        ticket = _ticket_of(action)
        ticket.picture = None
        if self._late_result is not None:
            self._late_result(ticket.name, _seen(action.result), action.device)

    def forget(self, action: Forget) -> None:
        """Nothing will come of a picture that was answered."""
        _ticket_of(action).picture = None

    def _settle(self, ticket: Ticket, refusal: UnansweredError) -> None:
        try:
            self._open.remove(ticket)
        except KeyError:  # it was given up
            return
        ticket.future.settle(None, refusal)


def _ticket_of(action: Unknown | Drop | Amend | Forget) -> Ticket:
    ticket = action.request.payload
    assert isinstance(ticket, Ticket)
    return ticket


def _seen(result: object) -> object:
    """What was seen, without the times that it took."""
    return result.detections if isinstance(result, Look) else result


def _called(ticket: Ticket) -> str:
    return "" if ticket.name is None else f"{ticket.name}: "
