"""How long hand-overs take on this machine: timed through a real engine over sessions that do nothing but wait."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lineside.core.errors import DeviceError
from lineside.dispatch.engine import Engine
from lineside.dispatch.settings import Settings
from lineside.dispatch.simulation.handover import Handover
from lineside.dispatch.simulation.stalls import StallWatch
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from lineside.dispatch.starting import Make
    from lineside.dispatch.worker import Asked

_PERCENTAGES = (1, 10, 25, 50, 75, 90, 95, 99, 99.9)
_RUN_S, _EACH_S, _MOST = 0.001, 0.001, 8  # of a session
_SESSIONS, _STREAMS = 2, 8
_RATE = _SESSIONS * _MOST / (_RUN_S + _EACH_S * _MOST)
_PHASES = (
    (0.25, 0.4),
    (0.8, 0.6),
)  # load of the sessions, share of the seconds: idle devices, then busy ones
_DEADLINE_S = 10.0
_BURSTS, _BURST = 9, 100
_FEW = 30  # samples from which there is a figure
_FEW_OF_SIZE = 10
_WAIT_S = 30.0


class _Run(NamedTuple):
    """A run of a session: its pictures by number."""

    start_s: float
    end_s: float
    pictures: tuple[int, ...]


class _Session:
    """Waits as long as a run would take, and notes when it did."""

    batches = True

    def __init__(self) -> None:
        self.runs: list[_Run] = []
        self.waits = True

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]) -> Sequence[object]:  # noqa: ARG002 # as every model
        """Nothing for each picture, after the time of a run."""
        start_s = time.monotonic()
        self.probe(len(pictures))
        end_s = time.monotonic()
        self.runs.append(_Run(start_s, end_s, tuple(_number(picture) for picture in pictures)))
        return [None] * len(pictures)

    def probe(self, count: int) -> None:
        """Wait."""
        if self.waits:
            time.sleep(_RUN_S + _EACH_S * count)

    def cancel(self) -> None:
        """It does not hear."""


@dataclass(slots=True)
class _Trial:
    """When pictures were handed over, and when their answers left."""

    sent_s: list[float] = field(default_factory=list)
    answered_s: dict[int, float] = field(default_factory=dict)
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def send(self, engine: Engine) -> None:
        """Hand one more picture over."""
        number = len(self.sent_s)

        def answered(_: Future[Any]) -> None:
            self.answered_s[number] = time.monotonic()
            self.left.release()

        picture = _picture(number)
        now_s = time.monotonic()
        self.sent_s.append(now_s)
        future = engine.submit(picture, deadline_s=now_s + _DEADLINE_S, stream=f"{number % _STREAMS}")
        future.add_done_callback(answered)

    def wait(self) -> None:
        """Wait for all answers.

        Raises:
            DeviceError: They do not come.
        """
        for _ in self.sent_s:
            if not self.left.acquire(timeout=_WAIT_S):
                raise DeviceError("the hand-over cannot be measured: the machine gives no answer in 30 s")


@dataclass(slots=True)
class _Samples:
    """Seconds of each way, and how many runs were set aside because the machine stood still meanwhile."""

    start_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)
    python_s: list[float] = field(default_factory=list)
    batch_s: list[tuple[int, float, float, float]] = field(default_factory=list)
    aside: int = 0
    runs: int = 0


def measure_handover(
    *, dice: random.Random, seconds: float = 4.0, when: str = "", stall_s: float = 0.002
) -> Handover:
    """The hand-over of an engine with threads on this machine.

    Pictures come at random to two devices that wait instead of running a model, few first and then many. A run during which the machine
    stood still is set aside, and counted in `source`.

    Args:
        dice: Of the moments of the pictures.
        seconds: How long pictures come.
        when: A date for `source`.
        stall_s: Seconds from which a standstill counts.

    Raises:
        DeviceError: The machine had no time to measure it.
    """
    sessions = [_Session() for _ in range(_SESSIONS)]
    crew = Crew({f"waits-{k}": _maker(f"waits-{k}", session) for k, session in enumerate(sessions)})
    fittings = Fittings(settings=Settings(hang_s=30.0, suspect_margin_s=10.0))
    trial, samples = _Trial(), _Samples()
    with (
        Engine.of(crew, Offer(WorkerModel("model", "a session that waits")), fittings) as engine,
        StallWatch(stall_s) as stalls,
    ):
        next_s = time.monotonic()
        for load, share in _PHASES:
            until_s = next_s + share * seconds
            while next_s < until_s:
                next_s += dice.expovariate(load * _RATE)
                time.sleep(max(next_s - time.monotonic(), 0))
                trial.send(engine)
        trial.wait()
        for session in sessions:
            _sort(session.runs, trial, stalls, samples)
            session.waits = False
        samples.python_s += [_burst(engine) for _ in range(_BURSTS)]
    if min(len(samples.start_s), len(samples.end_s), len(samples.batch_s)) < _FEW:
        raise DeviceError(
            f"the hand-over cannot be measured: the machine stood still in {samples.aside} of {samples.runs} runs, for up to "
            f"{stalls.longest_s * 1e3:.0f} ms. Let nothing else run meanwhile, or give it with --handover-us"
        )
    return _handover(samples, f"measured {when}".strip())


def _maker(name: str, session: _Session) -> Make:
    return lambda post: ThreadWorker(name, opener=lambda _: session, post=post)


def _burst(engine: Engine) -> float:
    """Seconds of the process for each of many pictures at once whose runs take no time."""
    picture = _picture(0)
    before_s = time.process_time()
    for future in [engine.submit(picture, stream="burst") for _ in range(_BURST)]:
        future.result(_WAIT_S)
    return (time.process_time() - before_s) / _BURST


def _sort(runs: Sequence[_Run], trial: _Trial, stalls: StallWatch, samples: _Samples) -> None:
    """What the runs of one session tell of each way."""
    for before, run in pairwise(runs):
        samples.runs += 1
        if stalls.within(before.end_s, trial.answered_s[run.pictures[-1]]):
            samples.aside += 1
            continue
        answered_s = [trial.answered_s[number] for number in run.pictures]
        if len(answered_s) == 1:
            samples.end_s.append(answered_s[0] - run.end_s)
        last_s = max(trial.answered_s[number] for number in before.pictures)
        sent_s = min(trial.sent_s[number] for number in run.pictures)
        if sent_s < before.end_s:  # it waited: the thread of the device went on by itself
            first_s = trial.answered_s[before.pictures[0]]
            samples.batch_s.append(
                (len(before.pictures), first_s - before.end_s, last_s - first_s, run.start_s - last_s)
            )
        elif sent_s > last_s:
            samples.start_s.append(run.start_s - sent_s)


def _handover(samples: _Samples, source: str) -> Handover:
    sizes, first_s, rest_s, next_s = (np.array(each) for each in zip(*samples.batch_s, strict=True))
    several = sizes > 1
    if samples.aside:
        source += (
            f"; {samples.aside} of {samples.runs} runs set aside, because the machine stood still in them"
        )
    return Handover(
        _spread(samples.start_s),
        _spread(samples.end_s),
        settle_s=_slope(sizes, first_s),
        each_s=float(np.median(rest_s[several] / (sizes[several] - 1))) if several.any() else 0.0,
        next_s=max(float(np.median(next_s)), 0.0),
        python_s=float(np.median(samples.python_s)),
        source=source,
    )


def _spread(seconds: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Percentiles, as far into the tail as there are ten samples beyond, and the 99th."""
    known = [p for p in _PERCENTAGES if p <= 99 or len(seconds) * (100 - p) >= 1000]
    return tuple((float(p), float(np.percentile(seconds, p))) for p in known)


def _slope(sizes: NDArray[np.int_], seconds: NDArray[np.float64]) -> float:
    """Seconds of each further picture: the line through the medians of each size, which a few long ones do not bend."""
    known, counts = np.unique(sizes, return_counts=True)
    known = known[counts >= _FEW_OF_SIZE]
    if len(known) < 2:
        return 0.0
    middle = [np.median(seconds[sizes == size]) for size in known]
    return max(float(np.polyfit(known, middle, 1)[0]), 0.0)


def _picture(number: int) -> NDArray[np.uint8]:
    """A picture that says its number."""
    return np.frombuffer(number.to_bytes(3, "little"), np.uint8).reshape(1, 1, 3)


def _number(picture: NDArray[np.uint8]) -> int:
    return int.from_bytes(picture.tobytes(), "little")
