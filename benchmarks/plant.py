"""How fast the plant draws: frames a second of 640x640 on one thread, for each product and camera."""

from __future__ import annotations

import argparse
from time import perf_counter, process_time

import cv2
import numpy as np

from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings

GOAL_FPS = 200.0


def spent_s(plant: Plant, camera: int, frames: int) -> tuple[float, float]:
    """Processor seconds of one frame, and the 99th percentile of one frame's time on the clock."""
    waited = []
    before = process_time()
    for number in range(frames):
        start = perf_counter()
        plant.render(number, camera)
        waited.append(perf_counter() - start)
    return (process_time() - before) / frames, float(np.percentile(waited, 99))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=480)
    parser.add_argument("--defects", type=float, default=0.3, help="share of the parts that have defects")
    settings = parser.parse_args()
    cv2.setNumThreads(1)
    # Processor seconds of the one thread: what a core gives when nobody else is on it.
    print(
        f"{'product':8} {'camera':6} {'start s':>8} {'frames/s':>9} {'p99 ms':>7}   goal {GOAL_FPS:g} frames/s"
    )
    for product in ("disc", "cap", "mixed"):
        before = process_time()
        plant = Plant(PlantSettings(product=product, defect_rate=settings.defects))
        plant.warm()
        start_s = process_time() - before
        for camera, name in enumerate(plant.camera_names):
            each_s, slow_s = spent_s(plant, camera, settings.frames)
            reached = "ok" if each_s * GOAL_FPS <= 1 else "MISSED"
            print(f"{product:8} {name:6} {start_s:8.2f} {1 / each_s:9.0f} {1e3 * slow_s:7.1f}   {reached}")


if __name__ == "__main__":
    main()
