"""What becomes of the pictures of a run that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.verdict import Reason

if TYPE_CHECKING:
    from lineside.dispatch.actions import Action
    from lineside.dispatch.answers import Answers
    from lineside.dispatch.device import Device
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.job import Job
    from lineside.dispatch.placing import Placing
    from lineside.dispatch.trust import Trust


class Retrying:
    """Gives pictures whose run failed to other devices, and finds those that break every run.

    Args:
        fleet: The devices.
        answers: Where answers are given.
        placing: Where pictures wait.
        trust: How far devices are trusted.

    Attributes:
        count: Pictures that another device was asked for.
    """

    def __init__(self, fleet: Fleet, answers: Answers, placing: Placing, trust: Trust) -> None:
        self._fleet = fleet
        self._answers = answers
        self._placing = placing
        self._trust = trust
        self.count = 0

    def again(self, jobs: list[Job], now_s: float, out: list[Action]) -> None:
        """One of them broke the run: each gets one of its own."""
        for job in jobs:
            if not job.gone and not job.runs and not (job.answered and not job.late):
                job.alone = True
                if job.judged or self._is_newest(job, out):
                    self._placing.place(job, now_s, out)

    def _is_newest(self, job: Job, out: list[Action]) -> bool:
        """Whether no newer live picture of its stream waits; else it is dropped, as only one may."""
        state = self._answers.stream_of(job)
        newer = state.pending
        if newer is not None and newer is not job and not newer.gone and not newer.answered:
            self._answers.supersede(job, out)
            return False
        state.pending = job
        return True

    def is_poison(self, jobs: list[Job]) -> bool:
        """Whether a run that failed, as one did before, was of one picture alone, which no second run answered meanwhile."""
        return len(jobs) == 1 and bool(jobs[0].failed_on) and (jobs[0].late or not jobs[0].answered)

    def lost(
        self, jobs: list[Job], device: Device, detail: str, now_s: float, out: list[Action], *, broken: bool
    ) -> None:
        """A device is out of service: what it ran is somebody else's, then what waited for it, which has more time left.

        Args:
            jobs: The pictures of the run that it lost, which count none of its runs any more.
            device: The device.
            detail: What happened.
            now_s: The time.
            out: Where actions go.
            broken: It took its worker with it. A picture that does so to two is shown to no third.
        """
        if broken and self.is_poison(jobs):
            self.poisoned(jobs[0], device, detail, now_s, out)
        else:
            self._retry(jobs, device, now_s, out)
        self._trust.clear(device, now_s, out)

    def _retry(self, jobs: list[Job], device: Device, now_s: float, out: list[Action]) -> None:
        """Give pictures to other devices, at once; never to one that failed with them and has not proven itself since."""
        for job in jobs:
            job.failed_on = (*job.failed_on, device.name)
            if job.runs or job.gone or (job.answered and not job.late):
                continue
            others = [
                d
                for d in self._fleet.devices.values()
                if job.model in d.lanes and d.name not in job.failed_on
            ]
            if others:
                self.count += 1
                self.again([job], now_s, out)
            else:
                why = self._fleet.absence(job.model)
                self._answers.refuse(job, why, "every device that has the model failed with it", out)

    def poisoned(self, job: Job, device: Device, detail: str, now_s: float, out: list[Action]) -> None:
        """Two devices failed with a picture, the second with it alone: it is the picture. The first is looked at anew at once."""
        for name in job.failed_on:
            if name != device.name:  # its worker is of no use any more, or it keeps its service
                self._trust.cooled(self._fleet.devices[name], now_s, out)
        text = f"it broke the runs of {', '.join((*job.failed_on, device.name))}: {detail or 'they failed'}"
        self._answers.refuse(job, Reason.IMAGE_UNHEALTHY, text, out)
