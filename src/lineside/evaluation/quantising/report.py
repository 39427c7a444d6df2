"""The files of a quantised model: itself, its facts set by hand, and the report beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lineside.core.errors import NotInstalledError
from lineside.evaluation.quantising.outcome import document
from lineside.models import shipped
from lineside.outputs.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lineside.evaluation.quantising.outcome import Outcome


def write(outcome: Outcome, target: Path, source: str | Path) -> list[Path]:
    """The files that were written, the model first; each appears whole or not at all.

    Args:
        outcome: The quantised model.
        target: Where it shall lie; `NAME.report.json`, `NAME.report.md` and, with matplotlib, `NAME.report.png` beside it.
        source: The float model. A `.toml` beside it is copied, where the target has none.

    Raises:
        OutputError: A file cannot be written.
    """
    with replacing(target) as path:
        path.write_bytes(outcome.data)
    written = [target]
    facts = shipped.resolve(source).with_suffix(".toml")
    beside = target.with_suffix(".toml")
    if facts.is_file() and not beside.exists():
        with replacing(beside) as path:
            path.write_bytes(facts.read_bytes())
        written.append(beside)
    texts = {
        ".report.json": json.dumps(document(outcome), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        ".report.md": "\n".join(_page(outcome, target)) + "\n",
    }
    for suffix, text in texts.items():
        with replacing(target.with_suffix(suffix)) as path:
            path.write_text(text, encoding="utf-8")
        written.append(target.with_suffix(suffix))
    plot = target.with_suffix(".report.png")
    if outcome.sensitivity is not None and _drawn(outcome, plot):
        written.append(plot)
    return written


def rows(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    """What is told of both models: name, before, after."""
    judged, agrees = outcome.judgement, outcome.judgement.agreement
    yield "precision", outcome.before.precision, outcome.after.precision
    yield "size", _megabytes(outcome.before.size_bytes), _megabytes(outcome.after.size_bytes)
    before, after = judged.before, judged.after
    if before is not None and after is not None:
        for name, one, other in (
            ("mAP50-95", before.map50_95, after.map50_95),
            ("mAP50", before.map50, after.map50),
            ("accuracy", before.accuracy, after.accuracy),
        ):
            if one is not None:
                yield name, f"{one:.4f}", f"{other or 0:.4f}"
        for name, one, other in (
            ("escapes", before.escape, after.escape),
            ("overkill", before.overkill, after.overkill),
        ):
            if one is not None and other is not None:
                yield f"{name} at {before.threshold:g}", f"{one:.1%}", f"{other:.1%}"
    if agrees is not None and agrees.expected:
        yield f"detections in {agrees.pictures} pictures", str(agrees.expected), str(agrees.found)
        yield "found again", "", f"{agrees.recall:.1%}"
        yield "not made up", "", f"{agrees.precision:.1%}"
        yield "agreement", "", f"{agrees.agreement:.1%}"
        if agrees.expected > agrees.lost:
            yield "overlap, drift", "", f"{agrees.overlap:.3f}, {agrees.drift:.3f}"
        yield "same verdict", "", f"{agrees.verdicts} of {agrees.pictures}"
    if outcome.speed:
        was, now = outcome.speed["float"], outcome.speed["quantised"]
        threads = f"{was.threads} thread{'s' * (was.threads > 1)}"
        yield f"p50 with {threads}", f"{1e3 * was.p50_s:.1f} ms", f"{1e3 * now.p50_s:.1f} ms"
        yield "speed", "", f"{was.p50_s / max(now.p50_s, 1e-9):.2f} x"


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.2f} MB"


def _page(outcome: Outcome, target: Path) -> Iterator[str]:
    calibrated = outcome.calibrated
    yield f"# {target.name}"
    yield ""
    how = f"`{outcome.before.file}` in {outcome.settings.precision}"
    if calibrated is not None:
        how += f", calibrated on {calibrated.used} pictures by {outcome.settings.method}"
    yield f"{how}. `{target.with_suffix('.report.json').name}` holds all figures."
    yield from ("", "| figure | before | after |", "| --- | --- | --- |")
    for row in rows(outcome):
        yield "| " + " | ".join(row) + " |"
    if outcome.sensitivity is not None:
        kept = {one.group.name for one in outcome.in_float}
        yield from ("", "## Layers", "", "| group | layers | damage alone | |", "| --- | --- | --- | --- |")
        for one in (*outcome.sensitivity.head, *outcome.sensitivity.body):
            damage = "not measured" if one.damage is None else f"{one.damage:.4f}"
            float_too = "in float" if one.group.name in kept else ""
            yield f"| {one.group.name} | {one.group.weight} | {damage} | {float_too} |"
    if outcome.notes:
        yield from ("", "## Notes", "", *(f"- {note}" for note in outcome.notes))


def _drawn(outcome: Outcome, path: Path) -> bool:
    """Draw what each group does alone; whether matplotlib is there for it."""
    from lineside.evaluation.quantising.plot import draw_sensitivity

    try:
        with replacing(path) as temporary:
            draw_sensitivity(outcome, temporary)
    except NotInstalledError:
        return False
    return True
