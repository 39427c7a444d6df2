"""A second run for pictures whose first one takes much too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineside.dispatch.actions import Action
    from lineside.dispatch.answers import Answers
    from lineside.dispatch.device import Running
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.placing import Placing
    from lineside.dispatch.settings import Settings


class Hedging:
    """Runs pictures a second time, on idle devices and within a budget; without one, a busy fleet would only get busier.

    Args:
        settings: The budget.
        fleet: The devices.
        answers: How many pictures came.
        placing: Starts runs.

    Attributes:
        count: Pictures that were run a second time.
    """

    def __init__(self, settings: Settings, fleet: Fleet, answers: Answers, placing: Placing) -> None:
        self._settings = settings
        self._fleet = fleet
        self._answers = answers
        self._placing = placing
        self.count = 0

    def hedge(self, run: Running, now_s: float, out: list[Action]) -> None:
        """Run the pictures of a suspect a second time where a device is idle and the budget allows it."""
        jobs = [job for job in run.jobs if not job.answered and not job.hedged]
        budget = (
            self._settings.hedge_floor + int(self._settings.hedge_share * self._answers.arrived) - self.count
        )
        idle = [lane for lane in self._fleet.routes(run.lane.model) if lane.device.is_idle]
        for lane in idle:
            guards = lane.guards()
            batch = [job for job in jobs if lane.device.name not in job.failed_on][
                : max(min(budget, lane.best), 0)
            ]  # of one run, so that one that runs alone is the only one
            while batch and now_s + guards[len(batch)] > min(job.deadline_s for job in batch):
                batch.pop()
            if not batch:
                continue
            for job in batch:
                job.hedged = True
                jobs.remove(job)
            self.count += len(batch)
            budget -= len(batch)
            self._placing.start(lane, batch, now_s, out)
