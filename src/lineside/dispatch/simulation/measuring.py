"""A profile of this machine, measured with a model."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.simulation.profiles import DeviceProfile

if TYPE_CHECKING:
    from collections.abc import Callable

_WARM_UP = 3


def measure_profile(
    name: str,
    call: Callable[[], object],
    *,
    source: str,
    runs: int = 30,
    clock: Callable[[], float] = perf_counter,
) -> DeviceProfile:
    """The profile of a call that looks at one picture: its median time, and batches of 1.

    Args:
        name: The profile's name.
        call: Looks at one picture.
        source: What is measured, in words.
        runs: How many calls are counted.
        clock: Monotonic seconds.
    """
    for _ in range(_WARM_UP):
        call()
    spent = []
    for _ in range(runs):
        start_s = clock()
        call()
        spent.append(clock() - start_s)
    return DeviceProfile(name, ServiceTimes((0.0, float(np.median(spent)))), source)
