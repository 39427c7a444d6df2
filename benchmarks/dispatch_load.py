"""Four devices that sleep, with real threads, and the load of cameras on them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside import Engine
from lineside.dispatch.events import WorkerUp
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel
from lineside.testing.hand_workers import Script, TimedOpener

if TYPE_CHECKING:
    from lineside.dispatch.settings import Settings

LINEAR = ServiceTimes.linear
HET4 = {
    "fast-1": LINEAR(0.001, 0.001, 8),
    "fast-2": LINEAR(0.001, 0.001, 8),
    "mid": LINEAR(0.0015, 0.0025, 8),
    "slow": LINEAR(0.002, 0.005, 4),
}
DEADLINE_S = 0.02
OFFER = Offer(WorkerModel("model", "scripted"))
TINY = np.zeros((1, 1, 3), np.uint8)


def scripted(
    profiles: dict[str, ServiceTimes],
    measured: dict[str, ServiceTimes] | None = None,
    settings: Settings | None = None,
) -> Engine:
    """An engine over threads that sleep; what their runs were measured to take goes into `measured`."""

    def maker(name: str, times: ServiceTimes):  # noqa: ANN202 # what makes a worker
        def make(post) -> ThreadWorker:  # noqa: ANN001 # as every worker
            def heard(news) -> None:  # noqa: ANN001 # whatever it is
                if measured is not None and isinstance(news, WorkerUp):
                    measured[name] = news.profiles["model"]
                post(news)

            return ThreadWorker(name, opener=TimedOpener(Script(times)), post=heard)

        return make

    return Engine.of(
        Crew({name: maker(name, times) for name, times in profiles.items()}),
        OFFER,
        Fittings(settings=settings),
    )


@dataclass
class Taken:
    """What became of the pictures of a run.

    Attributes:
        latency_s: Of those that were answered in time.
        missed_s: When those came that were not, on the axis of the clock.
        cpu_s: Of the process.
        behind_s: How far the generator was behind at most.
        came_s: When pictures came, from the start on.
    """

    latency_s: list[float]
    missed_s: list[float]
    cpu_s: float
    behind_s: float
    came_s: list[float]


def play(engine: Engine, arrived_s: np.ndarray, stream: np.ndarray) -> Taken:
    """Hand pictures over at their moments, and wait for all answers."""
    taken = Taken([], [], time.process_time(), 0.0, [])
    names = [f"camera-{k}" for k in range(int(stream.max()) + 1)]
    start_s = time.monotonic() + 0.05
    left = threading.Semaphore(0)

    def answered(due_s: float):  # noqa: ANN202 # a callback
        def note(future) -> None:  # noqa: ANN001 # a future
            now_s = time.monotonic()
            if future.exception() is None:
                taken.latency_s.append(now_s - (due_s - DEADLINE_S))
            else:
                taken.missed_s.append(due_s - DEADLINE_S)
            left.release()

        return note

    for at_s, number in zip((arrived_s + start_s).tolist(), stream.tolist(), strict=True):
        wait_s = at_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        else:
            taken.behind_s = max(taken.behind_s, -wait_s)
        now_s = time.monotonic()
        due_s = now_s + DEADLINE_S
        taken.came_s.append(now_s - start_s)
        future = engine.submit(TINY, deadline_s=due_s, stream=names[number])
        future.add_done_callback(answered(due_s))
    for _ in arrived_s:
        left.acquire(timeout=10)
    taken.cpu_s = time.process_time() - taken.cpu_s
    return taken
