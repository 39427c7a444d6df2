"""Another model in place of the one that runs: loaded beside it, proven, and switched to between two pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DeviceUnavailableError, LinesideError, ModelError
from lineside.dispatch.events import Discard, Swap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.dispatch.askings import Askings
    from lineside.dispatch.desk import Desk
    from lineside.dispatch.roster import Roster
    from lineside.dispatch.starting import Offer

Look = Callable[["NDArray[Any]"], "Detections"]
"""A model as a function from a picture to detections."""

Proof = Callable[[Look, Look], object]
"""Is called with the old and the new model; raises a `LinesideError` where the new one is not good enough."""

_LOAD_S = 1800.0  # engines may have to be built


class Swapper:
    """Puts models in the place of others.

    Args:
        desk: The scheduler.
        roster: The workers.
        askings: The settings of calls.
        role: What is swapped.
    """

    def __init__(self, desk: Desk, roster: Roster, askings: Askings, role: str) -> None:
        self._desk = desk
        self._roster = roster
        self._askings = askings
        self._role = role

    def swap(self, old: Offer, new: Offer, proven: Callable[[], object]) -> None:
        """Switch to a model that is loaded on every device in service, and proven; a refusal leaves all as it was.

        Args:
            old: What runs.
            new: What is to run.
            proven: Raises where the new one, which is loaded by then, is not good enough.

        Raises:
            LinesideError: It is refused.
        """
        self._askings.add(new.card)
        try:
            self._load(new)
            proven()
        except BaseException:
            self._askings.keep(old.card)
            self._roster.forget(new.model.name)  # first, so that no worker opens it once it was let go
            self._desk.post(Discard(new.model.name))
            raise
        self._desk.post(Swap(self._role, new.model.name))
        self._askings.keep(new.card)

    def _load(self, new: Offer) -> None:
        """Load a model on every device in service.

        Raises:
            LinesideError: One cannot, or none is in service; or the engine is closed, at once or meanwhile.
        """
        name, roster = new.model.name, self._roster
        seats = roster.seats.values()
        roster.load(new.model)
        done = roster.wait(
            lambda: (
                roster.is_closed()
                or all(not seat.is_up or name in seat.loaded or name in seat.refused for seat in seats)
            ),
            _LOAD_S,
        )
        if roster.is_closed():
            raise DeviceUnavailableError(
                f"{new.model.path}: the engine is closed, so no model gets in any more"
            )
        # What is out of service is tried again with every model, and refuses this one as it does the others.
        refusals = {
            seat.worker.device: seat.refused[name] for seat in seats if seat.is_up and name in seat.refused
        }
        if refusals:
            raise _refusal(new, refusals)
        if not done or not any(name in seat.loaded for seat in seats):
            raise DeviceUnavailableError(
                f"{new.model.path}: no device in service has loaded it; the model that ran before runs on"
            )


def _refusal(new: Offer, refusals: dict[str, LinesideError]) -> LinesideError:
    first = next(iter(refusals.values()))
    texts = "; ".join(f"{device}: {error}" for device, error in refusals.items())
    kinds = {type(error) for error in refusals.values()}
    refusal = (kinds.pop() if len(kinds) == 1 else ModelError)(
        f"{new.model.path}: the model that ran before runs on. {texts}"
    )
    refusal.__cause__ = first
    return refusal
