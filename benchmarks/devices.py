"""The same model on every device of this machine, in turns within one run: how many times as fast as the CPU provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

import frames
from frames import Row
from lineside import Detector
from lineside.core.errors import LinesideError

if TYPE_CHECKING:
    from pathlib import Path

# What a CPU with avx512_bf16 must reach on a graph of YOLOv8n's cost.
_GOALS = {("yolov8n", "openvino:CPU?precision=bf16"): 1.7}
_PLACEMENTS = ("cpu", "openvino:CPU", "openvino:CPU?precision=bf16")
_WARM_UP = 5


@dataclass(slots=True)
class _Candidate:
    """A model on a device, and the milliseconds of its runs."""

    title: str
    placement: str
    detector: Detector
    run_ms: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        return float(np.median(self.run_ms))


def against_the_cpu(folder: Path, rounds: int, threads: int) -> list[Row]:
    """Each model and device: its speed as a multiple of the CPU provider's with the same model in float32."""
    rows = []
    models = {
        "yolov8n": (frames.model(folder, 640, 50, 8), "cpu"),
        "shipped:plant": ("shipped:plant", "cpu"),
        "shipped:plant-int8": ("shipped:plant-int8", "shipped:plant"),
    }
    for title, (path, rival) in models.items():
        field_of = _candidates(title, path, threads)
        if rival == "shipped:plant":  # the same network in float32 is what int8 is taken instead of
            field_of = [*_candidates(rival, rival, threads)[:1], *field_of]
        _take_turns(field_of, rounds)
        base = field_of[0]
        for one in field_of[1:]:
            speed = base.p50_ms / one.p50_ms
            goal = _GOALS.get((title, one.placement))
            rows.append(
                Row(
                    f"{one.title} on {one.placement} against {base.title} on {base.placement}",
                    f"{speed:.2f} times as fast, {one.p50_ms:.1f} ms (p99 {np.percentile(one.run_ms, 99):.1f})",
                    "" if goal is None else f"at least {goal} where the CPU has bfloat16",
                    None if goal is None else speed >= goal,
                )
            )
    return rows


def _candidates(title: str, path: str | Path, threads: int) -> list[_Candidate]:
    found = []
    for placement in _PLACEMENTS:
        try:
            detector = Detector(path, devices=placement, threads=threads)
        except LinesideError as refusal:
            print(f"{title} on {placement}: {refusal}")
            continue
        if "bf16" in placement and detector.truth.precision != "bfloat16":
            print(f"{title} on {placement}: this CPU has no bfloat16")
            continue
        found.append(_Candidate(title, placement, detector))
    return found


def _take_turns(candidates: list[_Candidate], rounds: int) -> None:
    pictures = frames.pictures(720, 1280)
    order = np.random.default_rng(0)
    for number in range(-_WARM_UP, rounds):
        for k in order.permutation(len(candidates)):
            one = candidates[k]
            _, times = one.detector.timed(pictures[number % len(pictures)], one.detector.thresholds())
            if number >= 0:
                one.run_ms.append(times.run_s * 1e3)
