"""Pictures that no device has: those that may still be in time, and those that are late."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from lineside.dispatch.lane import Queue

if TYPE_CHECKING:
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.job import Job

_MOST_LOOKED_AT = 32  # of those that could be run


class Commons:
    """Pictures by model that wait for whichever device is free.

    Args:
        fleet: The devices.

    Attributes:
        hopeful: Not answered yet, by rank.
        late: Answered UNKNOWN, to be looked at for the trace, in the order in which they became late.
        late_count: How many of these there are,
        count: and how many of both.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.hopeful: dict[str, Queue] = {}
        self.late: dict[str, deque[Job]] = {}
        self.late_count = self.count = 0

    def hope(self, job: Job) -> None:
        """Let a job wait until its deadline."""
        queue = self.hopeful.get(job.model)
        if queue is None:
            queue = self.hopeful[job.model] = Queue()
        queue.add(job)
        self.count += 1

    def despair(self, job: Job) -> bool:
        """Take a job out that waits until its deadline, and whether it did; one that does not changes nothing."""
        queue = self.hopeful.get(job.model)
        if queue is None or not queue.discard(job):
            return False
        self.count -= 1
        return True

    def postpone(self, job: Job, now_s: float) -> None:
        """Let a job wait that has been answered."""
        job.late_s = now_s
        self.late.setdefault(job.model, deque()).append(job)
        self.late_count += 1
        self.count += 1

    def oldest(self) -> Job | None:
        """Take out the job that has been late for longest."""
        queues = [queue for queue in self.late.values() if queue]
        if not queues:
            return None
        self.late_count -= 1
        self.count -= 1
        return min(queues, key=lambda queue: queue[0].late_s).popleft()

    def late_head(self, model: str, device: str) -> Job | None:
        """The late job that a device would look at next."""
        may_run = self._fleet.may_run
        return next((job for job in self.late.get(model, ()) if may_run(job, device)), None)

    def take_late(self, model: str, device: str, most: int) -> list[Job]:
        """Take out up to so many late jobs that a device may run in one batch."""
        taken: list[Job] = []
        kept: list[Job] = []
        queue = self.late[model]
        while queue and len(taken) < most:
            job = queue.popleft()
            if (job.alone and taken) or not self._fleet.may_run(job, device):
                kept.append(job)
                continue
            taken.append(job)
            if job.alone:
                break
        queue.extendleft(reversed(kept))
        self.late_count -= len(taken)
        self.count -= len(taken)
        return taken

    def viable(self, model: str, device: str, by_s: float) -> list[Job]:
        """The first hopeful jobs that a device may run and whose deadline is not before `by_s`, by rank."""
        queue = self.hopeful.get(model)
        if queue is None or not queue.jobs:
            return []
        may_run = self._fleet.may_run
        jobs = (job for job in queue.jobs if job.deadline_s >= by_s and may_run(job, device))
        return list(islice(jobs, _MOST_LOOKED_AT))

    def waiting(self, model: str) -> list[Job]:
        """All hopeful jobs of a model, by rank."""
        queue = self.hopeful.get(model)
        return [] if queue is None else list(queue.jobs)

    def take(self, jobs: list[Job]) -> None:
        """Take hopeful jobs out."""
        self.count -= len(jobs)
        for job in jobs:
            self.hopeful[job.model].remove(job)
