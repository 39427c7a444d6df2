"""What `soak.py` prints and draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soak import Log, Sample

_CURVES = (
    ("memory_mib", "memory, MiB"),
    ("threads", "threads"),
    ("files", "open files"),
    ("spool_mib", "outbox on disk, MiB"),
    ("trace_mib", "trace on disk, MiB"),
    ("parts", "parts answered"),
)
_RAISED = {"memory_mib"}  # a growth of some MiB would not be seen from 0 on
_ROWS = 10
_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 90, 70, 24


def table(samples: Sequence[Sample], log: Log, grown: Mapping[str, float]) -> str:
    """Some moments of the run, then what came of it."""
    if not samples:
        return "no samples"
    step = max(len(samples) // _ROWS, 1)
    picked = [*samples[::step], *samples[-1:]]
    lines = ["| s | " + " | ".join(name for _, name in _CURVES) + " |", "|---|" + "---|" * len(_CURVES)]
    for one in picked:
        cells = " | ".join(
            f"{getattr(one, key):.10g}" if isinstance(getattr(one, key), int) else f"{getattr(one, key):.1f}"
            for key, _ in _CURVES
        )
        lines.append(f"| {one.at_s:.0f} | {cells} |")
    end = samples[-1]
    lines += [
        "",
        f"{end.parts} parts in {end.at_s:.0f} s, {60 * end.parts / max(end.at_s, 1e-9):.0f} a minute",
        "grown after the warm-up: " + ", ".join(f"{name} {by:+.1f}" for name, by in grown.items()),
        *(
            f"told {count} times: {code}, at last: {log.sentences[code]}"
            for code, count in log.events.items()
        ),
        f"the line's end: {log.end}",
    ]
    return "\n".join(lines)


def curves(samples: Sequence[Sample], warm_up_s: float) -> str:
    """An SVG with a curve for each figure; the warm-up is grey."""
    panels = [_panel(samples, key, name, number, warm_up_s) for number, (key, name) in enumerate(_CURVES)]
    height = len(_CURVES) * (_HEIGHT + _TOP + 10)
    style = "text{font:12px sans-serif;fill:#888}polyline{fill:none;stroke:#2a7ab8;stroke-width:1.5}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}">'
        f"<style>{style}</style>{''.join(panels)}</svg>\n"
    )


def _panel(samples: Sequence[Sample], key: str, name: str, number: int, warm_up_s: float) -> str:
    floor = number * (_HEIGHT + _TOP + 10) + _TOP
    values = [float(getattr(one, key)) for one in samples] or [0.0]
    ends_s = max((one.at_s for one in samples), default=1.0)
    bottom = math.floor(min(values) / 20) * 20 if key in _RAISED else 0.0
    top = bottom + (max(values) - bottom) * 1.1 or 1.0

    def x(at_s: float) -> float:
        return _LEFT + _WIDTH * at_s / ends_s

    def y(value: float) -> float:
        return floor + _HEIGHT * (1 - (value - bottom) / (top - bottom))

    points = " ".join(f"{x(one.at_s):.1f},{y(v):.1f}" for one, v in zip(samples, values, strict=False))
    return (
        f'<rect x="{_LEFT}" y="{floor}" width="{x(min(warm_up_s, ends_s)) - _LEFT:.1f}" height="{_HEIGHT}" fill="#8882"/>'
        f'<path d="M{_LEFT} {floor}V{floor + _HEIGHT}H{_LEFT + _WIDTH}" fill="none" stroke="#888"/>'
        f'<text x="{_LEFT}" y="{floor - 6}">{name}</text>'
        f'<text x="{_LEFT - 6}" y="{floor + 10}" text-anchor="end">{top:.{int(top < 100)}f}</text>'
        f'<text x="{_LEFT - 6}" y="{floor + _HEIGHT}" text-anchor="end">{bottom:g}</text>'
        f'<text x="{_LEFT + _WIDTH}" y="{floor + _HEIGHT + 13}" text-anchor="end">{ends_s:.0f} s</text>'
        f'<polyline points="{points}"/>'
    )
