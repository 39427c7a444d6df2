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
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from awake import POSSIBLE, cores_awake
from dispatch_agreement import agreement
from dispatch_load import LINEAR, OFFER, TINY, scripted
from dispatch_workers import NothingOpener
from flagged_device import FlaggedOpener
from lineside import Detector, Engine
from lineside.core.errors import UnansweredError
from lineside.dispatch.events import FrameArrived, WorkerUp
from lineside.dispatch.hands import Hands
from lineside.dispatch.job import Job
from lineside.dispatch.process_worker import ProcessWorker
from lineside.dispatch.routing import open_policy
from lineside.dispatch.scheduler import Scheduler
from lineside.dispatch.settings import Settings
from lineside.dispatch.slots import Slots
from lineside.dispatch.starting import Crew, Fittings
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.words import Health, Request, Stream
from lineside.engine.memory import resident_bytes
from lineside.testing.hand_workers import HandWorker

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.dispatch.worker import Post

_BLOCK = 100  # pictures
_PACE_S = 0.002
_PATIENT = Settings(hang_s=30.0)  # with a machine whose other programs take it away for a while


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only sections whose name contains this")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement of throughput")
    asked = parser.parse_args()
    sections = {
        "overhead": overhead,
        "sessions": lambda: sessions(asked.seconds),
        "het4": agreement,
        "faults": faults,
        "spinner": spinner,
        "routing": routing,
        "memory": memory,
    }
    for name, section in sections.items():
        if asked.only in name:
            for line in section():
                print(f"{name}: {line}", flush=True)


def overhead(count: int = 20_000) -> list[str]:
    """From submit to callback on a session that does nothing, one picture at a time, and in bursts.

    One picture at a time a core sleeps between two of them, and most of what is measured is how it wakes. So it is measured once more with the cores kept
    awake, and with all threads on one core, which hand nothing to another. What the engine does itself shows where nothing is handed over: with
    the worker's work in the thread that submits.
    """
    lines = [*_own_work(count), *_overhead("", count)]
    if POSSIBLE:
        with cores_awake():
            lines += _overhead("cores kept awake, ", count)
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})  # threads that begin from here on are held there, too
        lines += _overhead("all on one core, ", count)
        os.sched_setaffinity(0, cores)
    return lines


def _overhead(where: str, count: int) -> list[str]:
    bare: list[float] = []
    bare_cpu = _cpu_us(lambda: bare.extend(_round_trips(_BLOCK)), count)
    took: list[float] = []
    bursts: list[float] = []
    with _doing_nothing() as engine:
        cpu = _cpu_us(lambda: took.extend(_burst(engine, 1) for _ in range(_BLOCK)), count)
        burst_cpu = _cpu_us(lambda: bursts.append(_burst(engine, _BLOCK)), count)
        paced_cpu = _paced_us(lambda: engine.submit(TINY).add_done_callback(_nothing), count)
    return [
        f"{where}submit to callback, one at a time: p50 {_us(took, 50)} / p99 {_us(took, 99)} µs, CPU {cpu} a picture (goals 80, 300, 60)",
        f"{where}a bare queue and lock in the same run: p50 {_us(bare, 50)} / p99 {_us(bare, 99)} µs, CPU {bare_cpu}",
        f"{where}bursts of {_BLOCK} through one device: {sum(bursts) / count * 1e6:.0f} µs, CPU {burst_cpu} a picture (goal 60)",
        f"{where}one every {_PACE_S * 1e3:.0f} ms, nobody waits: CPU {paced_cpu} a picture (goal 60)",
    ]


