"""What an engine is made of: the scheduler at its desk, the workers, the timer, the signals, and how they are put together."""

from __future__ import annotations

import math
import threading
from concurrent.futures import wait
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lineside.core.errors import DeviceUnavailableError
from lineside.core.verdict import Reason
from lineside.dispatch.actions import (
    Amend,
    DeadlineTooShort,
    Drained,
    Drop,
    Forget,
    HealthChanged,
    Release,
    Unknown,
)
from lineside.dispatch.buffers import SlotBuffers
from lineside.dispatch.closing import Closing
from lineside.dispatch.deadline_trial import refuse_short, tight
from lineside.dispatch.desk import Desk
from lineside.dispatch.events import Drain, FrameArrived
from lineside.dispatch.memory_admission import MemoryAdmission
from lineside.dispatch.promises import Promises, Ticket
from lineside.dispatch.roster import Roster
from lineside.dispatch.scheduler import Scheduler
from lineside.dispatch.signals import Signals
from lineside.dispatch.standing import BufferStanding, Bulletin, DeviceStanding, Standing
from lineside.dispatch.starting import trial_picture, wait_for_start
from lineside.dispatch.timer import Timer
from lineside.dispatch.words import Health, Request, Stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineside.dispatch.events import Event
    from lineside.dispatch.signals import Library
    from lineside.dispatch.starting import Crew, Fittings, Offer

_END_S = 5.0
_CLOSED = "the engine is closed"


