"""What the outbox costs the verdict's path, with a sink that works and with one that hangs for the whole run.

    python benchmarks/outputs.py

Both are offered the same parts in turns, and the one with the working sink twice: two runs of the same show what the machine
itself changes from run to run.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.detections import Detections
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Verdict
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings

if TYPE_CHECKING:
    from lineside.outputs.parcel import Parcel

_SIZE = Size(height=720, width=1280)
_PICTURE = np.random.default_rng(0).integers(0, 255, (*_SIZE, 3), np.uint8)


class Working:
    """Takes everything at once."""

    def emit(self, _parcel: Parcel) -> None:
        """Nothing is done with it."""

    def close(self) -> None:
        """Nothing is open."""


class Hung:
    """Never comes back."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over

    def emit(self, _parcel: Parcel) -> None:
        """Waits until the benchmark is over."""
        self._over.wait()

    def close(self) -> None:
        """Nothing is open."""


def inspection(part: int) -> Inspection:
    """A part with one object; every tenth fails, and its picture is kept."""
    found = Detections(
        np.array([[10, 10, 200, 200]], np.float32),
        np.array([0.9], np.float32),
        np.array([0], np.int32),
        ("dent",),
        _SIZE,
    )
    verdict = Verdict.PASS if part % 10 else Verdict.FAIL
    view = View("top", Frame(_PICTURE, "top", part, part=part), found)
    return Inspection(part, verdict, None, "a dent", (view,), 0.0, 0.01, 0.1)


def one_round(outbox: DurableOutbox, first: int, count: int, pause_s: float) -> list[float]:
    """Seconds of each `offer`."""
    spent = []
    for part in range(first, first + count):
        made = inspection(part)
        started = time.perf_counter()
        outbox.offer(made, {"serial": str(part)})
        spent.append(time.perf_counter() - started)
        time.sleep(pause_s)
    return spent


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=12)
    reader.add_argument("--parts", type=int, default=150)
    reader.add_argument("--pause-ms", type=float, default=5.0)
    asked = reader.parse_args()
    over = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        sinks = {"works": Working(), "works, again": Working(), "hangs": Hung(over)}
        boxes = {
            name: DurableOutbox(
                Path(folder) / str(number),
                {"sink": sink},
                line="caps",
                run="r1",
                settings=OutboxSettings(capacity=1000),
            )
            for number, (name, sink) in enumerate(sinks.items())
        }
        spent: dict[str, list[float]] = {name: [] for name in boxes}
        for turn in range(asked.rounds):
            for name, outbox in boxes.items():
                spent[name] += one_round(outbox, turn * asked.parts, asked.parts, asked.pause_ms / 1e3)
        waiting = boxes["hangs"].statistics().sinks["sink"].waiting
        dropped = {name: outbox.statistics().dropped for name, outbox in boxes.items()}
        over.set()
        for outbox in boxes.values():
            outbox.close(30)
    base = np.percentile(spent["works"], (50, 99))
    print(f"{'the sink':14} {'p50 µs':>8} {'p99 µs':>8} {'p50':>7} {'p99':>7}  dropped")
    for name, values in spent.items():
        found = np.percentile(values, (50, 99))
        ratios = "".join(f" {value / first - 1:+7.1%}" for value, first in zip(found, base, strict=True))
        print(f"{name:14} {found[0] * 1e6:8.1f} {found[1] * 1e6:8.1f}{ratios}  {dropped[name]}")
    print(f"{waiting} results waited on disk for the sink that hangs")


if __name__ == "__main__":
    main()
