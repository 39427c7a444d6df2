"""What an engine costs and how it takes faults, with real threads and processes on this machine.

`python benchmarks/dispatch_engine.py [--only overhead]`. Devices that sleep stand for accelerators; nothing here is a
measurement of one. Contenders take turns within one run.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from flagged_device import FlaggedOpener
from lineside import Detector, Engine
from lineside.core.errors import UnansweredError
from lineside.dispatch.events import WorkerUp
from lineside.dispatch.process_worker import ProcessWorker
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.settings import Settings
from lineside.dispatch.simulation.scenario import Scenario, SimulatedDevice, SimulatedStream
from lineside.dispatch.simulation.simulate import simulate
from lineside.dispatch.slots import Slots
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.words import Health
from lineside.dispatch.worker import WorkerModel
from lineside.testing.hand_workers import Script, TimedOpener

_LINEAR = ServiceTimes.linear
_HET4 = {
    "fast-1": _LINEAR(0.001, 0.001, 8),
    "fast-2": _LINEAR(0.001, 0.001, 8),
    "mid": _LINEAR(0.0015, 0.0025, 8),
    "slow": _LINEAR(0.002, 0.005, 4),
}
_DEADLINE_S = 0.02
_OFFER = Offer(WorkerModel("model", "scripted"))
_PATIENT = Settings(hang_s=30.0)  # with a machine whose other programs take it away for a while
_TINY = np.zeros((1, 1, 3), np.uint8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only sections whose name contains this")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement of throughput")
    asked = parser.parse_args()
    sections = {
        "overhead": overhead,
        "sessions": lambda: sessions(asked.seconds),
        "het4": lambda: het4(asked.seconds),
        "faults": faults,
    }
    for name, section in sections.items():
        if asked.only in name:
            for line in section():
                print(f"{name}: {line}", flush=True)


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
        _OFFER,
        Fittings(settings=settings),
    )


def overhead(count: int = 20_000) -> list[str]:
    """From submit to callback on a session that does nothing, one picture at a time, and in bursts."""
    lines = []
    bare_cpu = time.process_time()
    bare = _round_trips(count)
    bare_cpu = (time.process_time() - bare_cpu) / count
    with scripted({"a": _LINEAR(1e-9, 0, 1)}, settings=_PATIENT) as engine:
        took, cpu = [], time.process_time()
        slot = threading.Lock()
        slot.acquire()
        ended = [0.0]

        def back(_: object) -> None:
            ended[0] = time.perf_counter()
            slot.release()

        for _ in range(count):
            start = time.perf_counter()
            engine.submit(_TINY).add_done_callback(back)
            slot.acquire()
            took.append(ended[0] - start)
        cpu = (time.process_time() - cpu) / count
        lines.append(
            f"submit to callback, one at a time: p50 {_us(took, 50)} / p99 {_us(took, 99)} µs, CPU {cpu * 1e6:.0f} µs a picture "
            f"(goals 80, 300, 60); a bare queue and lock in the same run: p50 {_us(bare, 50)} / p99 {_us(bare, 99)} µs, "
            f"CPU {bare_cpu * 1e6:.0f} µs"
        )
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(count // 100):
            for future in [engine.submit(_TINY) for _ in range(100)]:
                future.result()
        wall, cpu = (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count
        lines.append(
            f"bursts of 100 through one device: {wall * 1e6:.0f} µs, CPU {cpu * 1e6:.0f} µs a picture (goal 60)"
        )
    return lines


def _round_trips(count: int) -> list[float]:
    there: SimpleQueue[object] = SimpleQueue()
    back = threading.Lock()
    back.acquire()

    def serve() -> None:
        while there.get() is not None:
            back.release()

    thread = threading.Thread(target=serve)
    thread.start()
    took = []
    for _ in range(count):
        start = time.perf_counter()
        there.put(1)
        back.acquire()
        took.append(time.perf_counter() - start)
    there.put(None)
    thread.join()
    return took


def sessions(seconds: float, rounds: int = 5) -> list[str]:
    """Two sessions of ONNX Runtime on two shares of the cores: through an engine, and in two bare loops."""
    picture = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    detectors = [Detector("shipped:plant", devices="cpu", threads=1) for _ in range(2)]
    rates: dict[str, list[float]] = {"bare": [], "engine": []}
    with Engine("shipped:plant", "cpu:0,cpu:1") as engine:
        engine.infer_many([picture] * 10)
        for _ in range(rounds):
            rates["bare"].append(_bare(detectors, picture, seconds / rounds))
            rates["engine"].append(_through(engine, picture, seconds / rounds))
    ratios = [e / b for e, b in zip(rates["engine"], rates["bare"], strict=True)]
    bare, through = (float(np.median(rates[name])) for name in ("bare", "engine"))
    text = (
        f"two sessions: {through:.1f} pictures a second through the engine, {bare:.1f} in two bare loops; "
        f"ratio {np.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), goal at least 0.95"
    )
    return [text]


def _bare(detectors: list[Detector], picture: np.ndarray, seconds: float) -> float:
    until_s = time.perf_counter() + seconds
    counts = [0, 0]

    def loop(number: int) -> None:
        while time.perf_counter() < until_s:
            detectors[number](picture)
            counts[number] += 1

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(2)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def _through(engine: Engine, picture: np.ndarray, seconds: float) -> float:
    start = time.perf_counter()

    def pictures():  # noqa: ANN202 # a generator
        while time.perf_counter() < start + seconds:
            yield picture

    count = sum(1 for _ in engine.submit_each(pictures()))
    return count / (time.perf_counter() - start)


@dataclass
class Taken:
    """What became of the pictures of a run."""

    latency_s: list[float]
    late: int
    cpu_s: float
    behind_s: float


def het4(seconds: float) -> list[str]:
    """30 cameras on four devices with real threads, beside the simulator on the same times."""
    bound = sum(times.rate(_DEADLINE_S) for times in _HET4.values())
    lines = []
    for load in (0.35, 0.7, 0.8, 0.85, 0.9, 0.95):
        fps = load * bound
        streams = tuple(SimulatedStream(f"camera-{k}", fps / 30, _DEADLINE_S) for k in range(30))
        devices = tuple(SimulatedDevice(name, name, times) for name, times in _HET4.items())
        scenario = Scenario(streams, devices, seconds=seconds, noise=0.0)
        cameras = simulate(scenario)
        measured: dict[str, ServiceTimes] = {}
        with scripted(_HET4, measured) as engine:
            taken = _play(engine, cameras.arrived_s, cameras.stream)
        # A sleep takes longer than it was told to; the simulator is told what the engine's workers measured.
        devices = tuple(SimulatedDevice(name, name, times) for name, times in measured.items())
        outcome = simulate(replace(scenario, devices=devices))
        sim = (outcome.result_s - outcome.arrived_s)[np.isfinite(outcome.result_s)] * 1e3
        real = np.array(taken.latency_s) * 1e3
        missed = taken.late / len(outcome.arrived_s)
        lines.append(
            f"load {load:.2f} ({fps:.0f} pictures a second): p50 {np.percentile(real, 50):.2f} / p99 {np.percentile(real, 99):.2f} ms, "
            f"misses {missed:.2%}; simulated p50 {np.percentile(sim, 50):.2f} / p99 {np.percentile(sim, 99):.2f} ms, misses "
            f"{outcome.figures().misses:.2%}; ratio {np.percentile(real, 50) / np.percentile(sim, 50):.2f} / "
            f"{np.percentile(real, 99) / np.percentile(sim, 99):.2f}; CPU {taken.cpu_s / len(real) * 1e6:.0f} µs a picture, with "
            f"the generator, which was at most {taken.behind_s * 1e3:.1f} ms behind"
        )
    return lines


def _play(engine: Engine, arrived_s: np.ndarray, stream: np.ndarray) -> Taken:
    taken = Taken([], 0, time.process_time(), 0.0)
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
        due_s = time.monotonic() + _DEADLINE_S
        future = engine.submit(_TINY, deadline_s=due_s, stream=names[number])
        future.add_done_callback(answered(due_s))
    for _ in arrived_s:
        left.acquire(timeout=10)
    taken.cpu_s = time.process_time() - taken.cpu_s
    return taken


class CountingWorker(ProcessWorker):
    """A process worker that counts the pictures which it is given while its device is bad."""

    bad = False
    given = 0

    def run(self, run, model, pictures, asked) -> None:  # noqa: ANN001 # as every worker
        """As every worker."""
        self.given += len(pictures) * self.bad
        super().run(run, model, pictures, asked)

    @property
    def pid(self) -> int:
        """Of its process; 0 while there is none."""
        process = None if self._link is None else self._link._process  # noqa: SLF001 # to break it
        return 0 if process is None else process.pid or 0


def faults(count: int = 20, fps: float = 100.0) -> list[str]:
    """Errors, hangs (SIGSTOP) and kills (SIGKILL) of one of three process devices, at random, at 100 pictures a second."""
    dice = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as folder, Slots(24, 64) as slots:
        workers: dict[str, CountingWorker] = {}

        def maker(name: str):  # noqa: ANN202 # what makes a worker
            def make(post) -> CountingWorker:  # noqa: ANN001 # as every worker
                opener = FlaggedOpener(0.012, str(Path(folder) / name))
                workers[name] = CountingWorker(name, opener=opener, post=post, slots=slots)
                return workers[name]

            return make

        names = ["a", "b", "c"]
        with Engine.of(Crew({name: maker(name) for name in names}), _OFFER) as engine:
            sent, stop = [], threading.Event()
            feeder = threading.Thread(target=_feed, args=(engine, sent, stop, fps))
            feeder.start()
            back = []
            for _ in range(count):
                time.sleep(dice.uniform(0.3, 0.6))
                name, kind = dice.choice(names), dice.choice(["error", "hang", "kill"])
                back.append((kind, _break(engine, workers[name], kind, Path(folder) / name, dice)))
            time.sleep(0.5)
            stop.set()
            feeder.join()
            return _fault_lines(engine, workers, sent, back)


def _feed(engine: Engine, sent: list, stop: threading.Event, fps: float) -> None:
    next_s = time.monotonic()
    while not stop.is_set():
        number = len(sent)
        picture = np.frombuffer(number.to_bytes(3, "little"), np.uint8).reshape(1, 1, 3)
        future = engine.submit(picture, stream="line", deadline_s=time.monotonic() + 1.0)
        sent.append(future)
        next_s += 1 / fps
        time.sleep(max(next_s - time.monotonic(), 0))


def _break(engine: Engine, worker: CountingWorker, kind: str, flag: Path, dice: random.Random) -> float:
    """Break a device for 0.2 to 2 s, or kill it; seconds from its healing until it is in service."""
    while not (pid := worker.pid):
        time.sleep(0.002)
    worker.bad = True
    if kind == "kill":
        os.kill(pid, signal.SIGKILL)
    elif kind == "hang":
        os.kill(pid, signal.SIGSTOP)
        until_s = time.monotonic() + dice.uniform(0.2, 2.0)
        while worker.pid == pid and time.monotonic() < until_s:
            time.sleep(0.002)
        if worker.pid == pid:  # else it was replaced, and what it gets now is for a good one
            os.kill(pid, signal.SIGCONT)
    else:
        flag.touch()
        time.sleep(dice.uniform(0.2, 2.0))
        flag.unlink()
    healed_s = time.monotonic()
    while time.monotonic() < healed_s + 10:
        standing = {device.name: device.health for device in engine.health().devices}
        if standing[worker.device] is Health.HEALTHY and (kind != "kill" or worker.pid != pid):
            break
        time.sleep(0.002)
    worker.bad = False
    return time.monotonic() - healed_s


def _fault_lines(engine: Engine, workers: dict[str, CountingWorker], sent: list, back: list) -> list[str]:
    lost = wrong = unanswered = 0
    for number, future in enumerate(sent):
        try:
            wrong += future.result(5) != number % (1 << 24)
        except UnansweredError:
            unanswered += 1
        except TimeoutError:
            lost += 1
    statistics = engine.statistics()
    given = sum(worker.given for worker in workers.values())
    kinds = ", ".join(
        f"{kind} {max(s for k, s in back if k == kind) * 1e3:.0f} ms" for kind in sorted({k for k, _ in back})
    )
    text = (
        f"{len(back)} faults, {len(sent)} pictures: {lost} lost, {wrong} with another's answer, {unanswered} answered UNKNOWN, "
        f"{statistics.retried} done elsewhere after a fault; {given / len(sent):.2%} sent to a bad device (goal 1 %); "
        f"longest until it served again: {kinds} (goal 1 s)"
    )
    return [text]


def _us(seconds: list[float], percent: float) -> str:
    return f"{np.percentile(seconds, percent) * 1e6:.0f}"


if __name__ == "__main__":
    main()
