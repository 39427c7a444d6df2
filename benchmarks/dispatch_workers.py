"""What a worker costs beyond the run itself, a process beside a thread, and how soon a dead process is noticed and back.

All contenders take turns within one run: one picture, from the call until the worker tells what came of it, less what the model
took for itself. Without another program on the machine: `python benchmarks/dispatch_workers.py`.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import struct
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.placement import Placement
from lineside.dispatch.events import BatchDone, WorkerLost, WorkerUp
from lineside.dispatch.opening import DetectorOpener
from lineside.dispatch.process_link import worker_context
from lineside.dispatch.process_worker import ProcessWorker
from lineside.dispatch.slots import Slots
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from lineside.dispatch.worker import News, OpenedModel, Opener, Worker

_SIZE = (640, 640, 3)
_GOAL_MS = 0.3
_IN_A_SLOT = 2  # which contender of a field
_SIXTEEN = struct.Struct("qd")


@dataclass(frozen=True)
class NothingOpener:
    """Opens a model that looks at nothing and answers at once."""

    def __call__(self, model: WorkerModel) -> Nothing:  # noqa: ARG002 # as every opener
        """The model."""
        return Nothing()


class Nothing:
    """Answers with the process that it is in."""

    batches = False

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Any]) -> Sequence[int]:  # noqa: ARG002 # as every model
        """The process, for each picture."""
        return [os.getpid()] * len(pictures)

    def probe(self, count: int) -> None:
        """Nothing."""

    def cancel(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class TimedOpener:
    """Opens models that tell with each result how long they took themselves, so that what is left is the worker's."""

    opener: Opener

    def __call__(self, model: WorkerModel) -> Timed:
        """The model."""
        return Timed(self.opener(model))


class Timed:
    """A model with a stopwatch, for runs of one picture: the seconds follow the result."""

    batches = False

    def __init__(self, opened: OpenedModel) -> None:
        self._opened = opened
        self.probe = opened.probe
        self.cancel = opened.cancel

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Any]) -> Sequence[object]:
        """The result, and the seconds that it took."""
        start = perf_counter()
        (result,) = self._opened.run(pictures, asked)
        return [result, perf_counter() - start]


class BarePipes:
    """The floor of every process: it is sent 16 bytes, runs its model, and sends 16 bytes, the time that the run took among them."""

    def __init__(self, opener: Opener, post: Callable[[News], None]) -> None:
        self._opener, self._post = opener, post

    def start(self, models: Sequence[WorkerModel]) -> None:
        """Start the process and what hears it, as `Worker.start`."""
        context = worker_context()
        (theirs, self._there), (self._back, news) = context.Pipe(duplex=False), context.Pipe(duplex=False)
        numbers = theirs, news
        self._process = context.Process(target=_bare, args=(self._opener, models[0], *numbers), daemon=True)
        self._process.start()
        for end in numbers:
            end.close()
        Thread(target=self._hear, daemon=True).start()

    def run(self, run: int, *_: object) -> None:
        """Send the number of a run, whose picture the process has."""
        os.write(self._there.fileno(), _SIXTEEN.pack(run, 0.0))

    def close(self, *, by_force: bool) -> None:
        """End the process."""
        if by_force:
            self._process.kill()

    def _hear(self) -> None:
        while data := os.read(self._back.fileno(), _SIXTEEN.size):
            run, inside_s = _SIXTEEN.unpack(data)
            self._post(BatchDone("bare", run, (None, inside_s)) if run else WorkerUp("bare", {}))


def _bare(opener: Opener, model: WorkerModel, there: Connection, back: Connection) -> None:
    opened, picture = opener(model), np.zeros(_SIZE, np.uint8)
    os.write(back.fileno(), _SIXTEEN.pack(0, 0.0))
    while data := os.read(there.fileno(), _SIXTEEN.size):
        run, _ = _SIXTEEN.unpack(data)
        start = perf_counter()
        opened.run((picture,), ({},))
        os.write(back.fileno(), _SIXTEEN.pack(run, perf_counter() - start))


class Contender:
    """A worker, and the seconds that its runs took beyond what their model took.

    Args:
        name: What the table calls it.
        make: Makes the worker, given where it tells its news.
        picture: What each run looks at.
    """

    def __init__(self, name: str, make: Callable[[Any], Worker], picture: NDArray[np.uint8]) -> None:
        self.name = name
        self.news: SimpleQueue[tuple[float, News]] = SimpleQueue()
        self.worker = make(lambda news: self.news.put((perf_counter(), news)))
        self.picture = picture
        self.took_s: list[float] = []
        self.given_s: list[float] = []
        self.inside_s: list[float] = []
        self.number = 0

    def start(self, model: WorkerModel) -> float:
        """Open the model; when it was up."""
        self.worker.start([model])
        heard_s, news = self.news.get(timeout=60)
        if not isinstance(news, WorkerUp):
            raise SystemExit(f"{self.name}: {news}")
        return heard_s

    def once(self) -> Any:
        """One run."""
        self.number += 1
        start = perf_counter()
        self.worker.run(self.number, "model", (self.picture,), ({},))
        given = perf_counter()
        heard_s, news = self.news.get(timeout=60)
        if not isinstance(news, BatchDone):
            raise SystemExit(f"{self.name}: {news}")
        result, inside_s = news.results
        self.took_s.append(heard_s - start - inside_s)
        self.inside_s.append(inside_s)
        self.given_s.append(given - start)
        return result


