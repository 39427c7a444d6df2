"""What `lineside tune` shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.evaluation.tuning.tune import Row, Tuned

_MOST_REASONS = 12


def tell(tuned: Tuned, written: Path | None, *, as_json: bool) -> None:
    """The search on stdout, as tables or as one JSON document.

    Args:
        tuned: What was found.
        written: The profile's file, or `None`.
        as_json: The document in place of the tables.
    """
    from lineside.evaluation.tuning.report import document

    if as_json:
        told = document(tuned) | {"profile": None if written is None else str(written)}
        typer.echo(json.dumps(told, indent=2, allow_nan=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{tuned.reference} is the reference", title_justify="left")
    table.add_column("candidate", overflow="fold")
    table.add_column("precision", no_wrap=True)
    for column in ("kept", "p50 ms", "p99 ms", "per s"):
        table.add_column(column, justify="right", no_wrap=True)
    measured = [row for row in tuned.rows if row.figures is not None]
    for row in measured:
        table.add_row(*_cells(row), style="bold green" if row is tuned.chosen else None)
    console = Console()
    if measured:
        console.print(table)
    reasons = [row for row in tuned.rows if row.figures is None and row.out]
    for row in reasons[:_MOST_REASONS]:
        console.print(f"{row.candidate.name}: {row.out}", markup=False, highlight=False, soft_wrap=True)
    if len(reasons) > _MOST_REASONS:
        console.print(f"… and {len(reasons) - _MOST_REASONS} more; --json has all")
    if tuned.chosen is not None:
        console.print(f"Chosen: {tuned.chosen.candidate.name}", markup=False, highlight=False, soft_wrap=True)
    if written is not None:
        console.print(
            f"Used from the next start on: {written}", markup=False, highlight=False, soft_wrap=True
        )


def _cells(row: Row) -> tuple[str, ...]:
    found = row.figures
    assert found is not None
    kept = "as is" if row.judgement is None else f"{1 - row.judgement.drop:.1%}"
    times = (f"{found.p50_s * 1e3:.1f}", f"{found.p99_s * 1e3:.1f}", f"{found.pictures_per_s:.1f}")
    return row.candidate.name, row.precision, kept, *times
