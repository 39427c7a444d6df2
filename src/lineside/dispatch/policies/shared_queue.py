"""`shared_queue`: one queue for all; a device that is free takes from it. For comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane


class SharedQueue:
    """A common queue. Whoever is free takes the head, also a slow device while a fast one is about to be free."""

    def pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:  # noqa: ARG002 # it looks at less than others
        """None: whoever is free first."""
        return None


def make(dice: random.Random) -> SharedQueue:  # noqa: ARG001 # it throws none
    """The policy."""
    return SharedQueue()
