"""The other end of the scheduler's answers: each picture's future, settled exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.errors import UnansweredError
from lineside.core.verdict import Reason
from lineside.dispatch.actions import Amend, Drop, Forget, Release, Unknown
from lineside.dispatch.look import Look, LookFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

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
        late_result: Takes what came of a picture after its answer: its name, the result, the device.

    Attributes:
        give: Owes a picture its answer.
    """

    def __init__(self, late_result: LateResult | None = None) -> None:
        self._late_result = late_result
        self._open: set[Ticket] = set()
        self.give: Callable[[Ticket], None] = self._open.add

    def give_up(self, detail: str) -> None:
        """Settle what is still owed: nothing is known of it."""
        for ticket in tuple(self._open):
            self._settle(ticket, UnansweredError(f"{_called(ticket)}{detail}", Reason.OVERLOAD))

    def keep(self, action: Release | Unknown | Drop | Amend | Forget) -> None:
        """Settle what an action settles. A future that the asker has cancelled stays so."""
        if isinstance(action, Release):
            self.release(action)
            return
        ticket = action.request.payload
        assert isinstance(ticket, Ticket)
        if not (isinstance(action, Unknown) and action.pending):
            ticket.picture = None
        if isinstance(action, Unknown | Drop):
            self._settle(ticket, UnansweredError(f"{_called(ticket)}{action.detail}", action.reason))
        elif isinstance(action, Amend) and self._late_result is not None:
            self._late_result(ticket.name, _seen(action.result), action.device)

    def release(self, action: Release) -> None:
        """Settle with what was seen, as `keep` does."""
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

    def _settle(self, ticket: Ticket, refusal: UnansweredError) -> None:
        try:
            self._open.remove(ticket)
        except KeyError:  # it was given up
            return
        ticket.future.settle(None, refusal)


def _seen(result: object) -> object:
    """What was seen, without the times that it took."""
    return result.detections if isinstance(result, Look) else result


def _called(ticket: Ticket) -> str:
    return "" if ticket.name is None else f"{ticket.name}: "
