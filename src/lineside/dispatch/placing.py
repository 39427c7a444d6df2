"""Where a picture waits, and what a free device takes next."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.actions import Probe, Run
from lineside.dispatch.choosing import Choosing
from lineside.dispatch.device import Running
from lineside.dispatch.routing import DEFAULT, open_policy
from lineside.dispatch.short_deadlines import ShortDeadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.dispatch.actions import Action
    from lineside.dispatch.alarms import Alarms
    from lineside.dispatch.answers import Answers
    from lineside.dispatch.commons import Commons
    from lineside.dispatch.device import Device
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane
    from lineside.dispatch.routing import Policy
    from lineside.dispatch.settings import Settings

_log = logging.getLogger(__name__)

_NO_DEVICE = "no device that has the model is in service"
_NO_TIME = "no device can finish it by its deadline"
_FAIRER = 0.02  # by so much a stream's share must be better for it to give way


class Placing:
    """Queues pictures up and starts runs.

    Args:
        settings: Thresholds.
        fleet: The devices.
        answers: Where answers are given.
        commons: Pictures that no device has.
        policy: Which device a picture goes to.
        alarms: What is to be looked at again.
        watch: Looks at a device's run when it is due to be looked at.
        choosing: What a free device takes next.
        short: Streams whose deadlines no device can keep.
    """

    def __init__(
        self,
        settings: Settings,
        fleet: Fleet,
        answers: Answers,
        commons: Commons,
        policy: Policy,
        alarms: Alarms,
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._answers = answers
        self._commons = commons
        self._policy = policy
        self._alarms = alarms
        self.watch: Callable[[Device, float, list[Action]], None] = lambda *_: None
        self.choosing = Choosing(settings, commons)
        self._first_look_s = settings.first_look_s(0.0)  # a run is never looked at sooner
        self.short = ShortDeadlines(fleet, answers)
        self._runs = 0

    def place(self, job: Job, now_s: float, out: list[Action]) -> None:
        """Let a job wait where the policy sends it; where nobody can have it done in time, among the others' leavings."""
        lanes = self._fleet.routes(job.model)
        if job.late:
            self._postpone(job, now_s, out)
            return
        if job.failed_on:
            lanes = [lane for lane in lanes if self._fleet.may_run(job, lane.device.name)]
        lane = self._pick(job, lanes, now_s) if lanes else None
        if lane is None:
            self._strand(job, now_s, out, shared=bool(lanes))
            return
        device = lane.device
        free = device.running is None and not device.waiting and not self._commons.count
        done_s = now_s + lane.single_s() if free else lane.finish_s(job, now_s)
        misses = self._settings.admission and done_s > job.deadline_s
        if misses and (job.judged or not self._outbid(job, lane, now_s, out)):
            self._strand(job, now_s, out)
        elif free:  # there is nothing to choose from
            job.admitted = True
            self.start(lane, [job], now_s, out)
        else:
            lane.add(job)
            if device.running is None:
                self.fill(device, now_s, out)

    def _pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:
        try:
            return self._policy.pick(job, lanes, now_s)
        except Exception:  # noqa: BLE001 # anybody's code: a picture that it loses would have no answer
            _log.exception(
                "the policy %s failed; %s routes from here on", type(self._policy).__name__, DEFAULT
            )
            self._policy = open_policy(DEFAULT)
            return self._policy.pick(job, lanes, now_s)

    def readmit(self, device: Device, now_s: float, out: list[Action]) -> None:
        """A device came into service: what waited for one queues up by its deadline, before those that come from here on."""
        for model in tuple(device.lanes):
            for job in self._commons.waiting(model):
                # Late ones wait there as well without admission, in their turn; and those before it may have brought one on its way.
                if not job.late and self._commons.despair(job):
                    self.place(job, now_s, out)

    def elsewhere(self, job: Job, now_s: float, out: list[Action]) -> None:
        """Let a job that cannot be done in time where it was wait on another device that can; it waits nowhere now."""
        best: Lane | None = None
        soonest = job.deadline_s
        for lane in self._fleet.routes(job.model):
            done = lane.finish_s(job, now_s)
            if done <= soonest and self._fleet.may_run(job, lane.device.name):
                best, soonest = lane, done
        if best is None:
            self._strand(job, now_s, out)
            return
        best.add(job)
        if best.device.is_idle:
            self.fill(best.device, now_s, out)

    def leave(self, job: Job) -> None:
        """Take a job out of wherever it waits."""
        if job.lane is not None:
            job.lane.remove(job)
        else:
            self._commons.despair(job)

    def overdue(self, job: Job, now_s: float, out: list[Action]) -> None:
        """Answer a job whose time is up. A judged one is still looked at."""
        known = self._fleet.routes(job.model)
        reason, detail = (Reason.LATE, _NO_TIME) if known else (self._fleet.absence(job.model), _NO_DEVICE)
        if job.runs:
            reason, detail = Reason.LATE, "its run had not ended by its deadline"
        waits = not job.runs
        if waits and (self._settings.admission or not job.judged):
            self.leave(job)
        self._answers.refuse(job, reason, detail, out, pending=job.judged)
        if waits and job.judged and self._settings.admission and not job.gone:
            self._postpone(job, now_s, out)

    def fill(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Start the next run of an idle device: pictures in time first, late ones where nothing else is to be done."""
        if not (device.waiting or self._commons.count) or not device.is_idle:
            return
        astray: list[Job] = []
        choice = self.choosing.next_batch(device, now_s, astray)
        if choice.lane is not None:
            self.start(choice.lane, choice.jobs, now_s, out)
        elif choice.again_s is not None and not now_s < device.again_s <= choice.again_s:
            device.again_s = choice.again_s
            self._alarms.at(choice.again_s, lambda at_s, more: self.fill(device, at_s, more))
        for job in astray:  # only now, so that this device is seen as it will be
            self.elsewhere(job, now_s, out)

    def start(self, lane: Lane, jobs: list[Job], now_s: float, out: list[Action]) -> None:
        """Commit a device to a run; without jobs it is a probe."""
        self._runs += 1
        device = lane.device
        run = Running(self._runs, lane, jobs, now_s)
        device.begin(run)
        requests = []
        for job in jobs:
            job.runs += 1
            requests.append(job.request)
            if not job.judged:
                state = self._answers.stream_of(job)
                state.pending = None if state.pending is job else state.pending
        if requests:
            out.append(Run(device.name, run.number, lane.model, tuple(requests)))
        else:
            out.append(Probe(device.name, run.number, lane.model))
        if now_s + self._first_look_s < device.armed_s:
            device.seldom = now_s - device.idle_since_s > self._first_look_s
            self.arm(device, now_s + self._settings.first_look_s(run.expected_s))
        else:
            device.seldom = False

    def arm(self, device: Device, time_s: float) -> None:
        """Have a device's run looked at; one look is planned at a time, unless a sooner one is needed."""
        if time_s < device.armed_s:
            if device.look is not None:
                self._alarms.forget(device.look)
            device.armed_s = time_s
            device.look = self._alarms.at(time_s, lambda now_s, out: self._look(device, now_s, out))

    def rest(self, device: Device) -> None:
        """Plan no look at a device that runs nothing: its pictures come so `seldom` that somebody would wake for it after each.

        Where they come often, one look comes after many of them, and to put it off for each would cost more.
        """
        if device.running is None and device.look is not None:
            self._alarms.forget(device.look)
            device.armed_s, device.look = math.inf, None

    def drain(self) -> None:
        """Take no picture any more, and keep late ones waiting no longer than they have to."""
        self.choosing.draining = True

    def _look(self, device: Device, now_s: float, out: list[Action]) -> None:
        device.armed_s, device.look = math.inf, None
        self.watch(device, now_s, out)

    def _strand(self, job: Job, now_s: float, out: list[Action], *, shared: bool = False) -> None:
        """Keep a job that no device has: until its deadline where there is hope, else as late."""
        settings, lanes = self._settings, self._fleet.routes(job.model)
        hope = job.judged and (job.admitted or not lanes)
        if shared or hope or not settings.admission:
            self._commons.hope(job)
            for lane in lanes:
                if lane.device.is_idle:
                    self.fill(lane.device, now_s, out)
            return
        reason, detail = (Reason.LATE, _NO_TIME) if lanes else (self._fleet.absence(job.model), _NO_DEVICE)
        if lanes:
            detail += self.short.why(job, out)
        self._answers.refuse(job, reason, detail, out, pending=job.judged)
        if job.judged and not job.gone:
            self._postpone(job, now_s, out)

    def _postpone(self, job: Job, now_s: float, out: list[Action]) -> None:
        """Let an answered job wait for a device that has nothing better to do; the oldest go where there are too many."""
        self._commons.postpone(job, now_s)
        if self._commons.late_count > self._settings.late_limit:
            oldest = self._commons.oldest()
            if oldest is not None:
                self._answers.refuse(oldest, Reason.OVERLOAD, "too many late pictures wait already", out)
        for lane in self._fleet.routes(job.model):
            if lane.device.is_idle:
                self.fill(lane.device, now_s, out)

    def _outbid(self, job: Job, lane: Lane, now_s: float, out: list[Action]) -> bool:
        """Make room for a live picture by dropping one of the stream that was shown most of late."""
        share_of = self._answers.stream_of
        rival = max(lane.live.jobs, key=lambda other: share_of(other).share, default=None)
        if rival is None or share_of(rival).share <= share_of(job).share + _FAIRER:
            return False
        lane.remove(rival)
        if lane.finish_s(job, now_s) > job.deadline_s:
            lane.add(rival)
            return False
        self._answers.refuse(rival, Reason.OVERLOAD, "a stream that was shown less goes first", out)
        return True
