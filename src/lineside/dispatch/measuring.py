"""A model's service times on a device, measured when it is opened."""

from __future__ import annotations

import logging
import statistics
from typing import TYPE_CHECKING

from lineside.core.errors import DeviceMemoryError, ModelOutputError
from lineside.dispatch.profile import ServiceTimes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.dispatch.worker import OpenedModel

_log = logging.getLogger(__name__)

_RUNS = 10
_ENOUGH_S = 0.25  # after so long a batch size is measured, with however few runs
_SLOW_S = 0.1  # a model whose single run takes so long is not tried in batches
_SIZES = (2, 4, 8)
_PAYS = 0.97  # of the seconds a picture of the size before


def service_times(opened: OpenedModel, clock: Callable[[], float]) -> ServiceTimes:
    """Seconds of a run by batch size: of one picture, and of more where the model takes them and each costs less then.

    Every size that a run may have later has been run here, so that no picture of the line pays for a first one. It takes about
    a second, and longer for a model of more than 0.1 s a run. Sizes that there is no memory for are left out: what fits is of use.

    Args:
        opened: The model.
        clock: Monotonic seconds.

    Raises:
        LinesideError: It cannot be run, or not any more after it ran out of memory.
    """
    singles = _runs(opened, 1, clock)
    seconds, least_s = {1: statistics.median(singles)}, min(singles)
    if not opened.batches or seconds[1] > _SLOW_S:
        return ServiceTimes.measured(seconds, least_s)
    try:
        for size in _SIZES:
            took_s = statistics.median(_runs(opened, size, clock))
            if took_s / size > _PAYS * seconds[last := max(seconds)] / last:
                break
            for between in range(last + 1, size):
                opened.probe(between)
            seconds[size] = took_s
    except (DeviceMemoryError, MemoryError) as lack:
        _prove_usable(opened, lack)
        why = str(lack) or type(lack).__name__
        _log.warning(
            "no memory for runs of up to %d pictures: %s. It gets at most %d", size, why, max(seconds)
        )
    except ModelOutputError as fault:
        _log.warning("%s. It gets one picture a run", fault)
        seconds = {1: seconds[1]}
    return ServiceTimes.measured(seconds, least_s)


def _prove_usable(opened: OpenedModel, lack: Exception) -> None:
    """Run the test picture alone after a larger batch ran out of memory.

    Raises:
        Exception: It cannot be run any more, so it is the lack that ends it.
    """
    try:
        opened.probe(1)
    except Exception as fault:
        raise lack from fault


def _runs(opened: OpenedModel, size: int, clock: Callable[[], float]) -> list[float]:
    """Seconds of some runs, after one that is not counted."""
    opened.probe(size)
    start = before = clock()
    took_s: list[float] = []
    while len(took_s) < _RUNS and (not took_s or before - start < _ENOUGH_S):
        opened.probe(size)
        after = clock()
        took_s.append(max(after - before, 1e-9))
        before = after
    return took_s
