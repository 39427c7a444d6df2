"""The pictures of a simulation as one PNG, drawn with matplotlib's objects: no window, no global state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import NotInstalledError, OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from lineside.dispatch.simulation.planning import LoadPoint
    from lineside.dispatch.simulation.record import Outcome

_INK, _FAINT, _GRID = "#222222", "#8a8f98", "#e4e6ea"
_BLUE, _ORANGE, _RED, _SHADE = "#0072b2", "#e69f00", "#c8371b", "#f3d9d3"
_DPI = 150
_MOST_ROWS = 32
_SHOWN_RUNS = 60  # of the busiest device, in the part of the timeline that is drawn
_BINS = 120


def library() -> None:
    """Say now whether pictures can be drawn.

    Raises:
        NotInstalledError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: F401 # only whether it is there
    except ModuleNotFoundError as missing:
        if missing.name != "matplotlib":
            raise
        raise NotInstalledError(
            "the plots of a simulation need the package matplotlib: pip install 'lineside[eval]'"
        ) from missing


def check_target(path: Path) -> None:
    """Say before a long run whether its picture can be drawn and written there.

    Raises:
        NotInstalledError: matplotlib is not installed.
        OutputError: It is no name of a PNG, or its folder cannot be written to.
    """
    library()
    why = ""
    if path.is_dir():
        why = "it is a folder"
    elif path.suffix.lower() != ".png":
        why = "expected a name that ends in .png"
    elif not path.parent.is_dir():
        why = f"there is no folder {path.parent}"
    elif path.exists() and not path.is_file():
        why = "it is no file"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "it may not be written to"
    if why:
        raise _unwritable(path, why)


def draw_plan(outcome: Outcome, loads: Sequence[LoadPoint], path: Path) -> None:
    """Latency over load, and the devices' timeline.

    Raises:
        NotInstalledError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    _draw(outcome, path, loads)


def draw_run(outcome: Outcome, path: Path) -> None:
    """Latency over time, and the devices' timeline.

    Raises:
        NotInstalledError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    _draw(outcome, path, None)


def _draw(outcome: Outcome, path: Path, loads: Sequence[LoadPoint] | None) -> None:
    library()
    from matplotlib.figure import Figure

    rows = min(len(outcome.scenario.devices), _MOST_ROWS)
    figure = Figure(figsize=(9, 4.6 + 0.32 * rows), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[3.4, 0.9 + 0.32 * rows])
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[:].set_color(_FAINT)
        axes.tick_params(colors=_INK, labelsize=8.5)
        axes.set_axisbelow(True)
        axes.grid(color=_GRID, lw=0.8)
    if loads is None:
        _over_time(upper, outcome)
    else:
        _over_load(upper, outcome, loads)
    _timeline(lower, outcome)
    try:
        figure.savefig(path, dpi=_DPI, facecolor="white", metadata={"Software": "lineside"})
    except (OSError, ValueError) as fault:
        raise _unwritable(path, fault) from fault


def _unwritable(path: Path, why: object) -> OutputError:
    return OutputError(f"{path}: the plot cannot be written: {why}")


def _over_load(axes: Axes, outcome: Outcome, loads: Sequence[LoadPoint]) -> None:
    fps = [point.fps for point in loads]
    axes.plot(fps, [p.figures.p99_s * 1e3 for p in loads], color=_ORANGE, lw=2, marker="o", ms=4, label="p99")
    axes.plot(fps, [p.figures.p50_s * 1e3 for p in loads], color=_BLUE, lw=2, marker="o", ms=4, label="p50")
    scenario = outcome.scenario
    top_ms = _deadlines(axes, outcome, [p.figures.p99_s * 1e3 for p in loads])
    axes.axvline(
        scenario.asked_fps, color=_FAINT, lw=1.5, label=f"asked for: {scenario.asked_fps:.0f} a second"
    )
    misses = axes.twinx()
    misses.spines[["top", "left"]].set_visible(False)
    misses.spines["right"].set_color(_RED)
    misses.tick_params(colors=_RED, labelsize=8.5)
    shares = [p.figures.misses * 100 for p in loads]
    misses.plot(fps, shares, color=_RED, lw=1.5, marker="s", ms=3)
    misses.set_ylim(0, max([*shares, 1]) * 1.1)
    misses.set_ylabel("not in time, %", color=_RED, fontsize=9)
    axes.set(xlabel="pictures a second", ylabel="picture to answer, ms", ylim=(0, top_ms))
    axes.legend(loc="upper left", fontsize=8.5, frameon=False, ncols=5)
    axes.set_title("Latency over load", loc="left", fontsize=12, fontweight="bold", color=_INK)


