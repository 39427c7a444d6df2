"""What a search found, as a value, as a profile and as a plot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lineside.detector.fingerprint import fingerprint
from lineside.detector.profile import Profile
from lineside.engine.provider import provider_of
from lineside.evaluation.judging import figures
from lineside.evaluation.plots import library

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.evaluation.judging import Judgement
    from lineside.evaluation.tuning.tune import Row, Tuned

_CHOSEN, _KEPT, _REJECTED = "#009e73", "#0072b2", "#d55e00"  # Okabe and Ito's green, blue and vermilion


def document(tuned: Tuned) -> dict[str, Any]:
    """A search as a value that `json.dumps` takes, in the schema of `docs/tune.md`."""
    settings = tuned.settings
    return {
        "reference": tuned.reference,
        "pictures": tuned.pictures,
        "deadline_ms": settings.deadline_s * 1e3,
        "streams": settings.callers,
        "chosen": None if tuned.chosen is None else tuned.chosen.candidate.name,
        "candidates": [_row(row) for row in tuned.rows],
    }


def kept(judgement: Judgement | None) -> str:
    """How well answers were kept, for people."""
    if judgement is None:
        return "the same computation as the reference"
    if judgement.dead or judgement.agreement is None:
        return judgement.dead
    if judgement.before is not None:
        what = "accuracy" if judgement.before.accuracy is not None else "mAP"
        return f"{100 * judgement.drop:.1f} points of {what} lost"
    return f"{judgement.agreement.agreement:.1%} of the detections agree with the reference"


def profile(tuned: Tuned, model: str) -> Profile:
    """The chosen candidate as the next start shall find it.

    Args:
        tuned: A search that chose one.
        model: What `detector.profile.identity` says of the model.
    """
    row = tuned.chosen
    assert row is not None
    assert row.figures is not None
    candidate = row.candidate
    return Profile(
        model=model,
        file=str(candidate.form.path.resolve()),
        file_sha256=row.sha256,
        placement=str(candidate.placement),
        size=candidate.form.size,
        batch=candidate.batch,
        callers=tuned.settings.callers,
        deadline_s=tuned.settings.deadline_s,
        p50_s=row.figures.p50_s,
        p99_s=row.figures.p99_s,
        pictures_per_s=row.figures.pictures_per_s,
        agreement=kept(row.judgement),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=fingerprint(provider_of(candidate.placement)),
    )


def draw(tuned: Tuned, path: Path) -> None:
    """Write the plot, what is kept over latency, as a PNG file.

    Args:
        tuned: A search.
        path: The file.

    Raises:
        NotInstalledError: matplotlib is not installed.
        OSError: The file cannot be written.
    """
    library()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for row in tuned.rows:
        if row.figures is None:
            continue
        lost = row.judgement.drop if row.judgement else 0.0
        x, tail = row.figures.p50_s * 1e3, row.figures.p99_s * 1e3
        colour = _CHOSEN if row is tuned.chosen else _KEPT
        axes.plot([x, tail], [1 - lost] * 2, color=colour, linewidth=1, alpha=0.5)
        axes.plot(x, 1 - lost, "o" if row is not tuned.chosen else "D", color=colour)
        if not row.out or row is tuned.chosen:
            axes.annotate(
                row.candidate.name, (x, 1 - lost), fontsize=7, xytext=(4, 5), textcoords="offset points"
            )
    for row in tuned.rows:
        if row.judgement is not None and not row.judgement.passes:
            axes.axhline(1 - row.judgement.drop, color=_REJECTED, linewidth=0.6, alpha=0.5)
    axes.axvline(tuned.settings.deadline_s * 1e3, color="#222222", linewidth=0.8, linestyle="--")
    axes.set_xlabel(
        "milliseconds from picture to detections: median, and a line to the 99th percentile; dashed: the deadline"
    )
    axes.set_ylabel("share of the reference that is kept; red: rejected, not measured")
    axes.set_title(f"{tuned.reference} is the reference", loc="left", fontsize=10)
    figure.savefig(path, dpi=150)


def _row(row: Row) -> dict[str, Any]:
    candidate, found = row.candidate, row.figures
    size = candidate.form.size
    return {
        "name": candidate.name,
        "file": candidate.form.path.name,
        "devices": str(candidate.placement),
        "size": None if size is None else [size.height, size.width],
        "threads": candidate.threads,
        "batch": candidate.batch,
        "precision": row.precision or None,
        "kept": None if row.judgement is None else figures(row.judgement),
        "runs": None if found is None else found.runs,
        "p50_ms": None if found is None else found.p50_s * 1e3,
        "p99_ms": None if found is None else found.p99_s * 1e3,
        "pictures_per_s": None if found is None else found.pictures_per_s,
        "out": row.out or None,
    }
