"""`least_memory`: to the device with the least memory in use. For comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane


class LeastMemory:
    """Least memory in use, as tutorials have it. Memory does not follow load, so it is always the same device."""

    def pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:  # noqa: ARG002 # it looks at less than others
        """The lane whose device uses the least memory."""
        return min(lanes, key=lambda lane: lane.device.memory_bytes)


def make(dice: random.Random) -> LeastMemory:  # noqa: ARG001 # it throws none
    """The policy."""
    return LeastMemory()
