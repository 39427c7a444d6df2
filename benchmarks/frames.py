"""One picture through the whole detector, against the floor, in one interleaved run."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import contenders
from contenders import Contender, Image
from lineside import Detector, Size
from lineside.testing.graphs import planted

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: a figure, what was measured, and what it must reach."""

    figure: str
    measured: str
    goal: str
    is_met: bool | None


def pictures(height: int, width: int, count: int = 6) -> list[Image]:
    """Different noisy pictures, so that no cache helps more than on a line."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def model(folder: Path, size: int, candidates: int, objects: int) -> Path:
    """A graph of YOLOv8n's true cost with planted candidates."""
    path = folder / f"planted-{size}-{candidates}.onnx"
    if not path.exists():
        graph = planted(candidates, objects, size=Size(height=size, width=size)).model
        path.write_bytes(graph.SerializeToString())
    return path


def end_to_end(folder: Path, size: int, goal: float, rounds: int, threads: int) -> list[Row]:
    """(pre + post) / bare run on 1280x720 frames with 50 candidates, each contender in turn."""
    path = model(folder, size, 50, 8)
    field = [
        contenders.floor(path, size, threads),
        contenders.lineside(path, threads),
        contenders.usual_script(path, size, threads),
        *contenders.rivals(path),
    ]
    boxes = _interleave(field, rounds)
    if len({n for n in boxes.values() if n >= 0}) != 1:
        raise SystemExit(f"the contenders disagree about the number of boxes: {boxes}")
    base = float(np.median(field[0].total_s))
    rows = []
    for one in field[1:]:
        share = float(np.median(one.outside_s)) / base
        whole = float(np.median(one.total_s)) / base - 1
        own = one.name == "lineside"
        rows.append(
            Row(
                f"{size} px, 1280x720, 50 candidates: {one.name}",
                f"(pre + post) / floor {share:.1%}, total {whole:+.1%} on {base * 1e3:.1f} ms",
                f"at most {goal:.0%}" if own else "",
                share <= goal if own else None,
            )
        )
    return rows


def _interleave(field: list[Contender], rounds: int) -> dict[str, int]:
    # Each has pictures of its own: nobody finds one in the cache that another has just read.
    frames = [pictures(720, 1280) for _ in field]
    for one, own in zip(field, frames, strict=True):
        for _ in range(5):
            one.once(own[0], count=False)
    boxes = {}
    order = np.random.default_rng(0)
    for i in range(rounds):
        # In another order each round: nobody always runs behind the same one's caches.
        for k in order.permutation(len(field)):
            boxes[field[k].name] = field[k].once(frames[k][i % len(frames[k])])
    return boxes


def in_situ(folder: Path, rounds: int, threads: int) -> list[Row]:
    """Stages right after a real run, when the caches hold the model and not the picture."""
    rows = []
    for candidates, objects, goal in ((50, 8, 0.6), (3000, 100, 2.0)):
        _, post, _ = _stages(model(folder, 640, candidates, objects), pictures(720, 1280), rounds, threads)
        rows.append(_stage(f"decode, NMS, restore of 84x8400, {candidates} candidates", post, goal))
    path = model(folder, 640, 50, 8)
    for height, width, goal in ((720, 1280, 0.45), (1080, 1920, 0.9)):
        pre, _, faults = _stages(path, pictures(height, width), rounds, threads)
        rows.append(_stage(f"preprocessing {width}x{height} to 640", pre, goal))
    rows.append(Row("page faults a frame in the steady state", f"{faults:.2f}", "0", faults < 0.5))
    return rows


def _stages(
    path: Path, frames: list[Image], rounds: int, threads: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Milliseconds of preprocessing and postprocessing, and page faults a frame."""
    detector = Detector(path, threads=threads)
    settings = detector.thresholds()
    for image in frames:
        detector.timed(image, settings)
    pre, post = np.empty(rounds), np.empty(rounds)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for i in range(rounds):
        _, times = detector.timed(frames[i % len(frames)], settings)
        pre[i], post[i] = times.preprocess_s * 1e3, times.postprocess_s * 1e3
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return pre, post, faults / rounds


def _stage(name: str, ms: NDArray[np.float64], goal_ms: float) -> Row:
    p50, p10, p99 = np.percentile(ms, (50, 10, 99))
    text = f"p50 {p50:.2f} ms (p10 {p10:.2f}, p99 {p99:.2f})"
    return Row(f"in situ: {name}", text, f"at most {goal_ms} ms", bool(p50 <= goal_ms))
