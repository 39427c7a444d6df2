"""`earliest_completion`: to the device that will have finished the picture first. The default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.dispatch.lane import soonest

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane


class EarliestCompletion:
    """The earliest expected completion: rest of the run, work ahead in the queue in batches, own run.

    It needs no rule for slow devices: one is used exactly when it finishes first. An idle or shared device whose
    one run alone ends later than the best found so far is not reckoned with any further.
    """

    def pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:
        """The lane in which the job is done first."""
        return lanes[0] if len(lanes) == 1 else soonest(lanes, job, now_s)


def make(dice: random.Random) -> EarliestCompletion:  # noqa: ARG001 # it throws none
    """The policy."""
    return EarliestCompletion()
