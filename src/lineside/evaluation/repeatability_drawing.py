"""A study as a drawing: verdicts, confidences and edges over the looks, as SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lineside.core.verdict import Verdict
from lineside.evaluation.repeatability import EDGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.evaluation.repeatability import StudiedObject, StudiedPart

_WIDTH, _HEIGHT, _LEFT, _GAP, _STRIP = 720, 96, 64, 34, 14
_MOST_OBJECTS = 12  # of a part; the surest ones come first
_COLOURS = {Verdict.PASS: "#2e9e5b", Verdict.FAIL: "#cc3b3b", Verdict.UNKNOWN: "#d9a514"}
_EDGE_COLOURS = ("#2a7ab8", "#d9772b", "#6a4fb3", "#2e9e5b")
_STYLE = "text{font:12px sans-serif;fill:#888}polyline{fill:none;stroke-width:1.2}"


def drawing(parts: Sequence[StudiedPart]) -> str:
    """One SVG: for each part its verdicts, and for each of its objects the confidence and how far each edge moved."""
    body: list[str] = []
    top = 20.0
    for part in parts:
        body.append(_verdicts(part, top))
        top += _STRIP + _GAP
        for one in part.objects[:_MOST_OBJECTS]:
            body.append(
                _panel(f"{one.view}: {one.name}, confidence", _confidence(one), part, top, (0.0, 1.0))
            )
            top += _HEIGHT + _GAP
            reach = max((abs(v) for _, values, _ in _edges(one) for v in values), default=0.0) or 1.0
            name = f"{one.view}: {one.name}, edges from their mean, px ({', '.join(EDGES)})"
            body.append(_panel(name, _edges(one), part, top, (-reach, reach)))
            top += _HEIGHT + _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {top:.0f}">'
        f"<style>{_STYLE}</style>{''.join(body)}</svg>\n"
    )


def _confidence(one: StudiedObject) -> list[tuple[tuple[int, ...], Sequence[float], str]]:
    return [(one.looks, one.confidences.tolist(), _EDGE_COLOURS[0])]


def _edges(one: StudiedObject) -> list[tuple[tuple[int, ...], Sequence[float], str]]:
    moved = one.boxes - one.boxes.mean(axis=0)
    return [(one.looks, moved[:, n].tolist(), colour) for n, colour in enumerate(_EDGE_COLOURS)]


def _verdicts(part: StudiedPart, top: float) -> str:
    wide = _WIDTH / len(part.looks)
    bars = "".join(
        f'<rect x="{_LEFT + n * wide:.2f}" y="{top}" width="{wide:.2f}" height="{_STRIP}" fill="{_COLOURS[look.verdict]}">'
        f"<title>look {n}: {look.verdict}</title></rect>"
        for n, look in enumerate(part.looks)
    )
    said = f"{part.name}: {part.agreeing} of {len(part.looks)} looks agree"
    return f'<text x="{_LEFT}" y="{top - 5}">{escape(said)}</text>{bars}'


def _panel(
    name: str,
    curves: Sequence[tuple[tuple[int, ...], Sequence[float], str]],
    part: StudiedPart,
    top: float,
    bounds: tuple[float, float],
) -> str:
    low, high = bounds
    step = _WIDTH / max(len(part.looks) - 1, 1)

    def at(look: int, value: float) -> str:
        return f"{_LEFT + look * step:.1f},{top + _HEIGHT * (high - value) / (high - low):.1f}"

    lines = "".join(
        f'<polyline stroke="{colour}" points="{" ".join(map(at, looks, values))}"/>'
        for looks, values, colour in curves
    )
    return (
        f'<text x="{_LEFT}" y="{top - 5}">{escape(name)}</text>'
        f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{_LEFT - 6}" y="{top + _HEIGHT}" text-anchor="end">{low:.3g}</text>'
        f'<path d="M{_LEFT} {top}V{top + _HEIGHT}H{_LEFT + _WIDTH}" fill="none" stroke="#888"/>{lines}'
    )
