"""Where a picture waits, and what a free device takes next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.batching import fitting, plan
from lineside.dispatch.device import Running
from lineside.dispatch.words import Probe, Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.dispatch.alarms import Alarms
    from lineside.dispatch.answers import Answers
    from lineside.dispatch.commons import Commons
    from lineside.dispatch.device import Device
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane
    from lineside.dispatch.routing import Policy
    from lineside.dispatch.settings import Settings
    from lineside.dispatch.words import Action

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
    """

    def __init__(
        self, settings: Settings, fleet: Fleet, answers: Answers, commons: Commons, policy: Policy, alarms: Alarms
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._answers = answers
        self._commons = commons
        self._policy = policy
        self._alarms = alarms
        self.watch: Callable[[Device, float, list[Action]], None] = lambda *_: None
        self.draining = False
        self._runs = 0

    def place(self, job: Job, now_s: float, out: list[Action]) -> None:
        """Let a job wait where the policy sends it; where nobody can have it done in time, among the others' leavings."""
        lanes = self._fleet.routes(job.model)
        if job.failed_on:
            lanes = [lane for lane in lanes if lane.device.name not in job.failed_on]
        if job.late:
            self._postpone(job, now_s, out)
            return
        lane = self._policy.pick(job, lanes, now_s) if lanes else None
        if lane is None:
            self._strand(job, now_s, out, shared=bool(lanes))
            return
        if self._settings.admission and lane.finish_s(job, now_s) > job.deadline_s:
            if job.judged or not self._outbid(job, lane, now_s, out):
                self._strand(job, now_s, out)
                return
        lane.add(job)
        if lane.device.is_idle:
            self.fill(lane.device, now_s, out)

    def elsewhere(self, job: Job, now_s: float, out: list[Action]) -> None:
        """Let a job that cannot be done in time where it was wait on another device that can; it waits nowhere now."""
        best: Lane | None = None
        soonest = job.deadline_s
        for lane in self._fleet.routes(job.model):
            done = lane.finish_s(job, now_s)
            if done <= soonest and lane.device.name not in job.failed_on:
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
        reason, detail = (Reason.LATE, _NO_TIME) if known else (Reason.DEVICE_LOST, _NO_DEVICE)
        if job.runs:
            detail = "its run had not ended by its deadline"
        waits = not job.runs
        if waits and (self._settings.admission or not job.judged):
            self.leave(job)
        self._answers.refuse(job, reason, detail, out, pending=job.judged)
        if waits and job.judged and self._settings.admission and not job.gone:
            self._postpone(job, now_s, out)

    def fill(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Start the next run of an idle device: pictures in time first, late ones where nothing else is to be done."""
        if not device.is_idle:
            return
        astray: list[Job] = []
        batch = (
            self._late_turn(device, now_s)
            or self._timely(device, now_s, astray)
            or self._belated(device, now_s)
        )
        if batch:
            self.start(batch[0], batch[1], now_s, out)
        for job in astray:  # only now, so that this device is seen as it will be
            self.elsewhere(job, now_s, out)

    def start(self, lane: Lane, jobs: list[Job], now_s: float, out: list[Action]) -> None:
        """Commit a device to a run; without jobs it is a probe."""
        self._runs += 1
        device = lane.device
        run = Running(self._runs, lane, jobs, now_s)
        device.begin(run)
        device.turns += 1
        for job in jobs:
            job.runs += 1
            if not job.judged:
                state = self._answers.stream_of(job)
                state.pending = None if state.pending is job else state.pending
        if jobs:
            requests = tuple([job.request for job in jobs])
            out.append(Run(device.name, run.number, lane.model, requests))
        else:
            out.append(Probe(device.name, run.number, lane.model))
        self.arm(device, self.suspect_at_s(run))

    def arm(self, device: Device, time_s: float) -> None:
        """Have a device's run looked at; one look is planned at a time, unless a sooner one is needed."""
        if time_s < device.armed_s:
            device.armed_s = time_s
            self._alarms.at(time_s, lambda now_s, out: self._look(device, time_s, now_s, out))

    def suspect_at_s(self, run: Running) -> float:
        """When a run takes much too long."""
        settings, expected_s = self._settings, run.expected_s
        return run.started_s + max(settings.suspect_factor * expected_s, expected_s + settings.suspect_margin_s)

    def _look(self, device: Device, armed_s: float, now_s: float, out: list[Action]) -> None:
        if armed_s == device.armed_s:
            device.armed_s = math.inf
            self.watch(device, now_s, out)

    def _strand(self, job: Job, now_s: float, out: list[Action], *, shared: bool = False) -> None:
        """Keep a job that no device has: until its deadline, or as late where it is answered at once."""
        if shared or not self._settings.admission or (self._settings.rescue and job.judged):
            self._commons.hope(job)
            for lane in self._fleet.routes(job.model):
                if lane.device.is_idle:
                    self.fill(lane.device, now_s, out)
            return
        lanes = self._fleet.routes(job.model)
        reason, detail = (Reason.LATE, _NO_TIME) if lanes else (Reason.DEVICE_LOST, _NO_DEVICE)
        self._answers.refuse(job, reason, detail, out, pending=job.judged)
        if job.judged and not job.gone:
            self._postpone(job, now_s, out)

    def _postpone(self, job: Job, now_s: float, out: list[Action]) -> None:
        """Let an answered job wait for a device that has nothing better to do; the oldest go where there are too many."""
        self._commons.postpone(job)
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

    def _timely(self, device: Device, now_s: float, astray: list[Job]) -> tuple[Lane, list[Job]] | None:
        """The next batch of pictures that are not answered yet; those that it cannot save go astray."""
        while (lane := self._next_lane(device, now_s)) is not None:
            batch = self._batch(lane, now_s, astray) if self._settings.admission else self._greedy(lane)
            if batch:
                return lane, batch
        return None

    def _next_lane(self, device: Device, now_s: float) -> Lane | None:
        """The model whose most urgent picture is the most urgent; judged ones before live views."""
        best: Lane | None = None
        urgency = (2, 0.0)
        for lane in device.lanes.values():
            if lane.judged.jobs:
                found = (0, lane.judged.jobs[0].rank)
            elif lane.live.jobs:
                found = (1, lane.live.jobs[0].rank)
            else:
                by_s = now_s + lane.single_s() if self._settings.admission else -math.inf
                viable = self._commons.viable(lane.model, device.name, by_s)
                if not viable:
                    continue
                found = (0 if viable[0].judged else 1, viable[0].rank)
            if best is None or found < urgency:
                best, urgency = lane, found
        return best

    def _batch(self, lane: Lane, now_s: float, astray: list[Job]) -> list[Job]:
        """The batch that brings the most pictures in time; those that it leaves out go astray."""
        batch: list[Job] = []
        guards = lane.guards()[: lane.times.best_batch() + 1]
        for queue in (lane.judged, lane.live):
            if queue.jobs and not batch:
                _shed(lane, queue.jobs, now_s, astray)
            if not queue.jobs:
                continue
            if batch:
                _top_up(batch, queue.jobs[:32], guards, now_s)
                continue
            if queue.jobs[0].alone:
                batch = [queue.jobs[0]]
                break
            ahead = queue.jobs[: 3 * len(guards)]
            skip, size = plan([job.deadline_s for job in ahead], guards, now_s)
            left_out, batch = ahead[:skip], [job for job in ahead[skip : skip + size] if not job.alone]
            for job in (*left_out, *batch):
                lane.remove(job)
            astray += left_out
            if len(queue):
                return batch
        for job in batch:
            if job.lane is lane:
                lane.remove(job)
        if not batch or not batch[0].alone:
            viable = self._commons.viable(lane.model, lane.device.name, now_s + lane.single_s())
            found = _top_up(batch, viable, guards, now_s)
            self._commons.take(found)
        return batch

    def _greedy(self, lane: Lane) -> list[Job]:
        """As many as fit into a batch, whatever their deadlines: for comparison."""
        most = lane.times.max_batch
        batch = (lane.judged.jobs + lane.live.jobs)[:most]
        alone = next((i for i, job in enumerate(batch) if job.alone), None)
        if alone is not None:
            batch = batch[: max(alone, 1)]
        for job in batch:
            lane.remove(job)
        if not batch or (len(batch) < most and not batch[0].alone):
            more = self._commons.viable(lane.model, lane.device.name, -math.inf)[: most - len(batch)]
            self._commons.take(more)
            batch += more
        return batch

    def _late_turn(self, device: Device, now_s: float) -> tuple[Lane, list[Job]] | None:
        """Late pictures whose turn it is although others wait."""
        if self._commons.late_count and device.turns >= self._settings.late_turn:
            return self._belated(device, now_s, turn=True)
        return None

    def _belated(self, device: Device, now_s: float, *, turn: bool = False) -> tuple[Lane, list[Job]] | None:
        """Late pictures for a device: few enough not to be in the way of those that come meanwhile."""
        if not self._commons.late_count:
            return None
        patience_s = self._settings.late_patience_s
        for lane in device.lanes.values():
            head = self._commons.late_head(lane.model, device.name)
            if head is None:
                continue
            span_s = head.deadline_s - head.arrived_s
            old = now_s - head.deadline_s >= patience_s
            if turn and not old:
                continue
            guards = lane.guards()
            size = fitting(guards, span_s / 4, lane.times.best_batch())
            rested = now_s - device.idle_since_s >= min(patience_s, 0.1)
            small = guards[size] <= span_s / 4 or lane.single_s() > span_s
            if not (small or self.draining or (old and (turn or rested))):
                wait_s = max(head.deadline_s + patience_s, device.idle_since_s + 0.1)
                self._alarms.at(max(wait_s, now_s + 0.001), lambda at_s, out: self.fill(device, at_s, out))
                continue
            device.turns = 0
            return lane, self._commons.take_late(lane.model, device.name, size)
        return None


def _shed(lane: Lane, jobs: list[Job], now_s: float, astray: list[Job]) -> None:
    """Send those away that even a run of their own would not save here."""
    single_s = lane.single_s()
    while jobs and now_s + single_s > jobs[0].deadline_s:
        astray.append(jobs[0])
        lane.remove(jobs[0])


def _top_up(batch: list[Job], others: list[Job], guards: list[float], now_s: float) -> list[Job]:
    """Add others to a batch as long as all of it is in time: those that were added."""
    limit_s = min((job.deadline_s for job in batch), default=math.inf)
    added: list[Job] = []
    for job in others:
        size = len(batch) + 1
        if size >= len(guards) or (batch and job.alone):
            break
        limit_s = min(limit_s, job.deadline_s)
        if batch and now_s + guards[size] > limit_s:
            break
        batch.append(job)
        added.append(job)
        if job.alone:
            break
    return added
