"""A profile of this machine, measured with a model."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.simulation.profiles import DeviceProfile

if TYPE_CHECKING:
    from collections.abc import Callable

_WARM_UP = 3
_SIZES = (2, 4, 8)
_PAYS = 0.97  # of the seconds a picture of the size before, as where a worker measures


def measure_profile(
    name: str,
    call: Callable[[], object],
    *,
    source: str,
    batch: Callable[[int], object] | None = None,
    runs: int = 30,
    clock: Callable[[], float] = perf_counter,
) -> DeviceProfile:
    """The profile of calls that look at pictures: the median time of one, and of batches as far as each size pays.

    Args:
        name: The profile's name.
        call: Looks at one picture.
        source: What is measured, in words.
        batch: Looks at so many pictures in one run; `None` where the model takes one at a time.
        runs: How many calls are counted.
        clock: Monotonic seconds.

    Raises:
        LinesideError: A call's. A model that answers otherwise in a batch than alone gets batches of 1.
    """
    seconds = {1: _median(call, runs, clock)}
    try:
        for size in _SIZES:
            if batch is None:
                break
            took_s = _median(partial(batch, size), runs, clock)
            if took_s / size > _PAYS * seconds[last := max(seconds)] / last:
                break
            seconds[size] = max(took_s, seconds[last])  # a moment's noise; more pictures never take less
    except ModelOutputError as fault:
        source += f"; one picture a run, because {fault}"
        seconds = {1: seconds[1]}
    return DeviceProfile(name, ServiceTimes.measured(seconds), source)


def _median(call: Callable[[], object], runs: int, clock: Callable[[], float]) -> float:
    """Seconds of some calls, after some that are not counted."""
    for _ in range(_WARM_UP):
        call()
    spent = []
    for _ in range(runs):
        start_s = clock()
        call()
        spent.append(clock() - start_s)
    return float(np.median(spent))
