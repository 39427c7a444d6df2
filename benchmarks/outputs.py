"""What the outbox costs the verdict's path, with a sink that works and with one that hangs for the whole run.

    python benchmarks/outputs.py

All are offered the same parts in rounds, and the working sink twice: what two runs of the same differ is what the machine itself does.
The order changes from round to round. Each figure is the median over the rounds with its interval of 95 %; a last line a goal says PASS,
FAIL or undecided, and a machine that is too busy leaves it undecided. It takes some 3 minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from decision import sentence
from lineside.core.detections import Detections
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Verdict
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.parcel import Parcel

    Figures = list[tuple[float, float]]

WORKS, AGAIN, HANGS = "works", "works, again", "hangs"

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


def rounds(boxes: Mapping[str, DurableOutbox], count: int, parts: int, pause_s: float) -> dict[str, Figures]:
    """The p50 and the p99 of each round in seconds, by the sink."""
    found: dict[str, Figures] = {name: [] for name in boxes}
    names = list(boxes)
    for turn in range(count):
        for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
            spent = one_round(boxes[name], turn * parts, parts, pause_s)
            found[name].append((float(np.percentile(spent, 50)), float(np.percentile(spent, 99))))
    return found


def verdicts(found: Mapping[str, Figures]) -> list[str]:
    """A line for each goal.

    The hung sink is held against the mean of both runs with the working one, round by round. What those two differ from each other,
    in the median of the rounds, is what the p99 may change.
    """
    works, again, hangs = (np.asarray(found[name]) for name in (WORKS, AGAIN, HANGS))
    change = hangs / np.sqrt(works * again) - 1
    noise = float(np.median(np.maximum(works, again)[:, 1] / np.minimum(works, again)[:, 1]) - 1)
    return [
        sentence("a hung sink changes the p50 by", (100 * change[:, 0]).tolist(), 5.0, " %"),
        sentence("a hung sink changes the p99 by", (100 * change[:, 1]).tolist(), 100 * noise, " %"),
    ]


def main() -> None:
    """Print the table, then the verdicts."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=24)
    reader.add_argument("--parts", type=int, default=400)
    reader.add_argument("--pause-ms", type=float, default=5.0)
    asked = reader.parse_args()
    over = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        sinks = {WORKS: Working(), AGAIN: Working(), HANGS: Hung(over)}
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
        found = rounds(boxes, asked.rounds, asked.parts, asked.pause_ms / 1e3)
        waiting = boxes[HANGS].statistics().sinks["sink"].waiting
        dropped = {name: outbox.statistics().dropped for name, outbox in boxes.items()}
        over.set()
        for outbox in boxes.values():
            outbox.close(30)
    print(f"{'the sink':14} {'p50 µs':>8} {'p99 µs':>8}  dropped")
    for name, figures in found.items():
        p50, p99 = np.median(figures, axis=0) * 1e6
        print(f"{name:14} {p50:8.1f} {p99:8.1f}  {dropped[name]}")
    print(f"{waiting} results waited on disk for the sink that hangs")
    print("\n".join(verdicts(found)))


if __name__ == "__main__":
    main()
