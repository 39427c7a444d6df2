"""What a free device takes next."""

from __future__ import annotations

import math
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from lineside.dispatch.batching import fitting, plan

if TYPE_CHECKING:
    from lineside.dispatch.commons import Commons
    from lineside.dispatch.device import Device
    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane
    from lineside.dispatch.settings import Settings

_MOST_LOOKED_AT = 32  # of the pictures that could fill a batch up
_REST_S = 0.1  # so long a device has been idle before a late picture may be in the way of those in time


class Choice(NamedTuple):
    """The next batch, taken out of where it waited; without a lane none, and perhaps a time to look again."""

    lane: Lane | None
    jobs: list[Job]
    again_s: float | None = None


_NOTHING = Choice(None, [])


class Choosing:
    """Chooses batches.

    Args:
        settings: Thresholds.
        commons: Pictures that no device has.

    Attributes:
        draining: Nothing more will come, so late pictures are in nobody's way.
    """

    def __init__(self, settings: Settings, commons: Commons) -> None:
        self._settings = settings
        self._commons = commons
        self.draining = False

    def next_batch(self, device: Device, now_s: float, astray: list[Job]) -> Choice:
        """Pictures in time first, late ones where nothing else is to be done, and once in a while in between.

        Args:
            device: An idle device.
            now_s: The time.
            astray: Gets those that waited for the device and that it cannot have done in time.
        """
        if self._commons.late_count and device.turns >= self._settings.late_turn:
            choice = self._belated(device, now_s, turn=True)
            if choice.lane is not None:
                return choice
        while (lane := self._next_lane(device, now_s)) is not None:
            batch = self._batch(lane, now_s, astray) if self._settings.admission else self._greedy(lane)
            if batch:
                return Choice(lane, batch)
        return self._belated(device, now_s) if self._commons.late_count else _NOTHING

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
        guards: list[float] = []
        for queue in (lane.judged, lane.live):
            if batch:
                for job in _top_up(batch, queue.jobs[:_MOST_LOOKED_AT], guards, now_s):
                    lane.remove(job)
                break
            _shed(lane, queue.jobs, now_s, astray)
            if queue.jobs:
                if lane.best == 1:
                    return [lane.pop(queue)]
                guards = lane.guards()
                batch = _planned(lane, queue.jobs, guards, now_s, astray)
                if queue.jobs:
                    return batch  # what is left is the next run's; nobody goes before it
        if not batch or not batch[0].alone:
            guards = guards or lane.guards()
            viable = self._commons.viable(lane.model, lane.device.name, now_s + lane.single_s())
            self._commons.take(_top_up(batch, viable, guards, now_s))
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
            more = more[:1] if more and more[0].alone and not batch else [j for j in more if not j.alone]
            self._commons.take(more)
            batch += more
        return batch

    def _belated(self, device: Device, now_s: float, *, turn: bool = False) -> Choice:
        """Late pictures for a device: few enough not to be in the way of those that come meanwhile."""
        again_s: float | None = None
        for head, lane in self._late_heads(device):
            late_s = head.late_s if head.deadline_s == math.inf else head.deadline_s
            patient_s = late_s + self._settings.late_patience_s
            if turn and now_s < patient_s:
                continue
            span_s = head.deadline_s - head.arrived_s
            guards = lane.guards()
            size = fitting(guards, span_s / 4, lane.best)
            # A batch that is short is in nobody's way, and a device that is too slow for pictures in time neither.
            harmless = guards[size] <= span_s / 4 or lane.single_s() > span_s
            rested_s = max(patient_s, device.idle_since_s + _REST_S)
            if harmless or turn or self.draining or now_s >= rested_s:
                device.turns = 0
                return Choice(lane, self._commons.take_late(lane.model, device.name, size))
            again_s = rested_s if again_s is None else min(again_s, rested_s)
        return Choice(None, [], again_s)

    def _late_heads(self, device: Device) -> list[tuple[Job, Lane]]:
        """The late picture of each model that a device would look at next, the one that has waited for longest first."""
        heads = [
            (head, lane)
            for lane in device.lanes.values()
            if (head := self._commons.late_head(lane.model, device.name)) is not None
        ]
        return sorted(heads, key=lambda each: each[0].late_s)


def _shed(lane: Lane, jobs: list[Job], now_s: float, astray: list[Job]) -> None:
    """Send those away that even a run of their own would not save here."""
    single_s = lane.single_s()
    while jobs and now_s + single_s > jobs[0].deadline_s:
        astray.append(jobs[0])
        lane.remove(jobs[0])


def _planned(lane: Lane, jobs: list[Job], guards: list[float], now_s: float, astray: list[Job]) -> list[Job]:
    """The batch of one queue, taken out of it with those that it leaves out."""
    if jobs[0].alone:
        batch = [jobs[0]]
    else:
        ahead = list(takewhile(lambda job: not job.alone, jobs[: 3 * len(guards)]))
        skip, size = plan([job.deadline_s for job in ahead], guards, now_s)
        for job in ahead[:skip]:
            lane.remove(job)
        astray += ahead[:skip]
        batch = ahead[skip : skip + size]
    for job in batch:
        lane.remove(job)
    return batch


def _top_up(batch: list[Job], others: list[Job], guards: list[float], now_s: float) -> list[Job]:
    """Add others to a batch as long as all of it is in time: those that were added."""
    limit_s = min((job.deadline_s for job in batch), default=math.inf)
    added: list[Job] = []
    for job in others:
        size = len(batch) + 1
        if size >= len(guards) or (batch and (job.alone or batch[0].alone)):
            break
        limit_s = min(limit_s, job.deadline_s)
        if batch and now_s + guards[size] > limit_s:
            break
        batch.append(job)
        added.append(job)
        if job.alone:
            break
    return added
