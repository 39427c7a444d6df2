"""The workers of an engine: started, given their work, and started again when they are gone."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from lineside.dispatch.actions import Cancel, Probe, Retire, Run, Terminate
from lineside.dispatch.events import BatchDone, Discard, ModelLoaded, WorkerLost, WorkerUp
from lineside.dispatch.promises import Ticket
from lineside.dispatch.worker import ModelDemoted, ModelNotLoaded, as_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lineside.core.errors import LinesideError
    from lineside.dispatch.actions import Action
    from lineside.dispatch.events import Event
    from lineside.dispatch.turns import Call
    from lineside.dispatch.worker import News, Post, Worker, WorkerModel

    Later = Callable[[float, Callable[[], None]], None]

_log = logging.getLogger(__name__)

_FORCED_S = 2.0
"""How long a worker may take to end that did not when it was asked to."""


def later(seconds: float, do: Callable[[], None]) -> None:
    """Call something in a thread of its own, after so many seconds."""
    timer = threading.Timer(seconds, do)
    timer.name, timer.daemon = "lineside-restart", True
    timer.start()


class Seat:
    """A device's worker, and what is known of it.

    Attributes:
        worker: The worker.
        is_up: It is ready.
        told: It has been ready, or could not be.
        planned: It will be started again.
        starts: How often it was started.
        lost: Why it is not ready; an empty text where that is not known, or it is.
        refused: Models that it could not open, with the reason.
        loaded: Models that it has.
        demoted: Models that run on another entry than the device's first, with the reason.
        up_s: Since when it is ready.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.is_up = self.told = self.planned = False
        self.starts = 0
        self.lost = ""
        self.refused: dict[str, LinesideError] = {}
        self.loaded: set[str] = set()
        self.demoted: dict[str, str] = {}
        self.up_s = float("inf")


