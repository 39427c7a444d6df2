"""Four devices that sleep under the load of 30 cameras, with real threads, beside the simulator: `dispatch_engine.py --only het4`."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lineside import Engine
from lineside.dispatch.events import WorkerUp
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.simulation.record import RELEASED
from lineside.dispatch.simulation.scenario import Scenario, SimulatedDevice, SimulatedStream
from lineside.dispatch.simulation.simulate import simulate
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel
from lineside.testing.hand_workers import Script, TimedOpener

if TYPE_CHECKING:
    from lineside.dispatch.settings import Settings

LINEAR = ServiceTimes.linear
_HET4 = {
    "fast-1": LINEAR(0.001, 0.001, 8),
    "fast-2": LINEAR(0.001, 0.001, 8),
    "mid": LINEAR(0.0015, 0.0025, 8),
    "slow": LINEAR(0.002, 0.005, 4),
}
_DEADLINE_S = 0.02
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
    """What became of the pictures of a run."""

    latency_s: list[float]
    late: int
    cpu_s: float
    behind_s: float
    came_s: list[float]


def het4(seconds: float, turns: int = 3) -> list[str]:
    """30 cameras on four devices with real threads, beside the simulator on the same times and arrivals; the median of some turns."""
    return [_at_load(load, seconds / 2, turns) for load in (0.35, 0.7, 0.8, 0.85, 0.9, 0.95)]


def _at_load(load: float, seconds: float, turns: int) -> str:
    fps = load * sum(times.rate(_DEADLINE_S) for times in _HET4.values())
    streams = tuple(SimulatedStream(f"camera-{k}", fps / 30, _DEADLINE_S) for k in range(30))
    found = [_turn(streams, seconds, seed) for seed in range(1, turns + 1)]
    real, sim = (np.median([turn[which] for turn in found], axis=0) for which in ("real_ms", "sim_ms"))
    ratios = np.array([turn["real_ms"] / turn["sim_ms"] for turn in found])
    middle = np.median(ratios, axis=0)
    behind_ms = ", ".join(f"{turn['behind_ms'][0]:.1f}" for turn in found)
    misses = "; ".join(f"{turn['missed'][0]:.2%} and {turn['missed'][1]:.2%}" for turn in found)
    return (
        f"load {load:.2f} ({fps:.0f} pictures a second), {turns} turns: p50 {real[0]:.2f} / p99 {real[1]:.2f} ms of those in time, simulated "
        f"{sim[0]:.2f} / {sim[1]:.2f} ms; ratio {middle[0]:.2f} ({ratios[:, 0].min():.2f} to {ratios[:, 0].max():.2f}) / "
        f"{middle[1]:.2f} ({ratios[:, 1].min():.2f} to {ratios[:, 1].max():.2f}); misses, real and simulated: {misses}; the generator "
        f"was at most {behind_ms} ms behind; CPU {np.median([turn['cpu_us'] for turn in found]):.0f} µs a picture, with the generator"
    )


def _turn(streams: tuple[SimulatedStream, ...], seconds: float, seed: int) -> dict[str, np.ndarray]:
    """One turn: percentiles of what was answered in time, really and simulated, with the same service times and arrivals."""
    devices = tuple(SimulatedDevice(name, name, times) for name, times in _HET4.items())
    scenario = Scenario(streams, devices, seconds=seconds, noise=0.0, seed=seed)
    cameras = simulate(scenario)
    measured: dict[str, ServiceTimes] = {}
    with scripted(_HET4, measured) as engine:
        taken = _play(engine, cameras.arrived_s, cameras.stream)
    # A sleep takes longer than it was told to; the simulator is told what the engine's workers measured, and when pictures truly
    # came: those of a generator that was held up come in a lump, which no scheduler can do in the same time.
    devices = tuple(SimulatedDevice(name, name, times) for name, times in measured.items())
    outcome = simulate(replace(scenario, devices=devices), arrivals=(taken.came_s, cameras.stream.tolist()))
    in_time = outcome.kind == RELEASED
    sim_s = (outcome.answered_s - outcome.arrived_s)[in_time]
    return {
        "real_ms": np.percentile(taken.latency_s, (50, 99)) * 1e3,
        "sim_ms": np.percentile(sim_s, (50, 99)) * 1e3,
        "missed": np.array([taken.late / len(in_time), outcome.figures().misses]),
        "behind_ms": np.array([taken.behind_s * 1e3]),
        "cpu_us": np.array([taken.cpu_s / len(in_time) * 1e6]),
    }


def _play(engine: Engine, arrived_s: np.ndarray, stream: np.ndarray) -> Taken:
    taken = Taken([], 0, time.process_time(), 0.0, [])
    names = [f"camera-{k}" for k in range(int(stream.max()) + 1)]
    start_s = time.monotonic() + 0.05
    left = threading.Semaphore(0)

    def answered(due_s: float):  # noqa: ANN202 # a callback
        def note(future) -> None:  # noqa: ANN001 # a future
            now_s = time.monotonic()
            if future.exception() is None:
                taken.latency_s.append(now_s - (due_s - _DEADLINE_S))
            else:
                taken.late += 1
            left.release()

        return note

    for at_s, number in zip((arrived_s + start_s).tolist(), stream.tolist(), strict=True):
        wait_s = at_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        else:
            taken.behind_s = max(taken.behind_s, -wait_s)
        now_s = time.monotonic()
        due_s = now_s + _DEADLINE_S
        taken.came_s.append(now_s - start_s)
        future = engine.submit(TINY, deadline_s=due_s, stream=names[number])
        future.add_done_callback(answered(due_s))
    for _ in arrived_s:
        left.acquire(timeout=10)
    taken.cpu_s = time.process_time() - taken.cpu_s
    return taken
