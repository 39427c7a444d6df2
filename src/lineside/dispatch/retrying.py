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
                self._placing.place(job, now_s, out)

    def retry(self, jobs: list[Job], device: Device, now_s: float, out: list[Action]) -> None:
        """Give pictures to other devices, at once; never to one that failed with them."""
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
        """Two devices failed with one picture alone: it is the picture. They are not blamed."""
        for name in job.failed_on:
            other = self._fleet.devices[name]
            self._trust.cooled(other, now_s, out)
        text = f"it broke the runs of {', '.join((*job.failed_on, device.name))}: {detail or 'they failed'}"
        self._answers.refuse(job, Reason.IMAGE_UNHEALTHY, text, out)
        self._trust.trust_again(device, out)
        self._trust.settle_down(device, now_s, out)
