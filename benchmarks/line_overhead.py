"""What a line adds to its detector: from a picture that is ready to the plant's answer that is written, over Modbus TCP on loopback.

The control is a process of its own. The detector is a model that sleeps for a known time, which is taken off; the floor beside it is the
same line without a link. Run it on a machine that is left alone: `python benchmarks/line_overhead.py --parts 2000`.

`--view` measures in turns what a view in a browser costs: none, one that nobody watches, one with a viewer, and a viewer who is stuck. Viewers are a
process of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import socket
import statistics
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.detections import Detections
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.dispatch.engine import Engine
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel
from lineside.judge.judge import Judge, open_rule
from lineside.line.board import Board
from lineside.line.events import Capture, FrameArrived
from lineside.line.loop import Loop
from lineside.line.parts import LoopSettings, Parts
from lineside.line.plant import Plant
from lineside.line.products import OneProduct, Product
from lineside.line.schedule import Schedule
from lineside.line.triggers import Asked, Timed
from lineside.outputs.plant.link import open_link
from lineside.outputs.view.place import Address
from lineside.outputs.view.scene import Scene, Watched
from lineside.outputs.view.server import ServerView
from lineside.outputs.view.settings import ViewSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.core.inspection import Inspection

SIZE = Size(height=720, width=1280)
NAMES = ("scratch", "dent")
RUN_S = 0.003


class Model:
    """Sleeps, sees one small object below every rule's threshold, and remembers how long each picture took it."""

    batches = False

    def __init__(self, took_s: list[float]) -> None:
        self._took_s = took_s

    def run(self, pictures: Any, asked: Any) -> list[Detections]:  # noqa: ARG002 # as every model
        """The same for each picture."""
        start = time.perf_counter()
        time.sleep(RUN_S)
        seen = Detections(
            np.array([[1, 1, 9, 9]], np.float32),
            np.array([0.2], np.float32),
            np.zeros(1, np.int32),
            NAMES,
            SIZE,
        )
        self._took_s.append(time.perf_counter() - start)
        return [seen] * len(pictures)

    def probe(self, count: int) -> None:
        """As long as a run."""
        time.sleep(RUN_S * count)

    def cancel(self) -> None:
        """It ends by itself."""


class Camera:
    """Answers each request with the same picture, at once, and remembers when."""

    is_tried = True

    def __init__(self, post: Any, ready_s: list[float]) -> None:
        self._post, self._ready_s = post, ready_s
        self._image = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)

    def start(self) -> None:
        """It is open."""

    def put(self, request: Capture) -> None:
        """Answer a request."""
        self._ready_s.append(time.perf_counter())
        frame = Frame(self._image, "top", request.part, part=request.part)
        self._post(FrameArrived(request.camera, request.part, frame))

    def stop(self) -> None:
        """It has no thread."""

    def join(self, timeout_s: float) -> bool:  # noqa: ARG002 # as every station
        """It has none."""
        return True


class TimedPlant(Plant):
    """A plant that remembers when each answer was written."""

    written_s: list[float]

    def answer(self, inspection: Inspection) -> None:
        """Write it, and look at the clock."""
        super().answer(inspection)
        self.written_s.append(time.perf_counter())


def control(port: int, parts: int, pace_s: float) -> None:
    """The control's program, in its own process."""
    from lineside.testing.plc.modbus import ModbusClientPlc
    from lineside.testing.plc.simulator import PlcSimulator

    peer = ModbusClientPlc()
    peer.attach(type("Link", (), {"port": port}))
    plc = PlcSimulator(peer)
    for number in range(1, parts + 1):
        plc.part_in_haste(number)
        time.sleep(pace_s)
    peer.close()


