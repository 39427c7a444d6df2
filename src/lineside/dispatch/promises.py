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

    from lineside.dispatch.actions import Action

    LateResult = Callable[[object, Any, str], None]

_ANSWERS = (Release, Unknown, Drop, Amend, Forget)
_LAST = frozenset({Release, Drop, Amend, Forget})
"""After these nothing looks at the picture any more."""


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


def let_go(action: Action) -> None:
    """Drop the picture where nothing can need it after this action."""
    if type(action) in _LAST or (isinstance(action, Unknown) and not action.pending):
        assert isinstance(action, _ANSWERS)
        ticket = action.request.payload
        assert isinstance(ticket, Ticket)
        ticket.picture = None


class Promises:
    """Settles futures.

    Args:
        late_result: Takes what came of a picture after its answer: its name, the result, the device.
    """

    def __init__(self, late_result: LateResult | None = None) -> None:
        self._late_result = late_result
        self._open: set[Ticket] = set()

    def give(self, ticket: Ticket) -> None:
        """Owe a picture its answer."""
        self._open.add(ticket)

    def give_up(self, detail: str) -> None:
        """Settle what is still owed: nothing is known of it."""
        for ticket in tuple(self._open):
            self._settle(ticket, UnansweredError(f"{_called(ticket)}{detail}", Reason.OVERLOAD))

    def keep(self, action: Action) -> None:
        """Settle what an action settles. A future that the asker has cancelled stays so."""
        if isinstance(action, Release):
            self._release(action)
        elif isinstance(action, Unknown | Drop):
            ticket = _ticket_of(action)
            self._settle(ticket, UnansweredError(f"{_called(ticket)}{action.detail}", action.reason))
        elif isinstance(action, Amend) and self._late_result is not None:
            self._late_result(_ticket_of(action).name, _seen(action.result), action.device)

    def _release(self, action: Release) -> None:
        ticket, result = _ticket_of(action), action.result
        try:
            self._open.remove(ticket)
        except KeyError:  # it was given up
            return
        future = ticket.future
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


def _ticket_of(action: Release | Unknown | Drop | Amend) -> Ticket:
    ticket = action.request.payload
    assert isinstance(ticket, Ticket)
    return ticket


def _seen(result: object) -> object:
    """What was seen, without the times that it took."""
    return result.detections if isinstance(result, Look) else result


def _called(ticket: Ticket) -> str:
    return "" if ticket.name is None else f"{ticket.name}: "