class Roster:
    """All workers.

    Args:
        cool_down_s: Seconds that a device is given to recover, as the scheduler has it.
        clock: Monotonic seconds.
        note: Takes a code and a sentence for the people at the line.
        later: Calls something after some seconds, in another thread.

    Attributes:
        seats: By device; `hire` makes them.
        models: Those that every worker shall have.
        changed: Is notified of every worker that comes or goes and of every model that is loaded or not.
    """

    def __init__(
        self,
        *,
        cool_down_s: Callable[[str], float],
        clock: Callable[[], float],
        note: Callable[[str, str], None],
        later: Later = later,
    ) -> None:
        self._note = note
        self._cool_down_s = cool_down_s
        self._clock = clock
        self._later = later
        self._closed = False
        self.changed = threading.Condition()
        self.models: dict[str, WorkerModel] = {}
        self.seats: dict[str, Seat] = {}
        self._post: Callable[[Event], None]
        self._orders: dict[type, Callable[..., None]] = {
            Probe: lambda probe: self.seats[probe.device].worker.probe(probe.run, probe.model),
            Cancel: lambda cancel: self.seats[cancel.device].worker.cancel(cancel.run),
            Terminate: lambda end: self._replace(self.seats[end.device], end.detail),
            Retire: lambda retire: self.retire(retire.model),
        }

    def hire(self, workers: Mapping[str, Callable[[Post], Worker]], *, post: Callable[[Event], None]) -> None:
        """Take workers on, which are not started yet.

        Args:
            workers: For each device how to make its worker, which tells its news there.
            post: Takes events.
        """
        self._post = post
        self.seats = {device: Seat(make(self._hears(device))) for device, make in workers.items()}

    def start(self, models: Iterable[WorkerModel]) -> None:
        """Start every worker with these models."""
        self.models = {model.name: model for model in models}
        for seat in self.seats.values():
            self._start(seat)

    def prepare(self, action: Action) -> Call:
        """What is to be carried out for the scheduler: of a run its pictures are taken here, as the next answer may let them go."""
        if type(action) is not Run:
            return self._orders[type(action)], (action,)
        pictures, asked = [], []
        for request in action.requests:
            ticket = request.payload
            assert isinstance(ticket, Ticket)
            assert ticket.picture is not None  # it is dropped after the last run that may need it
            pictures.append(ticket.picture)
            asked.append(ticket.asked)
        return self.seats[action.device].worker.run, (action.run, action.model, pictures, asked)

    def load(self, model: WorkerModel) -> None:
        """Let every worker open one more model beside its work."""
        with self.changed:
            self.models[model.name] = model
            ready = [seat for seat in self.seats.values() if seat.is_up]
        for seat in ready:
            seat.worker.load(model)

    def retire(self, model: str) -> None:
        """Let every worker close a model."""
        with self.changed:
            self.models.pop(model, None)
            holders = [seat for seat in self.seats.values() if model in seat.loaded]
            for seat in self.seats.values():
                seat.loaded.discard(model)
                seat.refused.pop(model, None)
                seat.demoted.pop(model, None)
        for seat in holders:
            seat.worker.retire(model)

    def forget(self, model: str) -> None:
        """Let no worker open a model any more."""
        with self.changed:
            self.models.pop(model, None)

    def wait(self, until: Callable[[], bool], limit_s: float) -> bool:
        """Whether something came true of the seats in so many seconds."""
        with self.changed:
            return self.changed.wait_for(until, limit_s)

    def close(self, *, by_force: bool, limit_s: float) -> None:
        """End all workers, and wait so long at most for each to be gone."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        for seat in self.seats.values():
            seat.worker.close(by_force=by_force)
        for seat in self.seats.values():
            if not (seat.worker.join(limit_s) or (not by_force and _ended(seat.worker))):
                _log.warning("%s: its worker does not end, and is left alone", seat.worker.device)

    def _start(self, seat: Seat) -> None:
        if self.is_closed():
            return
        with self.changed:
            seat.starts += 1
            seat.planned = False
            seat.refused.clear()
            seat.demoted.clear()
            models = tuple(self.models.values())
        try:
            seat.worker.start(models)
        except Exception as fault:  # noqa: BLE001 # the border to the system: no thread, process or memory left to start one
            self._hear(seat.worker.device, WorkerLost(seat.worker.device, str(as_refusal(fault))))
        if self.is_closed():  # meanwhile, by another thread, which saw nothing to close
            seat.worker.close(by_force=True)

    def is_closed(self) -> bool:
        """Whether the workers have been ended, or are about to be."""
        return self._closed

    def _replace(self, seat: Seat, detail: str) -> None:
        """Give a worker up, and start it again: at once, unless it comes and goes."""
        seat.worker.close(by_force=True)
        self._gone(seat, detail)

    def _gone(self, seat: Seat, detail: str) -> None:
        """A worker is no more; the next one is planned, unless it is already."""
        cool_down_s = self._cool_down_s(seat.worker.device)
        with self.changed:
            lived_s, seat.up_s = self._clock() - seat.up_s, float("inf")
            seat.is_up, seat.told, seat.lost = False, True, detail
            seat.loaded.clear()
            is_planned, seat.planned = seat.planned, True
            self.changed.notify_all()
        if not is_planned and not self._closed:
            self._later(0.0 if lived_s >= cool_down_s else cool_down_s, lambda: self._start(seat))

    def _hears(self, device: str) -> Post:
        post = self._post

        def hears(news: News) -> None:
            if type(news) is BatchDone:
                post(news)
            else:
                self._hear(device, news)

        return hears

    def _hear(self, device: str, news: News) -> None:
        seat = self.seats[device]
        match news:
            case WorkerUp():
                self._up(seat, news)
            case WorkerLost():
                self._post(news)
                self._gone(seat, news.detail)
            case ModelLoaded():
                self._loaded(seat, news)
            case ModelNotLoaded():
                with self.changed:
                    # What nobody wants any more would stand there for good.
                    if news.model in self.models:
                        seat.refused[news.model] = news.error
                    self.changed.notify_all()
            case ModelDemoted(device, model, sentence):
                seat.demoted[model] = sentence
                self._note("device.demoted", f"{device}: {sentence}")
            case _:
                self._post(news)

    def _up(self, seat: Seat, news: WorkerUp) -> None:
        """A worker is ready; what came and went while it started is made up for."""
        with self.changed:
            profiles = {name: times for name, times in news.profiles.items() if name in self.models}
        # The scheduler is told first: who waits for a worker may send pictures at once.
        try:
            self._post(WorkerUp(news.device, profiles, news.memory_bytes))
        except Exception as fault:
            with self.changed:  # whoever waits for the start would wait for ever
                seat.told, seat.lost = True, f"its start failed in lineside: {type(fault).__name__}: {fault}"
                self.changed.notify_all()
            raise
        with self.changed:
            seat.is_up, seat.told, seat.lost, seat.up_s = True, True, "", self._clock()
            gone = news.profiles.keys() - self.models.keys()
            seat.loaded = set(news.profiles) - gone
            here = seat.loaded | seat.refused.keys()
            missing = [model for name, model in self.models.items() if name not in here]
            self.changed.notify_all()
        for name in gone:
            seat.worker.retire(name)
        for model in missing:
            seat.worker.load(model)

    def _loaded(self, seat: Seat, news: ModelLoaded) -> None:
        with self.changed:
            wanted = news.model in self.models
        if not wanted:
            seat.demoted.pop(news.model, None)
            seat.worker.retire(news.model)
            return
        self._post(news)
        with self.changed:
            wanted = news.model in self.models
            seat.loaded.add(news.model)
            self.changed.notify_all()
        if not wanted:  # it was let go while the scheduler was told of it
            self._post(Discard(news.model))


def _ended(worker: Worker) -> bool:
    """Whether a worker that does not end when it is asked to, as a process that is stopped, ends by force."""
    worker.close(by_force=True)
    return worker.join(_FORCED_S)
