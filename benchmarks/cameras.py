"""What cameras cost: CPU of network streams, age of their pictures, and the way of a picture through the feed.

    python benchmarks/cameras.py [--rounds 8] [--seconds 8] [--streams 4] [--engine opencv] [--only latency|cpu]

Latency: in each round ours, the rival and ours again, one after the other, on one server; both of ours count. CPU: windows of so many
seconds of all streams at once. Each figure is the median over them with its interval of 95 %, and a last line a goal says PASS, FAIL or
undecided; a machine that is too busy leaves it undecided. All of it takes some 5 minutes.

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
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from decision import sentence
from lineside.capture.camera import CameraSettings
from lineside.capture.feed import Feed
from lineside.core.delivery import Delivery
from lineside.testing.cameras import Picture, StubCamera
from video_peers import SYSTEM_PYTHON, RtspServer, read_clock_us

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.core.frame import Frame

LATENCY_MS = 70.0
CORES = 0.2

OPENING_S, OPENED = 60.0, 25  # every stream has sent so many pictures before anything is measured
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
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument(
        "--seconds", type=float, default=8, help="of a run of the latency, and of a window of the CPU"
    )
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--engine", default="opencv")
    parser.add_argument("--only", choices=["latency", "cpu"])
    arguments = parser.parse_args()
    verdicts = []
    if arguments.only != "cpu":
        hand_over()
        verdicts.append(latency(arguments.rounds, arguments.seconds, arguments.engine))
    if arguments.only != "latency":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "belt.h264"
            subprocess.run([SYSTEM_PYTHON, "-c", ENCODE, str(path)], check=True, timeout=300)
            how = (arguments.streams, arguments.rounds, arguments.seconds)
            verdicts.append(cpu(*how, arguments.engine, path))
    print("\n".join(verdicts))


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


def latency(rounds: int, seconds: float, engine: str) -> str:
    """Capture to array of a live 1080p25 stream, by the time that is drawn into each picture: the verdict."""
    ours, rival, apart = [], [], []
    with RtspServer("1920x1080", 25) as server:
        for _ in range(rounds):
            first = _middle(_ages_ms(server.address, seconds, engine))
            other = _middle(_rival_ages_ms(server.address, seconds / 2))
            again = _middle(_ages_ms(server.address, seconds, engine))
            ours += [one for one in (first, again) if one is not None]
            rival += [other] if other is not None else []
            apart += [abs(again - first)] if first is not None and again is not None else []
    if rival and apart:
        print(
            f"live 1080p25, p50 of a run: {engine} {statistics.median(ours):.1f} ms, two runs of one round "
            f"{statistics.median(apart):.1f} ms apart; OpenCV as it comes (rival) {statistics.median(rival):.1f} ms"
        )
    return sentence(f"capture to array of a live 1080p25 stream, {engine}, p50", ours, LATENCY_MS, " ms")


def _middle(ages_ms: list[float]) -> float | None:
    """The median of a run; `None` where hardly anything came."""
    return statistics.median(ages_ms) if len(ages_ms) >= 20 else None


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


def cpu(streams: int, rounds: int, seconds: float, engine: str, path: Path) -> str:
    """Cores of this process per stream of pre-encoded 1080p25, all at once: the verdict.

    Counted per picture, so that the figure holds where the machine is too busy for the full rate. How long decoding takes is the
    machine's and the stream's, so OpenCV alone decodes the same pictures in turns with it.
    """
    counts, lock = [0] * streams, Lock()

    def take(number: int) -> Callable[[Frame], None]:
        def on_frame(_frame: Frame) -> None:
            with lock:
                counts[number] += 1

        return on_frame

    cores: list[float] = []
    floors: list[float] = []
    with RtspServer("1920x1080", 25, "file", path) as server, ExitStack() as stack:
        feeds = [
            Feed(_settings(f"belt-{n}", server.address, engine), on_frame=take(n), on_event=print)
            for n in range(streams)
        ]
        for feed in feeds:
            stack.enter_context(feed)
        # A client that comes while the server already sends may need several tries; what that costs is none of the streams' cost.
        until_s = time.monotonic() + OPENING_S
        while min(counts) < OPENED and time.monotonic() < until_s:
            time.sleep(0.1)
        began, began_s = list(counts), time.monotonic()
        for _ in range(rounds):
            before, before_s = sum(counts), time.process_time()
            time.sleep(seconds)
            came, spent_s = sum(counts) - before, time.process_time() - before_s
            cores += [25 * spent_s / came] if came else []
            floors.append(25 * _decoding_s(path))
        spent_s = time.monotonic() - began_s
        rates = [(n - b) / spent_s for n, b in zip(counts, began, strict=True)]
        dropped = sum(feed.statistics().camera.dropped for feed in feeds)
    print(
        f"{streams} streams of 1080p25, {engine}: came at {', '.join(f'{rate:.1f}' for rate in rates)} fps; dropped {dropped}"
    )
    floor = statistics.median(floors)
    print(
        f"OpenCV alone decodes the file in {floor:.3f} cores at 25 fps; ours is {statistics.median(cores) / floor:.2f} times that"
    )
    what = f"cores a stream of 1080p25, {streams} at once, {engine}"
    return sentence(what, cores, CORES)


def _decoding_s(path: Path, count: int = 100) -> float:
    """Seconds of a core that OpenCV takes to read one of the pictures from the file, without a network: the floor."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        assert capture.read()[0]
        began_s = time.thread_time()
        for _ in range(count):
            assert capture.read()[0]
        return (time.thread_time() - began_s) / count
    finally:
        capture.release()


def _settings(name: str, address: str, engine: str) -> CameraSettings:
    return CameraSettings(name, address, delivery=Delivery.LATEST, features={"engine": engine})


if __name__ == "__main__":
    main()