def viewer(port: int, is_stuck: bool, began: Any) -> None:  # noqa: FBT001 # what another process is given stands in its order
    """A browser's program, in its own process: it reads all that comes, or nothing."""
    with socket.socket() as one:
        if is_stuck:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", port))
        one.sendall(f"GET /stream/top.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        began.set()
        while is_stuck or one.recv(1 << 20):
            if is_stuck:
                time.sleep(60)


@contextmanager
def viewed(line: Loop, watching: str) -> Iterator[None]:
    """While the line runs there is a view of it, as `VIEWS` names it."""
    if watching == "no view":
        yield
        return
    about = Watched("bench", ("top",), lambda _: "", lambda _view, _product: (), dict)
    scene = Scene(about, clock=time.monotonic, old_s=5.0)
    server = ServerView(Address("127.0.0.1", 0), scene, ViewSettings(to="0"), note=lambda *_: None)
    line.hear(server.show)
    browsers = []
    if watching != "view":
        spawn = multiprocessing.get_context("spawn")
        began = spawn.Event()
        port = int(server.place.rstrip("/").rpartition(":")[2])
        browsers = [
            spawn.Process(target=viewer, args=(port, watching == "view, stuck viewer", began), daemon=True)
        ]
        browsers[0].start()
        began.wait(60)
    try:
        yield
    finally:
        server.close()
        for browser in browsers:
            browser.terminate()
            browser.join()


def measure(
    parts: int, *, with_link: bool, watching: str = "no view", pace_s: float = 0.0
) -> tuple[list[float], float]:
    """Overheads in milliseconds, and the share of parts that passed."""
    took_s: list[float] = []
    ready_s: list[float] = []
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    board = Board()
    crew = Crew(
        {
            "cpu": lambda post: ThreadWorker(
                "cpu", opener=lambda _: Model(took_s), post=post, clock=time.monotonic
            )
        }
    )
    engine = Engine.of(crew, Offer(WorkerModel("model", "none")), Fittings(note=board.post))
    judge = Judge(
        [open_rule({"kind": "forbid", "min_confidence": 0.4}, NAMES)], names=NAMES, cameras=("top",)
    )
    link = open_link({"kind": "modbus_server", "port": 0}) if with_link else None
    plant = TimedPlant([] if link is None else [link], post=inbox.put, note=board.post)
    plant.written_s = []
    line = Loop(
        Parts(
            views=("top",),
            stations={"top": Camera(inbox.put, ready_s)},
            products=OneProduct(Product("", judge, engine)),
            triggers=lambda start_s, seconds: (
                Asked() if with_link else Timed(Schedule(start_s, 6000, seconds))
            ),
            inbox=inbox,
            board=board,
            plant=plant,
            absence=engine.absence,
        ),
        LoopSettings(deadline_s=0.5),
    )
    is_ready = threading.Event()
    runner = threading.Thread(
        target=line.run, args=(None if with_link else parts / 100,), kwargs={"ready": is_ready.set}
    )
    with viewed(line, watching):
        runner.start()
        is_ready.wait(30)
        if link is not None:
            process = multiprocessing.get_context("spawn").Process(
                target=control, args=(link.port, parts, pace_s)
            )
            process.start()
            process.join()
            line.stop()
        runner.join()
    engine.close()
    overhead_ms = [
        (written - ready - took) * 1e3
        for written, ready, took in zip(plant.written_s, ready_s, took_s, strict=False)
    ]
    passed = line.statistics().verdicts
    return overhead_ms, next(iter(passed.values())) / max(sum(passed.values()), 1)


VIEWS = ("no view", "view", "view, viewer", "view, stuck viewer")


def compare_views(parts: int, turns: int) -> None:
    """Measure views in turns, ten to twenty parts a second, and print what each costs beside none."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in VIEWS}
    for turn in range(turns):
        for name in VIEWS[turn % len(VIEWS) :] + VIEWS[: turn % len(VIEWS)]:
            overhead_ms, _ = measure(parts, with_link=True, watching=name, pace_s=0.03)
            kept = overhead_ms[len(overhead_ms) // 20 :]
            found[name].append((statistics.median(kept), statistics.quantiles(kept, n=100)[98]))
            print(
                f"turn {turn + 1}: {name:20s} p50 {found[name][-1][0]:.3f} ms  p99 {found[name][-1][1]:.3f} ms",
                flush=True,
            )
    print(
        f"frame ready to answer written; Modbus TCP; {turns} turns of {parts} parts each, medians over the turns"
    )
    for name, each in found.items():
        p50, p99 = (statistics.median(column) for column in zip(*each, strict=True))
        spread = ", ".join(f"{a:.2f}/{b:.2f}" for a, b in each)
        print(f"{name:20s} p50 {p50:.3f} ms  p99 {p99:.3f} ms  (turns: {spread})")


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=1000)
    parser.add_argument("--view", action="store_true", help="what a view in a browser costs, in turns")
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    if asked.view:
        compare_views(asked.parts, asked.turns)
        return
    parts = asked.parts
    print(f"frame ready to answer written, without the detector's run; {parts} parts, 1280x720")
    for name, with_link in (("no link", False), ("Modbus TCP server", True)):
        overhead_ms, passed = measure(parts, with_link=with_link)
        kept = overhead_ms[len(overhead_ms) // 20 :]
        p50, p99 = statistics.median(kept), statistics.quantiles(kept, n=100)[98]
        print(
            f"{name:18s} p50 {p50:.3f} ms  p99 {p99:.3f} ms  worst {max(kept):.3f} ms  passed {passed:.1%}  n {len(kept)}"
        )


if __name__ == "__main__":
    main()
