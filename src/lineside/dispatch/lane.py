"""The queue of one model on one device, and when what joins it would be done."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from operator import attrgetter
from typing import TYPE_CHECKING

from lineside.dispatch.profile import DRAIN, Pace, drain_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.dispatch.device import Device
    from lineside.dispatch.job import Job
    from lineside.dispatch.profile import ServiceTimes

_RANK = attrgetter("rank")


class Queue:
    """Jobs by rank; those of equal rank in the order in which they came."""

    __slots__ = ("jobs",)

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __len__(self) -> int:
        return len(self.jobs)

    def add(self, job: Job) -> None:
        """Put a job into its place."""
        jobs = self.jobs
        if not jobs or job.rank >= jobs[-1].rank:
            jobs.append(job)
        else:
            insort(jobs, job, key=_RANK)

    def remove(self, job: Job) -> None:
        """Take a job out that is in it."""
        at = bisect_left(self.jobs, job.rank, key=_RANK)
        while self.jobs[at] is not job:
            at += 1
        del self.jobs[at]

    def discard(self, job: Job) -> bool:
        """Take a job out if it is in it; whether it was."""
        at = bisect_left(self.jobs, job.rank, key=_RANK)
        while at < len(self.jobs) and self.jobs[at].rank == job.rank:
            if self.jobs[at] is job:
                del self.jobs[at]
                return True
            at += 1
        return False

    def ahead_of(self, rank: float) -> int:
        """How many would go before a job of this rank."""
        jobs = self.jobs
        if not jobs or rank >= jobs[-1].rank:
            return len(jobs)
        return bisect_right(jobs, rank, key=_RANK)


class Last:
    """A picture that would come after all that wait."""

    judged = False
    rank = math.inf


_LAST = Last()


class Lane:
    """One model on one device.

    Attributes:
        device: The device.
        model: The model.
        full: The profile as measured.
        times: The profile with the batches that the device may have.
        best: The batch that gives the most pictures a second; larger ones are not made.
        least_s: The shortest run of one picture that was seen.
        pace: How runs compare with it.
        judged: Waiting pictures that are never dropped; they go first.
        live: Waiting pictures of live views.
    """

    __slots__ = (
        "_factor",
        "_guards",
        "best",
        "device",
        "drain",
        "full",
        "judged",
        "least_s",
        "live",
        "model",
        "pace",
        "times",
    )

    def __init__(self, device: Device, model: str, times: ServiceTimes) -> None:
        self.device = device
        self.model = model
        self.full = times
        self.least_s = times.single_at_best_s
        self.pace = Pace()
        self.judged = Queue()
        self.live = Queue()
        self.limit(None)

    def limit(self, most: int | None) -> None:
        """Make no larger batches from here on than these; `None` for as large ones as were measured."""
        self.times = times = self.full if most is None else self.full.limited(most)
        self.best = times.best_batch()
        self.drain = drain_table(times)
        self._factor = 0.0
        self._guards: list[float] = []

    def __len__(self) -> int:
        return len(self.judged.jobs) + len(self.live.jobs)

    def add(self, job: Job) -> None:
        """Let a job wait here."""
        (self.judged if job.judged else self.live).add(job)
        self.device.waiting += 1
        job.lane = self
        job.admitted = True

    def remove(self, job: Job) -> None:
        """Take a waiting job out."""
        (self.judged if job.judged else self.live).remove(job)
        self.device.waiting -= 1
        job.lane = None

    def pop(self, queue: Queue) -> Job:
        """Take the first waiting job of one of the two queues out."""
        job = queue.jobs.pop(0)
        self.device.waiting -= 1
        job.lane = None
        return job

    def work_s(self, count: int) -> float:
        """Seconds to work off so many pictures."""
        drain = self.drain
        if count < len(drain):
            return drain[count] * self.pace.ratio
        whole, rest = divmod(count, len(drain) - 1)
        return (drain[-1] * whole + drain[rest]) * self.pace.ratio

    def single_s(self) -> float:
        """Expected seconds of a run of one picture."""
        return self.times.seconds[1] * self.pace.ratio

    def guards(self) -> list[float]:
        """For each batch up to the best one the seconds that a run will hardly exceed: the expected ones and twice their straying."""
        factor = self.pace.ratio * (1 + 2 * self.pace.deviation)
        if factor != self._factor:
            self._factor = factor
            self._guards = [s * factor for s in self.times.seconds[: self.best + 1]]
        return self._guards

    def backlog_s(self, now_s: float) -> float:
        """Seconds until all that waits would be done, and one more."""
        return self.finish_s(_LAST, now_s) - now_s

    def finish_s(self, job: Job | Last, now_s: float) -> float:
        """When the job would be done if it joined now: after the run, after what goes before it, in batches."""
        device = self.device
        ready = device.ready_s
        if ready < now_s:
            # A run that is overdue will take about half as long again as it has taken; so a hung device repels
            # pictures before anybody calls it hung.
            ready = now_s if device.running is None else now_s + 0.5 * (now_s - device.started_s)
        jobs = self.judged.jobs
        if not job.judged:
            count = len(jobs) + self.live.ahead_of(job.rank)
        elif not jobs or job.rank >= jobs[-1].rank:  # in order of deadlines: what nearly all do
            count = len(jobs)
        else:
            count = self.judged.ahead_of(job.rank)
        drain = self.drain
        if count + 1 < len(drain):
            done = ready + drain[count + 1] * self.pace.ratio
        else:
            done = ready + self.work_s(count + 1)
        if device.shared:
            done += sum(lane.work_ahead_s(job) for lane in device.lanes.values() if lane is not self)
        return done

    def work_ahead_s(self, job: Job | Last) -> float:
        """Seconds of this lane's work that goes before a job of another lane of the same device."""
        count = self.judged.ahead_of(job.rank)
        if not job.judged:
            count = len(self.judged.jobs) + self.live.ahead_of(job.rank)
        return self.work_s(count) if count else 0.0


def soonest(lanes: Sequence[Lane], job: Job, now_s: float) -> Lane:
    """The lane whose `finish_s` is least, the first of equal ones.

    What nearly all of many busy devices are, a run under way and judged pictures in the order of their deadlines, is reckoned here without a call for each.
    """
    best = lanes[0]
    soonest_s = best.finish_s(job, now_s)
    rank, judged = job.rank, job.judged
    for lane in lanes[1:]:
        device = lane.device
        ready_s, jobs = device.ready_s, lane.judged.jobs
        count = len(jobs) + 1
        if (
            judged
            and ready_s >= now_s
            and (count == 1 or rank >= jobs[-1].rank)
            and count < DRAIN
            and not device.shared
        ):
            done_s = ready_s + lane.drain[count] * lane.pace.ratio
        elif now_s + lane.drain[1] * lane.pace.ratio < soonest_s:
            done_s = lane.finish_s(job, now_s)
        else:
            continue  # its run alone would end later
        if done_s < soonest_s:
            best, soonest_s = lane, done_s
    return best