def _over_time(axes: Axes, outcome: Outcome) -> None:
    scenario = outcome.scenario
    edges = np.linspace(0, scenario.seconds, _BINS + 1)
    which = np.clip(np.digitize(outcome.arrived_s, edges) - 1, 0, _BINS - 1)
    took_ms = (outcome.answered_s - outcome.arrived_s) * 1e3
    in_time = outcome.kind == 0
    middle = (edges[:-1] + edges[1:]) / 2
    highest: list[float] = []
    for share, colour in ((99, _ORANGE), (50, _BLUE)):
        values = [
            np.percentile(chosen, share) if len(chosen := took_ms[in_time & (which == k)]) else np.nan
            for k in range(_BINS)
        ]
        axes.plot(middle, values, color=colour, lw=1.8, label=f"p{share}")
        highest += values
    frames = np.maximum(np.bincount(which, minlength=_BINS), 1)
    misses = np.bincount(which[~in_time], minlength=_BINS) / frames
    top_ms = _deadlines(axes, outcome, highest)
    axes.fill_between(
        middle,
        misses * top_ms,
        color=_RED,
        alpha=0.25,
        lw=0,
        label="share not in time (full height: all)",
    )
    axes.set(xlabel="virtual seconds", ylabel="picture to answer, ms", ylim=(0, top_ms))
    axes.set_xlim(0, scenario.seconds)
    axes.legend(loc="upper left", fontsize=8.5, frameon=False, ncols=5)
    axes.set_title("Latency over time", loc="left", fontsize=12, fontweight="bold", color=_INK)


def _deadlines(axes: Axes, outcome: Outcome, shown_ms: Sequence[float]) -> float:
    """Draw the deadlines that are near what is shown, so that a generous one does not make the rest flat; the height of the axis."""
    deadlines_ms = sorted({stream.deadline_s * 1e3 for stream in outcome.scenario.streams})
    highest_ms = max((value for value in shown_ms if np.isfinite(value)), default=0.0)
    top_ms = 1.25 * max(highest_ms, deadlines_ms[0])
    near = [deadline_ms for deadline_ms in deadlines_ms if deadline_ms <= top_ms]
    beyond = f" (others beyond, up to {deadlines_ms[-1]:g} ms)" if len(near) < len(deadlines_ms) else ""
    label = (
        f"deadline {', '.join(f'{ms:g}' for ms in near[:3])} ms{beyond}"
        if len(near) <= 3
        else f"deadlines{beyond}"
    )
    for place, deadline_ms in enumerate(near):
        axes.axhline(deadline_ms, color=_INK, lw=1, ls=(0, (4, 3)), label="" if place else label)
    return top_ms


def _timeline(axes: Axes, outcome: Outcome) -> None:
    """Runs as bars, the darker the bigger their batch; failed ones and the time out of service in red."""
    every = [device.name for device in outcome.scenario.devices]
    shown = np.linspace(0, len(every) - 1, min(len(every), _MOST_ROWS)).round().astype(int)
    names = [every[index] for index in shown]  # of too many some of every kind
    most = {device.name: device.times.max_batch for device in outcome.scenario.devices}
    from_s, to_s = _window(outcome)
    for row, name in enumerate(names):
        _out_of_service(axes, outcome, name, row, (from_s, to_s))
        runs = [s for s in outcome.segments if s.device == name and s.to_s > from_s and s.from_s < to_s]
        colours = [
            _RED if not s.ok else (0.0, 0.447, 0.698, 0.3 + 0.7 * s.size / most[name]) if s.size else _ORANGE
            for s in runs
        ]
        axes.broken_barh(
            [(s.from_s, s.to_s - s.from_s) for s in runs],
            (row - 0.36, 0.72),
            facecolors=colours,
            lw=0.3 if to_s - from_s < outcome.scenario.seconds else 0,
            edgecolors="white",
        )
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(from_s, to_s), ylim=(len(names) - 0.4, -0.6), xlabel="virtual seconds")
    axes.set_title(
        f"Devices{'' if len(names) == len(every) else f', {len(names)} of {len(every)}'}: runs (darker: bigger batches), "
        "probes in orange, out of service in red",
        loc="left", fontsize=10, fontweight="bold", color=_INK,
    )  # fmt: skip


def _window(outcome: Outcome) -> tuple[float, float]:
    """The whole run where something broke, else a part of it in which single runs can be seen."""
    seconds = outcome.scenario.seconds
    if outcome.scenario.faults or not outcome.segments:
        return 0.0, seconds
    busiest = max(device.batches for device in outcome.statistics.devices) or 1
    width_s = min(seconds, seconds * _SHOWN_RUNS / busiest)
    from_s = min(seconds / 4, outcome.segments[-1].to_s - width_s)
    return max(from_s, 0.0), max(from_s, 0.0) + width_s


def _out_of_service(axes: Axes, outcome: Outcome, name: str, row: int, window: tuple[float, float]) -> None:
    marks = [mark for mark in outcome.marks if mark.device == name]
    for k, mark in enumerate(marks):
        if mark.health in {"healthy", "suspect"}:
            continue
        until_s = marks[k + 1].at_s if k + 1 < len(marks) else window[1]
        axes.broken_barh([(mark.at_s, until_s - mark.at_s)], (row - 0.46, 0.92), facecolors=_SHADE, lw=0)
