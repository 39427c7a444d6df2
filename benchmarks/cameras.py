"""What cameras cost: CPU of network streams, age of their pictures, and the way of a picture through the feed.

    python benchmarks/cameras.py [--seconds 20] [--streams 4] [--engine opencv]

Needs GStreamer's RTSP server (tests/video_peers.py says which packages). The server runs in processes of its own, and its pictures
for the CPU figure are encoded beforehand, so that the client alone is measured. The rival is OpenCV as it comes, with its own
number of decoding threads. Figures hold for one run on one machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lineside.capture.camera import CameraSettings
from lineside.capture.feed import Feed
from lineside.core.delivery import Delivery
from lineside.testing.cameras import Picture, StubCamera
from video_peers import SYSTEM_PYTHON, RtspServer, read_clock_us

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.core.frame import Frame

ENCODE = """
import sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
p = Gst.parse_launch("videotestsrc pattern=smpte horizontal-speed=7 num-buffers=250 ! video/x-raw,width=1920,height=1080,framerate=25/1 ! "
    "x264enc aud=true bitrate=6000 speed-preset=veryfast tune=zerolatency threads=1 key-int-max=25 ! "
    "video/x-h264,profile=main,stream-format=byte-stream ! filesink location=" + sys.argv[1])
p.set_state(Gst.State.PLAYING)
p.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
p.set_state(Gst.State.NULL)
"""


def main() -> None:
    """Measure all of it, or one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--engine", default="opencv")
    parser.add_argument("--only", choices=["latency", "cpu"])
    arguments = parser.parse_args()
    if arguments.only != "cpu":
        hand_over()
        latency(arguments.seconds, arguments.engine)
    if arguments.only == "latency":
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "belt.h264"
        subprocess.run([SYSTEM_PYTHON, "-c", ENCODE, str(path)], check=True, timeout=300)
        cpu(arguments.streams, arguments.seconds, arguments.engine, path)


def hand_over() -> None:
    """The way of a 1280x720 picture from the camera's `read` to `on_frame`: its time, and whether it is the same memory."""
    given: list[tuple[float, NDArray[np.uint8]]] = []
    taken: list[tuple[float, NDArray[np.uint8]]] = []

    class Timed(StubCamera):
        def read(self, timeout_s: float) -> Frame | None:
            time.sleep(0.005)
            frame = super().read(timeout_s)
            if frame is not None:
                given.append((time.perf_counter(), frame.image))
            return frame

    picture = Picture(shape=(720, 1280, 3))
    settings = CameraSettings("stub", "stub:")
    feed = Feed(
        settings,
        lambda settings: Timed(settings, rest=picture),
        on_frame=lambda frame: taken.append((time.perf_counter(), frame.image)),
        on_event=print,
    )
    with feed:
        time.sleep(3)
    spent_us = [1e6 * (end - begin) for (begin, _), (end, _) in zip(given, taken, strict=False)][20:]
    same = all(np.shares_memory(a, b) for (_, a), (_, b) in zip(given, taken, strict=False))
    print(
        f"hand-over 1280x720: p50 {np.percentile(spent_us, 50):.0f} us, p99 {np.percentile(spent_us, 99):.0f} us over "
        f"{len(spent_us)} pictures; the same memory: {same}"
    )


def latency(seconds: float, engine: str) -> None:
    """Capture to array of a live 1080p25 stream, by the time that is drawn into each picture."""
    with RtspServer("1920x1080", 25) as server:
        print(
            f"live 1080p25, capture to array, {engine}: {_percentiles(_ages_ms(server.address, seconds, engine))}"
        )
        print(f"  OpenCV as it comes (rival): {_percentiles(_rival_ages_ms(server.address, seconds / 2))}")


def _ages_ms(address: str, seconds: float, engine: str) -> list[float]:
    ages_ms: list[float] = []

    def take(frame: Frame) -> None:
        ages_ms.append(time.monotonic() * 1e3 - read_clock_us(frame.image) / 1e3)

    with Feed(_settings("one", address, engine), on_frame=take, on_event=print):
        time.sleep(seconds)
    return ages_ms[25:]


def _rival_ages_ms(address: str, seconds: float) -> list[float]:
    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG)
    ages_ms, until_s = [], time.monotonic() + seconds
    while time.monotonic() < until_s:
        is_read, image = capture.read()
        if not is_read:
            break
        ages_ms.append(time.monotonic() * 1e3 - read_clock_us(image) / 1e3)
    capture.release()
    return ages_ms[25:]


def cpu(streams: int, seconds: float, engine: str, path: Path) -> None:
    """Cores of this process per stream of pre-encoded 1080p25, all at once."""
    counts, lock = [0] * streams, Lock()

    def take(number: int) -> Callable[[Frame], None]:
        def on_frame(_frame: Frame) -> None:
            with lock:
                counts[number] += 1

        return on_frame

    with RtspServer("1920x1080", 25, "file", path) as server:
        feeds = [
            Feed(_settings(f"belt-{n}", server.address, engine), on_frame=take(n), on_event=print)
            for n in range(streams)
        ]
        for feed in feeds:
            feed.start()
        time.sleep(5)
        before, began_s, began_cpu_s = list(counts), time.monotonic(), time.process_time()
        time.sleep(seconds)
        spent_s, cores = time.monotonic() - began_s, time.process_time() - began_cpu_s
        rates = [(n - b) / spent_s for n, b in zip(counts, before, strict=True)]
        for feed in feeds:
            feed.stop()
        for feed in feeds:
            feed.join(5)
        # Per picture, so that the figure holds where the machine is too busy for the full rate.
        picture_ms = 1000 * cores / sum(n - b for n, b in zip(counts, before, strict=True))
        print(
            f"{streams} streams of 1080p25, {engine}: {picture_ms:.2f} ms of CPU a picture, {picture_ms * 25 / 1000:.3f} cores "
            f"a stream at 25 fps; came at {', '.join(f'{rate:.1f}' for rate in rates)} fps; dropped "
            f"{sum(feed.statistics().camera.dropped for feed in feeds)}"
        )


def _settings(name: str, address: str, engine: str) -> CameraSettings:
    return CameraSettings(name, address, delivery=Delivery.LATEST, features={"engine": engine})


def _percentiles(ages_ms: list[float]) -> str:
    if len(ages_ms) < 20:
        return f"only {len(ages_ms)} pictures came"
    return f"p50 {statistics.median(ages_ms):.1f} ms, p95 {np.percentile(ages_ms, 95):.1f} ms over {len(ages_ms)} pictures"


if __name__ == "__main__":
    main()
