"""`least_busy`: to the device with the fewest pictures waiting and running. For comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane


class LeastBusy:
    """Fewest pictures outstanding. Two on a slow device count as two on a fast one, which is why it loses."""

    def pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:  # noqa: ARG002 # it looks at less than others
        """The lane whose device has the fewest pictures."""
        return min(lanes, key=_outstanding)


def _outstanding(lane: Lane) -> int:
    device = lane.device
    return device.waiting + (0 if device.running is None else len(device.running.jobs))


def make(dice: random.Random) -> LeastBusy:  # noqa: ARG001 # it throws none
    """The policy."""
    return LeastBusy()