def bare_hop(rounds: int) -> list[float]:
    """Seconds from a put into a queue until another thread has it: the floor of every worker."""
    there: SimpleQueue[float | None] = SimpleQueue()
    back: SimpleQueue[float] = SimpleQueue()

    def loop() -> None:
        while (start := there.get()) is not None:
            back.put(perf_counter() - start)

    Thread(target=loop, daemon=True).start()
    took_s = []
    for _ in range(rounds):
        there.put(perf_counter())
        took_s.append(back.get())
    there.put(None)
    return took_s


def field(opener: Opener, slots: Slots) -> list[Contender]:
    """The contenders: a thread, and processes whose pictures lie here and there."""
    plain = np.zeros(_SIZE, np.uint8)
    placed = slots.acquire(_SIZE)
    if placed is None:
        raise SystemExit("no slot is free")
    placed[:] = 0

    def process(slots: Slots | None) -> Callable[[Any], Worker]:
        return lambda post: ProcessWorker("process", opener=TimedOpener(opener), post=post, slots=slots)

    return [
        Contender(
            "thread", lambda post: ThreadWorker("thread", opener=TimedOpener(opener), post=post), plain
        ),
        Contender("two bare pipes, no picture", lambda post: BarePipes(opener, post), plain),
        Contender("process, the picture in a slot", process(slots), placed),
        Contender("process, the picture copied into a slot", process(slots), plain),
        Contender("process, the picture through a pipe", process(None), plain),
    ]


def take_turns(contenders: list[Contender], model: WorkerModel, rounds: int) -> None:
    """Let all run, in turn."""
    for each in contenders:
        each.start(model)
    for number in range(rounds + 20):
        for each in contenders:
            each.once()
            if number < 20:
                each.took_s.clear()
                each.given_s.clear()
                each.inside_s.clear()
    for each in contenders[1:]:
        each.worker.close(by_force=True)


def rows(title: str, contenders: list[Contender]) -> list[str]:
    """The table's lines."""
    lines = []
    for each in contenders:
        p50, p99 = np.percentile(each.took_s, [50, 99])
        over_ms = (p50 - float(np.median(contenders[0].took_s))) * 1e3
        goal = (
            ""
            if "process" not in each.name or "pipe" in each.name
            else ("yes" if over_ms <= _GOAL_MS else "**no**")
        )
        lines.append(
            f"| {title} | {each.name} | {np.median(each.inside_s) * 1e3:.2f} ms | {p50 * 1e6:.0f} µs | {p99 * 1e6:.0f} µs | "
            f"{np.median(each.given_s) * 1e6:.0f} µs | {over_ms:+.3f} ms | {goal} |"
        )
    return lines


def deaths(times: int, slots: Slots) -> str:
    """How soon a killed process is noticed and the next one up, without a model to open."""
    victim = field(NothingOpener(), slots)[_IN_A_SLOT]
    model = WorkerModel("model", "none")
    victim.start(model)
    noticed, back = [], []
    for _ in range(times):
        pid = victim.once()
        start = perf_counter()
        os.kill(pid, signal.SIGKILL)
        heard_s, news = victim.news.get(timeout=60)
        if not isinstance(news, WorkerLost):
            raise SystemExit(str(news))
        noticed.append(heard_s - start)
        start = perf_counter()
        back.append(victim.start(model) - start)
    victim.worker.close(by_force=True)
    met = "yes" if np.median(noticed) <= 0.02 and np.median(back) <= 1 else "**no**"
    return (
        f"A process killed {times} times: noticed after {np.median(noticed) * 1e3:.1f} ms (most {max(noticed) * 1e3:.1f} ms), the next one up "
        f"after {np.median(back) * 1e3:.0f} ms (most {max(back) * 1e3:.0f} ms); goal 20 ms and 1 s: {met}."
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3000, help="runs of each contender without a model")
    parser.add_argument("--deaths", type=int, default=20)
    asked = parser.parse_args()
    with Slots(8, int(np.prod(_SIZE))) as slots:
        empty = field(NothingOpener(), slots)
        take_turns(empty, WorkerModel("model", "none"), asked.rounds)
        hop = bare_hop(asked.rounds)
        real = field(DetectorOpener(Placement("cpu"), threads=1), slots)
        take_turns(real, WorkerModel("model", "shipped:plant"), max(asked.rounds // 10, 10))
        died = deaths(asked.deaths, slots)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, pictures of {_SIZE[1]}x{_SIZE[0]}.\n")
    print(
        "| model | worker | its run | worker p50 | p99 | of it the call | over a thread | at most 0.3 ms |\n|---|---|---|---|---|---|---|---|"
    )
    print("\n".join(rows("none", empty) + rows("shipped:plant", real)))
    print(
        f"\nA bare hop between two threads: p50 {np.median(hop) * 1e6:.0f} µs, p99 {np.percentile(hop, 99) * 1e6:.0f} µs."
    )
    print(f"\n{died}")


if __name__ == "__main__":
    main()
