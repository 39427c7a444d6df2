"""How long models take on this machine: loading, the first run, and the runs after it, one model after the other."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.engine.memory import resident_bytes
from lineside.engine.ort_session import cpu_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from lineside.engine.session import Binding

    Clock = Callable[[], float]
    Memory = Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one model costs with one number of threads.

    Attributes:
        threads: Threads of one run.
        load_s: Making the session, the optimisation of its graph included.
        first_run_s: The first run.
        runs: Number of the runs after it that the percentiles are of.
        p50_s: Half of them took at most so long: `session.run` alone, without pre- and postprocessing.
        p90_s: Nine in ten.
        p99_s: 99 in a hundred.
        memory_bytes: Resident memory that session and runs added to the process, or `None` where that is not told.
    """

    threads: int
    load_s: float
    first_run_s: float
    runs: int
    p50_s: float
    p90_s: float
    p99_s: float
    memory_bytes: int | None


def measure(
    models: Mapping[str, bytes],
    feeds: Mapping[str, NDArray[Any]],
    *,
    threads: int,
    runs: int,
    clock: Clock = perf_counter,
    memory: Memory | None = None,
) -> dict[str, Measurement]:
    """Each model's figures by its name. The models take turns, run by run, because machines drift.

    Args:
        models: Serialised models by name.
        feeds: The inputs of every run, the same for all models.
        threads: Threads of one run.
        runs: How many runs are counted, after the first.
        clock: Monotonic seconds.
        memory: Resident bytes of this process; `resident_bytes` unless given.

    Raises:
        UnsupportedModelError, ModelFileError, DeviceError: As for `OrtSession` and `Binding.run`.
    """
    resident = resident_bytes if memory is None else memory
    started = {name: _start(model, feeds, threads, clock, resident) for name, model in models.items()}
    spent: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(runs):
        for name, (binding, _) in started.items():
            start = clock()
            binding.run()
            spent[name].append(clock() - start)
    return {name: _summed(first, spent[name]) for name, (_, first) in started.items()}


def _start(
    model: bytes, feeds: Mapping[str, NDArray[Any]], threads: int, clock: Clock, memory: Memory
) -> tuple[Binding, Measurement]:
    """A model that has run once, and what that took."""
    before, start = memory(), clock()
    session = cpu_session(model, threads=threads)
    loaded = clock()
    binding = session.bind(feeds, fixed_shapes=False)  # a file with NMS inside answers in any number of rows
    binding.run()
    ran, after = clock(), memory()
    added = None if before is None or after is None else max(after - before, 0)
    return binding, Measurement(threads, loaded - start, ran - loaded, 0, 0.0, 0.0, 0.0, added)


def _summed(first: Measurement, spent: list[float]) -> Measurement:
    p50, p90, p99 = (float(p) for p in np.percentile(spent, (50, 90, 99)))
    return Measurement(
        first.threads, first.load_s, first.first_run_s, len(spent), p50, p90, p99, first.memory_bytes
    )
