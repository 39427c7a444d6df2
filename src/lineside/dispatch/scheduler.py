"""The scheduler: a pure state machine. Events go in with their time, actions come out.

It has no thread, no clock and does no I/O, so the same object runs the line, the tests and the simulator. Each picture
that comes leaves as exactly one `Release`, `Unknown` or `Drop`, in the order of its stream and by its deadline.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.actions import Drained, Retire
from lineside.dispatch.alarms import Alarms
from lineside.dispatch.answers import Answers
from lineside.dispatch.care import Care
from lineside.dispatch.commons import Commons
from lineside.dispatch.events import (
    BatchDone,
    BatchFailed,
    DeviceAlarm,
    Discard,
    Drain,
    FrameArrived,
    MemorySeen,
    ModelLoaded,
    Recycle,
    Swap,
    Tick,
    WorkerLost,
    WorkerUp,
)
from lineside.dispatch.fleet import Fleet
from lineside.dispatch.job import Job
from lineside.dispatch.placing import Placing
from lineside.dispatch.routing import DEFAULT, open_policy
from lineside.dispatch.settings import Settings
from lineside.dispatch.statistics import Statistics
from lineside.dispatch.words import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lineside.dispatch.actions import Action
    from lineside.dispatch.events import Event

_NEVER = float("inf")
_DRAINING = "no picture is taken any more"


class Scheduler:
    """Decides which picture runs where and when.

    Args:
        devices: Names of the devices. Each is in service from its first `WorkerUp` on.
        roles: What pictures are for, as their streams name it; each means the model of its own name until a `Swap`. One that is
            not named here may be swapped all the same, but before that `Discard` cannot know that its model is wanted.
        settings: Thresholds.
        routing: Name of the policy.
        seed: Of the dice of policies that throw some.

    Attributes:
        wake_s: When a `Tick` is due if nothing else happens before; infinite where nothing is waited for.

    Raises:
        SettingsError: There is no device, or one stands there twice.
        UnknownNameError: There is no such policy.
    """

    def __init__(
        self,
        devices: Iterable[str],
        *,
        roles: Iterable[str] = ("model",),
        settings: Settings | None = None,
        routing: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        self.settings = settings or Settings()
        self._fleet = Fleet(devices, roles)
        self._answers = Answers()
        self._commons = Commons(self._fleet)
        self._alarms = Alarms()
        self._placing = Placing(
            self.settings,
            self._fleet,
            self._answers,
            self._commons,
            open_policy(routing, seed=seed),
            self._alarms,
        )
        self._choosing = self._placing.choosing
        self._care = Care(self.settings, self._fleet, self._answers, self._placing, self._alarms)
        self._now_s = float("-inf")
        self.wake_s = _NEVER
        self._drained = False
        self._kept: list[Action] = []  # what was decided before an event that was refused
        self._on: dict[type, Callable[..., None]] = {
            FrameArrived: self._frame_arrived,
            BatchDone: self._batch_done,
            BatchFailed: self._batch_failed,
            Tick: self._tick,
            WorkerUp: self._worker_up,
            WorkerLost: self._worker_lost,
            DeviceAlarm: self._device_alarm,
            Recycle: self._recycle,
            MemorySeen: self._memory_seen,
            ModelLoaded: self._model_loaded,
            Swap: self._swap,
            Discard: self._discard,
            Drain: self._drain,
        }

    def handle(self, event: Event, now_s: float) -> list[Action]:
        """What is to be done after an event, in this order.

        Args:
            event: What happened. One that names a run that is over changes nothing.
            now_s: Monotonic seconds. A time before the last one counts as the last one.

        Raises:
            SettingsError: The event names a device or a model that does not exist.
        """
        # This is done with every event: `max` and `min` would take seven times as long.
        before_s = self._now_s
        if now_s < before_s:  # noqa: PLR1730 # see above
            now_s = before_s
        answers, alarms = self._answers, self._alarms
        self._now_s = answers.now_s = now_s
        out, self._kept = self._kept, []
        try:
            if self.wake_s <= now_s:
                self._catch_up(before_s, now_s, out)
            self._on[type(event)](event, now_s, out)
            if answers.look_s <= now_s or alarms.next_s <= now_s:
                self._see_to(now_s, out)
            if self._fleet.retiring or self._choosing.draining:
                self._finish_up(out)
        except BaseException:  # a policy is anybody's code
            self._kept = out  # no answer is lost with the event: the next one brings it
            self.wake_s = now_s
            raise
        self.wake_s = answers.look_s if answers.look_s < alarms.next_s else alarms.next_s  # noqa: FURB136 # see above
        return out

    def _catch_up(self, before_s: float, now_s: float, out: list[Action]) -> None:
        """See to what is due before the event: what was due before now is late, what is due right now it may still settle."""
        self._care.oversleep(now_s - max(self.wake_s, before_s), now_s)
        for job in self._answers.take_due(now_s, inclusive=False):
            self._placing.overdue(job, now_s, out)

    def _see_to(self, now_s: float, out: list[Action]) -> None:
        """See to what is due by now."""
        for look in self._alarms.due(now_s):
            look(now_s, out)
        for job in self._answers.take_due(now_s, inclusive=True):
            self._placing.overdue(job, now_s, out)

    @property
    def is_drained(self) -> bool:
        """It takes no picture any more, and the last one is through."""
        return self._drained

    def backlog_s(self, role: str, now_s: float) -> float | None:
        """Seconds until a picture that came now would be done; `None` where no device is in service."""
        lanes = self._fleet.routes(self._fleet.model_of(role))
        return min((lane.backlog_s(now_s) for lane in lanes), default=None)

    def room(self, role: str) -> int:
        """How many pictures may wait so that every device in service has its next two best batches; 0 where none is."""
        return sum(2 * lane.best for lane in self._fleet.routes(self._fleet.model_of(role)))

    def absence(self, role: str) -> Reason | None:
        """Why no device can look at a picture now; `None` where one can."""
        model = self._fleet.model_of(role)
        return None if self._fleet.routes(model) else self._fleet.absence(model)

    def fastest(self, role: str) -> tuple[str, float] | None:
        """The device that was seen to be done first with one picture, and its seconds; `None` where none has the model."""
        return self._fleet.fastest(self._fleet.model_of(role))

    def usual(self, role: str) -> tuple[str, float] | None:
        """The device that usually is done first with one picture, and its seconds; `None` where none has the model."""
        return self._fleet.usual(self._fleet.model_of(role))

    def short_deadlines(self, role: str) -> tuple[str, ...]:
        """A sentence for each stream whose pictures ask for answers sooner than the fastest device has one."""
        return self._placing.short.standing(self._fleet.model_of(role))

    def cool_down_s(self, name: str) -> float:
        """Seconds of a device's last cool-down, or what its first will be.

        Raises:
            SettingsError: There is no such device.
        """
        return self._fleet.device(name).cool_down_s or self.settings.cool_down_s

    def statistics(self) -> Statistics:
        """What became of the pictures up to now."""
        answers = self._answers
        left = answers.released + answers.unknown.total() + answers.dropped
        return Statistics(
            arrived=answers.arrived,
            released=answers.released,
            unknown=MappingProxyType(dict(answers.unknown)),
            dropped=answers.dropped,
            superseded=answers.superseded,
            open=answers.arrived - left,
            amended=answers.amended,
            forgotten=answers.forgotten,
            late_waiting=self._commons.late_count,
            retried=self._care.retried,
            hedged=self._care.hedged,
            devices=tuple(device.statistics() for device in self._fleet.devices.values()),
        )

    def _frame_arrived(self, event: FrameArrived, now_s: float, out: list[Action]) -> None:
        request = event.request
        job = Job(request, self._fleet.model_of(request.stream.model), now_s)
        state = self._answers.enter(job)
        if self._choosing.draining:
            self._answers.refuse(job, Reason.OVERLOAD, _DRAINING, out)
            return
        if not job.judged:
            older = state.pending
            if older is not None and not older.gone and not older.answered:
                job.rank = min(job.rank, older.rank)
                self._placing.leave(older)
                self._answers.supersede(older, out)
            state.pending = job
        self._placing.place(job, now_s, out)

    def _batch_done(self, event: BatchDone, now_s: float, out: list[Action]) -> None:
        device = self._fleet.device(event.device)
        if device.running is None or device.running.number != event.run:
            self._care.answered_late(device, event.run, now_s)
            return
        jobs, results = device.running.jobs, event.results
        complete = len(results) == len(
            jobs
        )  # before the run is over: results that cannot be counted leave it to be found hanging
        run = device.end(now_s)
        if complete:
            for job, result in zip(jobs, results, strict=True):
                job.runs -= 1
                self._answers.settle(job, result, device.name, out)
            self._care.done(device, run, now_s, out)
        else:
            detail = f"it answered {len(results)} of {len(jobs)} pictures"
            self._care.failed(device, run, Fault.DEVICE, detail, now_s, out)
        if device.seldom:
            self._placing.rest(device)

    def _batch_failed(self, event: BatchFailed, now_s: float, out: list[Action]) -> None:
        device = self._fleet.device(event.device)
        if device.running is None or device.running.number != event.run:
            self._care.answered_late(device, event.run, now_s)
            return
        self._care.failed(device, device.end(now_s), event.fault, event.detail, now_s, out)
        if device.seldom:
            self._placing.rest(device)

    def _tick(self, event: Tick, now_s: float, out: list[Action]) -> None:
        """Due pictures and alarms are looked at after every event."""

    def _worker_up(self, event: WorkerUp, now_s: float, out: list[Action]) -> None:
        device = self._fleet.device(event.device)
        device.memory_bytes = event.memory_bytes
        self._care.up(device, event.profiles, now_s, out)

    def _worker_lost(self, event: WorkerLost, now_s: float, out: list[Action]) -> None:
        self._care.lost(self._fleet.device(event.device), event.detail, now_s, out)

    def _device_alarm(self, event: DeviceAlarm, now_s: float, out: list[Action]) -> None:
        self._care.alarm(self._fleet.device(event.device), event.detail, now_s, out)

    def _recycle(self, event: Recycle, now_s: float, out: list[Action]) -> None:
        self._care.recycle(self._fleet.device(event.device), event.detail, now_s, out)

    def _memory_seen(self, event: MemorySeen, now_s: float, out: list[Action]) -> None:  # noqa: ARG002 # as all
        self._fleet.device(event.device).memory_bytes = event.memory_bytes

    def _model_loaded(self, event: ModelLoaded, now_s: float, out: list[Action]) -> None:
        self._care.loaded(self._fleet.device(event.device), event.model, event.times, now_s, out)

    def _swap(self, event: Swap, now_s: float, out: list[Action]) -> None:  # noqa: ARG002 # as all
        self._fleet.swap(event.role, event.model)
        self._placing.short.begin_anew()

    def _discard(self, event: Discard, now_s: float, out: list[Action]) -> None:  # noqa: ARG002 # as all
        self._fleet.discard(event.model)

    def _drain(self, event: Drain, now_s: float, out: list[Action]) -> None:  # noqa: ARG002 # as all
        self._placing.drain()
        for device in self._fleet.devices.values():
            self._placing.fill(device, now_s, out)

    def _finish_up(self, out: list[Action]) -> None:
        """Let go what is through."""
        for model in sorted(self._fleet.retiring):
            probed = any(
                device.running is not None and device.running.lane.model == model
                for device in self._fleet.devices.values()
            )
            if not self._answers.open_models.get(model) and not probed:
                self._fleet.retire(model)
                self._answers.open_models.pop(
                    model, None
                )  # none is open; else each swap would leave an entry
                out.append(Retire(model))
        if self._choosing.draining and not self._drained and not any(self._answers.open_models.values()):
            self._drained = True
            out.append(Drained())
