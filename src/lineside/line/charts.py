"""Charts of a run as inline SVG. Colours are the page's style classes, so they follow its light or dark dress."""

from __future__ import annotations

import math
from collections import Counter
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.verdict import Verdict
from lineside.line.statistics import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.line.record import PartRow

_WIDTH = 880
_LEFT, _RIGHT, _FIGURES = 96, 20, 190
_COLUMN_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_COLUMNS = 60
_FEWEST_PARTS = 3  # in a column, on average; with fewer its height would tell of the rate, not of the parts
_BINS = 56


def verdicts_over_time(
    rows: Sequence[PartRow], *, seconds: float, fault: tuple[str, float, float] | None = None
) -> str:
    """Verdicts as stacked columns over the run's time, with the time of a fault shaded.

    Args:
        rows: The parts.
        seconds: Length of the run.
        fault: Name, begin and end of what was broken, in seconds since the first part.
    """
    narrowest_s = max(seconds / _MOST_COLUMNS, _FEWEST_PARTS * seconds / max(len(rows), 1))
    width_s = next((w for w in _COLUMN_S if narrowest_s <= w <= seconds), seconds)
    columns = max(math.ceil(seconds / width_s), 1)
    counts = Counter((min(int(row.at_s // width_s), columns - 1), row.verdict) for row in rows)
    highest = max((sum(counts[c, v] for v in Verdict) for c in range(columns)), default=0) or 1
    height, floor, top = 232, 200, 40
    unit = (floor - top) / highest
    step = (_WIDTH - _LEFT - _RIGHT) / columns
    pixels_a_second = step / width_s
    body = []
    if fault is not None:
        name, begin_s, end_s = fault
        left, wide = _LEFT + begin_s * pixels_a_second, (end_s - begin_s) * pixels_a_second
        body.append(_rect(left, top - 14, wide, floor - top + 14, "shade"))
        body.append(_text(left + 5, top - 3, f"fault: {name}", "small"))
    body += _levels(highest, floor, unit)
    for column in range(columns):
        y = float(floor)
        for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN):
            tall = counts[column, verdict] * unit
            if tall:
                y -= tall
                tip = f"{column * width_s:g} s: {counts[column, verdict]} {verdict}"
                body.append(_rect(_LEFT + column * step + 1, y, step - 2, tall, verdict.lower(), tip))
    body += _seconds_axis(seconds, floor, pixels_a_second)
    body.append(_text(_LEFT - 88, top - 24, f"parts in {width_s:g} s", "small"))
    return _svg(height, "Verdicts over time", body)


def stage_times(rows: Sequence[PartRow], *, deadline_s: float) -> str:
    """How long each stage took: a histogram for each, on one logarithmic axis, with median, p99 and the deadline.

    Args:
        rows: The parts.
        deadline_s: Seconds from trigger to deadline.
    """
    times = {
        stage: np.array([s for row in rows for s in row.seconds.get(stage, ())], np.float64) * 1e3
        for stage in STAGES
    }
    known = {stage: np.maximum(ms, 1e-3) for stage, ms in times.items() if ms.size}
    deadline_ms = deadline_s * 1e3
    lowest = min((float(ms.min()) for ms in known.values()), default=deadline_ms / 10)
    largest = max((float(ms.max()) for ms in known.values()), default=deadline_ms)
    low = math.floor(math.log10(lowest))
    high = math.log10(max(deadline_ms, largest) * 1.3)
    row_px, top = 54, 26
    floor = top + row_px * len(known)
    scale = (_WIDTH - _LEFT - _FIGURES) / (high - low)

    def x(ms: float) -> float:
        return _LEFT + (math.log10(ms) - low) * scale

    body = []
    for power in range(low, math.floor(high) + 1):
        body.append(_line(x(10.0**power), top, x(10.0**power), floor, "grid"))
        body.append(_text(x(10.0**power), floor + 18, f"{10.0**power:g} ms", "small middle"))
    for number, (stage, ms) in enumerate(known.items()):
        body += _histogram(stage, ms, top + row_px * (number + 1), row_px - 12, (low, high, scale))
    body.append(_line(x(deadline_ms), top - 8, x(deadline_ms), floor, "deadline"))
    body.append(_text(x(deadline_ms) - 5, top - 10, f"deadline {deadline_ms:g} ms", "small end"))
    return _svg(floor + 30, "Time of each stage", body)


def truth_against_verdict(matrix: Mapping[Verdict, Mapping[Verdict, int]]) -> str:
    """Parts by truth and verdict, as a grid of counts; what must not be is framed.

    Args:
        matrix: Parts by truth, then by verdict.
    """
    wide, tall, left, top = 150, 52, 190, 46
    body = [
        _text(left + 1.5 * wide, 16, "verdict", "small middle"),
        _text(8, top + 1.5 * tall, "truth", "small"),
    ]
    names = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.UNKNOWN: "either (too small)"}
    for column, verdict in enumerate(Verdict):
        body.append(_text(left + (column + 0.5) * wide, 38, str(verdict), "middle"))
    for line, truth in enumerate(Verdict):
        total = sum(matrix[truth].values())
        y = top + line * tall
        body.append(_text(left - 12, y + tall / 2 + 5, names[truth], "end"))
        for column, verdict in enumerate(Verdict):
            count = matrix[truth][verdict]
            share = count / total if total else 0.0
            x = left + column * wide
            body.append(_rect(x + 2, y + 2, wide - 4, tall - 4, "cell"))
            body.append(
                f'<rect x="{x + 2}" y="{y + 2}" width="{wide - 4}" height="{tall - 4}" rx="4" '
                f'class="{verdict.lower()}" opacity="{0.12 + 0.68 * share if count else 0:.2f}"/>'
            )
            wrong = {(Verdict.FAIL, Verdict.PASS): "escape", (Verdict.PASS, Verdict.FAIL): "overkill"}.get(
                (truth, verdict)
            )
            if wrong:
                body.append(_rect(x + 2, y + 2, wide - 4, tall - 4, "frame"))
            label = f"{count} {wrong}{'' if count == 1 else 's'}" if wrong else str(count)
            body.append(_text(x + wide / 2, y + tall / 2 + 5, label, "middle strong"))
    return _svg(top + 3 * tall + 8, "Verdict against truth", body, width=left + 3 * wide + 8)


def _histogram(
    stage: str, ms: np.ndarray, floor: float, tall: float, axis: tuple[float, float, float]
) -> list[str]:
    low, high, scale = axis
    edges = np.linspace(low, high, _BINS + 1)
    counts, _ = np.histogram(np.log10(ms), bins=edges)
    unit = tall / max(int(counts.max()), 1)
    wide = (high - low) * scale / _BINS
    body = [_line(_LEFT, floor, _WIDTH - _FIGURES, floor, "axis"), _text(_LEFT - 10, floor - 6, stage, "end")]
    for number, count in enumerate(counts.tolist()):
        if count:
            tip = f"{10 ** edges[number]:.3g} to {10 ** edges[number + 1]:.3g} ms: {count}"
            body.append(
                _rect(_LEFT + number * wide, floor - count * unit, wide - 1, count * unit, "bar", tip)
            )
    for share, name in ((50, "p50"), (99, "p99")):
        value = float(np.percentile(ms, share))
        at = _LEFT + (math.log10(value) - low) * scale
        body.append(_line(at, floor - tall, at, floor, name))
    p50, p99 = np.percentile(ms, (50, 99)).tolist()
    body.append(_text(_WIDTH - _FIGURES + 14, floor - 6, f"p50 {p50:.3g} · p99 {p99:.3g} ms", "small"))
    return body


def _levels(highest: int, floor: float, unit: float) -> list[str]:
    """Horizontal lines at whole numbers of parts."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, highest) if highest / s <= 4)
    body = []
    for level in range(0, highest + 1, step):
        y = floor - level * unit
        body.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, "axis" if level == 0 else "grid"))
        body.append(_text(_LEFT - 8, y + 4, str(level), "small end"))
    return body


def _seconds_axis(seconds: float, floor: float, pixels_a_second: float) -> list[str]:
    step = next((s for s in _COLUMN_S if seconds / s <= 10), seconds / 10)
    body = []
    for number in range(math.floor(seconds / step + 1e-9) + 1):
        x = _LEFT + number * step * pixels_a_second
        body.append(_line(x, floor, x, floor + 5, "axis"))
        body.append(_text(x, floor + 20, f"{number * step:g} s", "small middle"))
    return body


def _svg(height: float, title: str, body: Sequence[str], *, width: float = _WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{width:g}px">' + "".join(body) + "</svg>"
    )


def _rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    shape = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" class="{kind}"'
    )
    return f"{shape}><title>{escape(tip)}</title></rect>" if tip else f"{shape}/>"


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'