class Works:
    """The parts of an engine, connected.

    Args:
        crew: The workers.
        fittings: How it works.

    Attributes:
        desk: Takes events.
        roster: The workers.
        promises: The futures.
        buffers: Where sources may write pictures.
        closing: How all of it is closed.
    """

    def __init__(self, crew: Crew, fittings: Fittings) -> None:
        # First, as it may refuse, and nothing has to be let go yet.
        scheduler = Scheduler(crew.workers, settings=fittings.settings, routing=fittings.routing)
        self._crew = crew
        self._fittings = fittings
        self._bulletin = Bulletin(fittings.note)
        self._drained = threading.Event()
        self.promises = Promises(fittings.late_result)
        self.roster = Roster(
            cool_down_s=lambda name: self.desk.ask(lambda scheduler: scheduler.cool_down_s(name)),
            clock=fittings.clock,
            note=self._bulletin.say,
            later=fittings.later,
        )
        self._timer = Timer(self._tick, fittings.clock)
        self.desk = Desk(
            scheduler,
            clock=fittings.clock,
            prepare=self.roster.prepare,
            answer={
                Release: self.promises.keep,
                Unknown: self.promises.refuse,
                Drop: self.promises.refuse,
                Amend: self.promises.amend,
                Forget: self.promises.forget,
                HealthChanged: self._bulletin.take,
                DeadlineTooShort: lambda told: self._bulletin.say("deadline.too_short", told.detail),
                Drained: lambda _: self._drained.set(),
            },
            wake_at=self._timer.at,
        )
        self.roster.hire(crew.workers, post=self.desk.post)
        self._signals = _signals(crew, self.desk.post, fittings.libraries)
        self._memory = MemoryAdmission(self._signals)
        self.buffers = SlotBuffers(crew.slots)
        self.closing = Closing(
            self, self.desk, self.roster, drain=self.drain, end=lambda by_force: self.end(by_force=by_force)
        )

    def start(self, offer: Offer) -> None:
        """Start the workers, and wait for them.

        Raises:
            LinesideError: None can start, or one cannot and all are required.
            SettingsError: None can have a picture done within the deadline.
        """
        try:
            if self._fittings.ticks:
                self._timer.start()
            self._memory.opening()
            self._signals.start()
            self.roster.start([offer.model])
            wait_for_start(self.roster, self._bulletin, self._fittings.demotion)
            self._memory.opened(0 if offer.card is None else offer.card.size_bytes)
            self.prove_deadline(offer)
            self.tell_tight(offer.model.name)
        except BaseException:
            self.end(by_force=True)
            raise

    def absence(self, role: str) -> Reason | None:
        """Why no device can look at a picture for a role now; `None` where one can."""
        if self.roster.is_closed():
            return Reason.STOPPING
        return self.desk.ask(lambda scheduler: scheduler.absence(role))

    def backlog_ms(self, role: str) -> float | None:
        """Milliseconds until a picture for a role that came now would be done; `None` where none would."""
        now_s = self._fittings.clock()
        seconds = self.desk.ask(lambda scheduler: scheduler.backlog_s(role, now_s))
        return None if seconds is None or self.roster.is_closed() else seconds * 1e3

    def refuse_closed(self, model: str | Path) -> None:
        """Refuse a model for an engine that is closed.

        Raises:
            DeviceUnavailableError: It is.
        """
        if self.roster.is_closed():
            raise DeviceUnavailableError(f"{model}: {_CLOSED}, so no model gets in any more")

    def standing(self, role: str) -> Standing:
        """How the devices stand, and who asks a role's model for more than they can."""
        statistics = self.desk.ask(lambda scheduler: scheduler.statistics())
        return Standing(
            tuple(self._standing_of(device.name, device.health) for device in statistics.devices),
            dict(self._signals.told),
            self.desk.ask(lambda scheduler: scheduler.short_deadlines(role)),
            self._tight(role),
            self._buffer_standing(),
        )

    def _buffer_standing(self) -> BufferStanding:
        slots = self._crew.slots
        if slots is None:
            return BufferStanding(0, 0, self.buffers.elsewhere, 0)
        return BufferStanding(slots.count, slots.free, self.buffers.elsewhere, slots.copied)

    def prove_deadline(self, offer: Offer) -> None:
        """Refuse a loaded model that no device is done with by the engine's deadline, also when it is tried again.

        Raises:
            SettingsError: There is no such device.
        """
        model = offer.model.name
        refuse_short(
            self._fittings.deadline_s,
            offer.model.path,
            fastest=lambda: self.desk.ask(lambda scheduler: scheduler.fastest(model)),
            run=lambda limit_s: self._run_one(offer, limit_s),
            clock=self._fittings.clock,
        )

    def tell_tight(self, role: str) -> None:
        """Tell where a deadline that can be kept usually is not."""
        if sentence := self._tight(role):
            self._bulletin.say("deadline.tight", sentence)

    def _tight(self, role: str) -> str:
        return tight(
            self._fittings.deadline_s,
            fastest=lambda: self.desk.ask(lambda scheduler: scheduler.fastest(role)),
            usual=lambda: self.desk.ask(lambda scheduler: scheduler.usual(role)),
        )

    def _run_one(self, offer: Offer, limit_s: float) -> bool:
        """Run a model's test picture where it is done first; whether it ended in so many seconds."""
        ticket = Ticket(trial_picture(offer), {}, "a test picture")
        self.promises.give(ticket)
        stream = Stream("", offer.model.name, ordered=False)
        self.desk.post(FrameArrived(Request(stream, 0, math.inf, ticket)))
        return not wait((ticket.future,), limit_s).not_done

    def admit(self, new: Offer) -> None:
        """Refuse a model that a card has no memory for beside the one that runs.

        Raises:
            DeviceMemoryError: There is such a card.
        """
        if new.card is not None:
            self._memory.admit(new.model.path, new.card.size_bytes)

    def drain(self, timeout_s: float | None) -> bool:
        """Take no picture any more, and wait for the last one, but for a call from within, which would wait for itself; whether it is through in so many seconds."""
        self.desk.post(Drain())
        return self._drained.wait(0.0 if self.closing.is_within() else timeout_s)

    def end(self, *, by_force: bool) -> None:
        """End the workers, and settle what is still open; that comes last, whatever happens before."""
        with ExitStack() as last:
            last.callback(self.promises.give_up, "the engine was closed before it was answered")
            if self._crew.slots is not None:
                last.callback(self._crew.slots.close)
            self.desk.post(Drain())
            self._timer.close()
            self._signals.close()
            self.roster.close(by_force=by_force, limit_s=_END_S)

    def _standing_of(self, name: str, health: Health) -> DeviceStanding:
        seat, unit = self.roster.seats[name], self._crew.units.get(name)
        detail = self._bulletin.details.get(name, "") if seat.is_up else seat.lost
        if self.roster.is_closed():
            health, detail = Health.QUARANTINED, _CLOSED
        return DeviceStanding(
            name=name,
            entries=() if unit is None else tuple(map(str, unit.entries)),
            isolation="" if unit is None else unit.isolation,
            health=health,
            detail=detail,
            starts=seat.starts,
            refused={model: str(error) for model, error in seat.refused.items()},
            demoted=dict(seat.demoted),
            signals=self._signals.readings.get(name, {}),
        )

    def _tick(self) -> float:
        return self.desk.tick()


def _signals(
    crew: Crew,
    post: Callable[[Event], None],
    libraries: Callable[[], tuple[dict[str, Library], dict[str, str]]],
) -> Signals:
    """What the makers' libraries tell, where a device is a card."""
    cards = {unit.physical: name for name, unit in crew.units.items() if unit.physical.startswith("pci:")}
    found, told = libraries() if cards else ({}, {})
    return Signals(cards, found, told, post)
