"""Machine-vision formats to BGR, against OpenCV's own conversion of the same picture with 8 bits: what unpacking adds.

`python benchmarks/pixels.py` prints every format; `make bench` takes the common ones. Both take turns in one run, on one thread.
"""

from __future__ import annotations

from time import thread_time
from typing import TYPE_CHECKING

import cv2
import numpy as np

from frames import Row
from lineside import Size
from lineside.capture.pixels.convert import convert
from lineside.capture.pixels.formats import Kind, names, pixel_format

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = Size(height=1080, width=1920)
GOALS = {"BayerRG8": 1.15, "BayerRG12": 1.8, "BayerRG12p": 2.8, "BayerRG12Packed": 2.5}
"""How many times OpenCV's own time a format may take at most."""


def against_opencv(rounds: int) -> list[Row]:
    """The common formats, with goals."""
    rows = []
    for name, goal in GOALS.items():
        own_ms, plain_ms = _medians(name, rounds)
        share = own_ms / plain_ms
        figure = f"{name} of 1920x1080 to BGR / OpenCV's own from 8 bits"
        rows.append(Row(figure, f"{share:.2f} ({own_ms:.2f} ms)", f"at most {goal:g}", share <= goal))
    return rows


def _medians(name: str, rounds: int) -> tuple[float, float]:
    """Milliseconds of our conversion and of OpenCV's, on the processor: what else it does is not counted."""
    form = pixel_format(name)
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 256, form.size_bytes(SIZE), dtype=np.uint8)
    plane = rng.integers(0, 256, SIZE, dtype=np.uint8)
    code = cv2.COLOR_BayerRGGB2BGR if form.kind is Kind.BAYER else cv2.COLOR_GRAY2BGR
    field: list[Callable[[], object]] = [lambda: convert(raw, form, SIZE), lambda: cv2.cvtColor(plane, code)]
    times = np.empty((rounds, len(field)))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for i in range(-3, rounds):
        for k, work in enumerate(field):
            before = thread_time()
            work()
            if i >= 0:
                times[i, k] = thread_time() - before
    cv2.setNumThreads(threads)
    own, plain = np.median(times, axis=0) * 1e3
    return float(own), float(plain)


def main() -> None:
    """Print every format."""
    print(f"{'format':24} {'ms':>7} {'OpenCV ms':>10} {'ratio':>6}   (1920x1080, one thread)")
    for name in names():
        own_ms, plain_ms = _medians(name, 15)
        print(f"{name:24} {own_ms:7.2f} {plain_ms:10.2f} {own_ms / plain_ms:6.2f}")


if __name__ == "__main__":
    main()
