"""What `lineside detect` shows on the terminal: the table, the sums, and the time of each stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import typer

from lineside.core.classification import Classification
from lineside.core.errors import LinesideError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lineside.detector.detector import Timings
    from lineside.outputs.records import Record


@dataclass(frozen=True, slots=True)
class Summary:
    """The sums of a run."""

    pictures: int
    failed: int
    objects: int
    timings: tuple[Timings, ...]
    saved: Path | None


def show_table(records: Sequence[Record], *, cut: int) -> None:
    """One row a detection; a picture without any, and one that could not be judged, has its row too.

    Args:
        records: The first pictures' results.
        cut: How many pictures have no row here.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for name, side in (("picture", "left"), ("class", "left"), ("confidence", "right"), ("box", "left")):
        table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    for record in records:
        name = record.source if record.time_s is None else f"{record.source} #{record.sequence}"
        result = record.result
        if isinstance(result, LinesideError):
            table.add_row(escape(name), f"[red]{result.code}[/]", "", "not judged")
            continue
        if not len(result):
            table.add_row(escape(name), "[dim]nothing found[/]", "", "")
        whole = isinstance(result, Classification)
        boxes = result.xyxy if result.xywhr is None else result.xywhr
        for box, score, label in zip(boxes, result.confidence, result.class_name, strict=True):
            corners = "the whole picture" if whole else _box_text(box.tolist())
            table.add_row(escape(name), escape(label), f"{score:.3f}", corners)
            name = ""
        if result.truncated and not whole:
            table.add_row("", "[yellow]truncated[/]", "", "a cap cut more off")
    console = Console()
    console.print(table)
    if cut > 0:
        console.print(f"… and {cut} more; --jsonl or --csv have them all")


def _box_text(box: list[float]) -> str:
    """Corners of an upright box; centre, size and rotation of a turned one."""
    if len(box) == 4:
        return " ".join(f"{v:.1f}" for v in box)
    x, y, width, height, turn = box
    return f"{x:.1f} {y:.1f} {width:.1f}x{height:.1f} turned {np.degrees(turn):.1f} deg"


def show_summary(summary: Summary, *, to_stderr: bool) -> None:
    """The sums, and the median and 99th percentile of each stage's time."""
    failed = f", {summary.failed} not judged" if summary.failed else ""
    typer.echo(f"{summary.pictures} pictures, {summary.objects} objects{failed}", err=to_stderr)
    if summary.timings:
        rows = np.array([(t.preprocess_s, t.run_s, t.postprocess_s) for t in summary.timings]) * 1e3
        stages = {
            "preprocess": rows[:, 0],
            "run": rows[:, 1],
            "postprocess": rows[:, 2],
            "all": rows.sum(axis=1),
        }
        texts = [f"{n} {np.median(v):.2f} / {np.percentile(v, 99):.2f}" for n, v in stages.items()]
        typer.echo(f"ms a picture, p50 / p99: {', '.join(texts)}", err=to_stderr)
    if summary.saved is not None:
        typer.echo(f"annotated: {summary.saved}", err=to_stderr)
