"""`round_robin`: to one device after the other. For comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane


class RoundRobin:
    """Equal shares for unequal devices, which is why it loses."""

    def __init__(self) -> None:
        self._turn = -1

    def pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:  # noqa: ARG002 # it looks at less than others
        """The next lane."""
        self._turn += 1
        return lanes[self._turn % len(lanes)]


def make(dice: random.Random) -> RoundRobin:  # noqa: ARG001 # it throws none
    """The policy."""
    return RoundRobin()
