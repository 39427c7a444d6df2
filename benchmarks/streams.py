"""Several callers and several sessions that share one CPU."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from contenders import bare_session
from frames import Row, model, pictures
from lineside import Detector

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STREAMS = 4


def four_streams(folder: Path, seconds: float, repeats: int) -> list[Row]:
    """Frames a second of four threads, against the best arrangement of bare sessions."""
    path = model(folder, 320, 50, 8)
    ready = np.random.default_rng(0).random((1, 3, 320, 320), np.float32)
    frames = pictures(720, 1280, _STREAMS)
    shared, own = bare_session(path, 1), [bare_session(path, 1) for _ in range(2)]
    detector = Detector(path, threads=1)
    ways: dict[str, Callable[[int], object]] = {
        "one bare session, 1 thread a run": lambda _: shared.run(None, {"images": ready}),
        "two bare sessions, 1 thread a run": lambda i: own[i % 2].run(None, {"images": ready}),
        "lineside, Detector(threads=1)": lambda i: detector(frames[i]),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    fair: list[float] = []
    for _ in range(repeats):
        for name, way in ways.items():
            counts, spent = _run(way, seconds)
            rates[name].append(sum(counts) / spent)
            if name.startswith("lineside"):
                fair.append(min(counts) / max(counts))
    medians = {name: float(np.median(v)) for name, v in rates.items()}
    ours = medians.pop("lineside, Detector(threads=1)")
    best = max(medians, key=lambda n: medians[n])
    share, slowest = ours / medians[best], float(np.median(fair))
    return [
        Row(
            f"{_STREAMS} threads, 320 px: frames a second",
            f"{ours:.0f}, {share:.2f} of the best bare arrangement ({best}: {medians[best]:.0f})",
            "at least 0.90",
            share >= 0.9,
        ),
        Row(
            f"{_STREAMS} threads: slowest stream / fastest", f"{slowest:.2f}", "at least 0.9", slowest >= 0.9
        ),
    ]


def _run(way: Callable[[int], object], seconds: float) -> tuple[list[int], float]:
    counts = [0] * _STREAMS
    start = perf_counter()

    def loop(number: int) -> None:
        while perf_counter() - start < seconds:
            way(number)
            counts[number] += 1

    threads = [threading.Thread(target=loop, args=(n,)) for n in range(_STREAMS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts, perf_counter() - start


def second_session(folder: Path, rounds: int, threads: int) -> list[Row]:
    """What a second loaded detector, used in turn, costs the first."""
    path = model(folder, 320, 50, 8)
    frame = pictures(720, 1280, 1)[0]
    first, second = Detector(path, threads=threads), Detector(path, threads=threads)
    alone, beside = [], []
    for _ in range(5):
        first(frame)
        second(frame)
    for _ in range(rounds):
        for kept, between in ((alone, first), (beside, second)):
            between(frame)
            start = perf_counter()
            first(frame)
            kept.append(perf_counter() - start)
    ratio = float(np.median(beside) / np.median(alone))
    return [Row("a second session in use slows the first", f"{ratio - 1:+.1%}", "at most 10 %", ratio <= 1.1)]
