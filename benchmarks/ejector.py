"""How late an ejector moves: from when a part is there until its output is on. By time, with nothing else and beside a busy thread.

The output takes the time of each switching and does nothing else; a driver's own delay comes on top.
"""

from __future__ import annotations

import argparse
import os
import random
import threading
from statistics import median
from time import monotonic, sleep

from lineside.core.verdict import Verdict
from lineside.line.ejecting import EjectorThread
from lineside.line.ejector import Ejector, EjectorSettings

_DELAY_S, _PULSE_S = 0.3, 0.02


class _Valve:
    def __init__(self) -> None:
        self.ons_s: list[float] = []

    def set(self, *, on: bool) -> None:
        if on:
            self.ons_s.append(monotonic())

    def close(self) -> None:
        pass


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=200)
    asked = parser.parse_args()
    print(f"{asked.parts} parts, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, ms\n")
    print("| beside it | p50 | p99 | latest |\n|---|---|---|---|")
    for name, busy in (("nothing", False), ("a thread of Python that never rests", True)):
        late_ms = sorted(one * 1e3 for one in _measured(asked.parts, busy=busy))
        p99 = late_ms[int(0.99 * (len(late_ms) - 1))]
        print(f"| {name} | {median(late_ms):.2f} | {p99:.2f} | {late_ms[-1]:.2f} |")


def _measured(parts: int, *, busy: bool) -> list[float]:
    valve, dice, over = _Valve(), random.Random(5), threading.Event()  # a pattern, no secret
    ejector = EjectorThread(
        Ejector(EjectorSettings(_DELAY_S, _PULSE_S), valve, note=lambda *_: None), note=lambda *_: None
    )
    spinner = threading.Thread(target=_spin, args=(over,))
    if busy:
        spinner.start()
    ejector.start()
    dues_s = []
    for part in range(parts):
        at_s = monotonic()
        ejector.expect(part, at_s)
        ejector.decide(part, Verdict.FAIL)
        dues_s.append(at_s + _DELAY_S)
        sleep(dice.uniform(2 * _PULSE_S, 4 * _PULSE_S))
    ejector.close()
    over.set()
    if busy:
        spinner.join()
    # A part that came while the ejector still moved for the one before has no pulse of its own.
    return [on_s - max(due for due in dues_s if due <= on_s) for on_s in valve.ons_s]


def _spin(over: threading.Event) -> None:
    while not over.is_set():
        sum(range(1000))


if __name__ == "__main__":
    main()
