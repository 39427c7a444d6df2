"""Is what `lineside tune` chooses the best there is? Its choice against an exhaustive sweep of the same candidates, in turns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import frames
from frames import Row
from lineside import Detector
from lineside.core.errors import LinesideError
from lineside.core.placement import placements
from lineside.engine.hardware import usable_cores
from lineside.evaluation.tuning.candidates import Candidate, candidates, forms
from lineside.evaluation.tuning.measuring import Stopwatch
from lineside.evaluation.tuning.settings import TuneSettings
from lineside.evaluation.tuning.tune import Tuner

if TYPE_CHECKING:
    from lineside.evaluation.tuning.race import Burst

_DEVICES = "cpu,openvino:CPU"
_DEADLINE_S = 1.0  # the choice is one of speed here, whatever machine this is


def against_a_sweep(folder: Path, rounds: int, seconds: float) -> list[Row]:
    """The tuned choice's median beside the best of all candidates, and its tail beside itself, measured again.

    Args:
        folder: For the model.
        rounds: Turns of each candidate in the sweep, of ten runs.
        seconds: What the search may take.
    """
    path = Path(frames.model(folder, 640, 50, 8))
    pictures = frames.pictures(720, 1280)
    every = forms([path], placements(_DEVICES), [None])
    settings = TuneSettings(deadline_s=_DEADLINE_S, tolerance=0.05, budget_s=seconds)
    tuned = Tuner(path, every, settings, pictures, usable_cores()).run()
    if tuned.chosen is None:
        raise tuned.refusal()
    chosen = tuned.chosen.candidate
    found = _sweep(
        [one for form in every for one in candidates(form, cores=usable_cores(), batches=(1,))],
        chosen,
        Stopwatch(pictures),
        rounds,
    )
    medians = {one: float(np.median(times)) for one, times in found.items() if isinstance(one, Candidate)}
    best = min(medians, key=lambda one: medians[one])
    base = min(value for one, value in medians.items() if one.placement.provider == "cpu")
    share = medians[chosen] / medians[best]
    tails_ms = [float(np.percentile(found[half], 99)) * 1e3 for half in ("first half", "second half")]
    tail_ms = float(np.percentile(found[chosen], 99)) * 1e3
    return [
        Row(
            f"yolov8n: the tuned choice, {chosen.placement}, p50 / best of a sweep of {len(medians)}, {best.placement}",
            f"{share:.3f}",
            "at most 1.05",
            share <= 1.05,
        ),
        Row(
            "its p99 / the p99 of the same candidate measured twice beside it",
            f"{tail_ms:.1f} ms beside {tails_ms[0]:.1f} and {tails_ms[1]:.1f} ms",
            "within their spread, or 10 %",
            tail_ms <= max(tails_ms) * 1.1,
        ),
        Row(
            "the CPU provider's best p50 in float32 / the tuned choice's p50",
            f"{base / medians[chosen]:.2f}",
            "at least 1.7 where the CPU has bfloat16",
            base / medians[chosen] >= 1.7,
        ),
    ]


def _sweep(
    every: list[Candidate], chosen: Candidate, watch: Stopwatch, rounds: int
) -> dict[Candidate | str, list[float]]:
    """The latencies of every candidate that opens, and of the chosen one opened twice more, in turns."""
    entered: dict[Candidate | str, tuple[Candidate, Detector]] = {}
    names: list[Candidate | str] = [*every, "first half", "second half"]
    for name in names:
        candidate = chosen if isinstance(name, str) else name
        try:
            entered[name] = (
                candidate,
                Detector(candidate.form.path, devices=candidate.placement, demotion="require"),
            )
        except LinesideError as refusal:
            print(f"{candidate.name}: {refusal}")
    spent: dict[Candidate | str, list[float]] = {name: [] for name in entered}
    dice = np.random.default_rng(0)
    order = list(entered)
    for number in range(-1, rounds):
        for place in dice.permutation(len(order)):
            candidate, detector = entered[order[place]]
            burst: Burst = watch.burst(detector, detector.thresholds(), candidate.batch)
            if number >= 0:
                spent[order[place]].extend(burst.latencies_s)
    return spent