def _cpu_us(block: Callable[[], object], count: int) -> str:
    """The processor time of one picture, over blocks: their median, and what the quickest tenth of them took.

    Where a core is shared with a neighbour, the same code takes up to twice as long while that one works; the quickest tenth had the core alone.
    """
    seconds = []
    for _ in range(count // _BLOCK):
        start = time.process_time()
        block()
        seconds.append((time.process_time() - start) / _BLOCK)
    return f"{_us(seconds, 50)} µs (quickest tenth {_us(seconds, 10)})"


def _paced_us(submit: Callable[[], object], count: int) -> str:
    """The processor time of one picture at a camera's pace, less what the loop that sleeps takes without it, in turns; its median and the quickest tenth.

    Nobody waits for the answer, as on a line, where it goes to a callback: what waking the one who waits takes is not the engine's.
    """
    seconds = []
    for _ in range(count // _BLOCK // 10):
        took_s = []
        for work in (submit, lambda: None):
            start = time.process_time()
            for _ in range(_BLOCK):
                work()
                time.sleep(_PACE_S)
            took_s.append((time.process_time() - start) / _BLOCK)
        seconds.append(took_s[0] - took_s[1])
    return f"{_us(seconds, 50)} µs (quickest tenth {_us(seconds, 10)})"


class TurnedWorker(HandWorker):
    """Does what a thread would do, when it is turned by hand."""

    def __init__(self, post: Post) -> None:
        super().__init__("a", post=post)
        self._hands = Hands("a", NothingOpener(), post, time.perf_counter)

    def come_up(self) -> None:
        """Be ready."""
        self._hands.open([OFFER.model])

    def turn(self) -> None:
        """Do the oldest run."""
        given = self.given.pop(0)
        self._hands.run(given.run, given.model, given.pictures, given.asked)


def _own_work(count: int) -> list[str]:
    """What submit, a worker's thread and the answer take of one thread that does it all; and a loop of plain Python, for the pace of the machine."""
    made: list[TurnedWorker] = []

    def make(post: Post) -> TurnedWorker:
        made.append(TurnedWorker(post))
        return made[0]

    def block() -> None:
        for _ in range(_BLOCK):
            engine.submit(TINY).add_done_callback(_nothing)
            made[0].turn()

    # Without a timer, whose thread would now and then be at the scheduler, and take a picture over.
    with Engine.of(Crew({"a": make}), OFFER, Fittings(settings=_PATIENT, ticks=False)) as engine:
        own = _cpu_us(block, count)
    plain = _cpu_us(lambda: sum(i * i for i in range(400 * _BLOCK)), count)
    return [
        f"all in one thread, nothing handed over: CPU {own} a picture",
        f"the sum of 400 squares in plain Python, for comparison: CPU {plain}",
    ]


def _nothing(_: object) -> None:
    """A callback."""


def _doing_nothing() -> Engine:
    """An engine over one thread whose model looks at nothing."""
    crew = Crew({"a": lambda post: ThreadWorker("a", opener=NothingOpener(), post=post)})
    return Engine.of(crew, OFFER, Fittings(settings=_PATIENT))


def _burst(engine: Engine, pictures: int) -> float:
    """Seconds from the first of some pictures to the last one's callback."""
    ended: list[float] = []
    last = threading.Lock()
    last.acquire()

    def back(_: object) -> None:
        ended.append(time.perf_counter())
        if len(ended) == pictures:
            last.release()

    start = time.perf_counter()
    for _ in range(pictures):
        engine.submit(TINY).add_done_callback(back)
    last.acquire()
    return ended[-1] - start


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
        with Engine.of(Crew({name: maker(name) for name in names}), OFFER) as engine:
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


def spinner(count: int = 400, turns: int = 5) -> list[str]:
    """A device of 4 ms, one picture at a time, with and without a thread beside it that does nothing but run Python; in turns."""
    quiet: list[float] = []
    beside: list[float] = []
    with scripted({"a": LINEAR(0.004, 0, 1)}, settings=_PATIENT) as engine:
        for _ in range(turns):
            quiet += _one_by_one(engine, count)
            stop = threading.Event()
            thread = threading.Thread(target=_spin, args=(stop,))
            thread.start()
            beside += _one_by_one(engine, count)
            stop.set()
            thread.join()
    over_ms = [(np.percentile(beside, p) - np.percentile(quiet, p)) * 1e3 for p in (50, 99)]
    text = (
        f"a device of 4 ms, submit to callback: p50 {np.percentile(quiet, 50) * 1e3:.2f} / p99 {np.percentile(quiet, 99) * 1e3:.2f} ms; "
        f"with a pure-Python spinner in the process {np.percentile(beside, 50) * 1e3:.2f} / {np.percentile(beside, 99) * 1e3:.2f} ms: "
        f"{over_ms[0]:.2f} and {over_ms[1]:.2f} ms over (goal: p99 at most 3 ms over)"
    )
    return [text]


def _spin(stop: threading.Event) -> None:
    count = 0
    while not stop.is_set():
        count += 1


def _one_by_one(engine: Engine, count: int) -> list[float]:
    """Seconds from submit to callback."""
    took: list[float] = []
    slot = threading.Lock()
    slot.acquire()
    for _ in range(count):
        start = time.perf_counter()

        def back(_: object, start: float = start) -> None:
            took.append(time.perf_counter() - start)
            slot.release()

        engine.submit(TINY).add_done_callback(back)
        slot.acquire()
    return took


def routing(count: int = 20_000) -> list[str]:
    """A routing decision among 16 devices that all run and have pictures waiting."""
    lines = []
    for name in ("earliest_completion", "least_busy"):
        scheduler = Scheduler([f"d{k}" for k in range(16)], routing=name)
        for k in range(16):
            scheduler.handle(WorkerUp(f"d{k}", {"model": LINEAR(0.001 + k * 1e-4, 0.001, 8)}), 0.0)
        stream = Stream("", ordered=False)
        for k in range(64):
            scheduler.handle(FrameArrived(Request(stream, k, 1.0)), 0.0)
        lanes = scheduler._fleet.routes("model")  # noqa: SLF001 # what a policy is given
        job, policy = Job(Request(stream, 0, 1.0), "model", 0.0), open_policy(name)
        took = []
        for _ in range(count):
            start = time.thread_time()
            policy.pick(job, lanes, 0.0)
            took.append(time.thread_time() - start)
        floor = []
        for _ in range(count):
            start = time.thread_time()
            floor.append(time.thread_time() - start)
        pick_us = (np.median(took) - np.median(floor)) * 1e6
        lines.append(f"{name}, 16 devices with 4 pictures each: {pick_us:.1f} µs a decision (goal 5)")
    return lines


def memory(pictures: int = 1_000_000) -> list[str]:
    """Resident memory over a million pictures through two devices, which is to stay as it is."""
    names = ("a", "b")
    crew = Crew(
        {name: lambda post, n=name: ThreadWorker(n, opener=NothingOpener(), post=post) for name in names}
    )
    warm_up = pictures // 50
    with Engine.of(crew, OFFER, Fittings(settings=_PATIENT)) as engine:
        seen = [_resident_after(engine, count) for count in (warm_up, pictures // 2, pictures // 2)]
        done = [device.frames for device in engine.statistics().devices]
    if None in seen:
        return ["this system does not tell a process's memory in a file"]
    first, half, last = (bytes_ / 1e6 for bytes_ in seen if bytes_ is not None)
    counts = warm_up, warm_up + pictures // 2, warm_up + pictures
    return [
        f"{first:.1f}, {half:.1f} and {last:.1f} MB resident after {counts[0]:,}, {counts[1]:,} and {counts[2]:,} pictures",
        f"of them on each device: {', '.join(f'{each:,}' for each in done)} (goal: flat)",
    ]


def _resident_after(engine: Engine, pictures: int) -> int | None:
    for _ in range(pictures // _BLOCK):
        _burst(engine, _BLOCK)
    return resident_bytes()


def _us(seconds: list[float], percent: float) -> str:
    return f"{np.percentile(seconds, percent) * 1e6:.0f}"


if __name__ == "__main__":
    main()
