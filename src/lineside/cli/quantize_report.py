"""What `lineside quantize` shows on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lineside.evaluation.quantising.outcome import Outcome


def show(outcome: Outcome, written: Sequence[Path]) -> None:
    """Both models side by side, what stays in float, and what a user should know.

    Args:
        outcome: What came of it.
        written: The files, the model first.
    """
    from rich.console import Console
    from rich.table import Table

    from lineside.evaluation.quantising.report import rows

    table = Table(title=f"{outcome.before.file} in {outcome.settings.precision}", title_justify="left")
    for name in ("", "before", "after"):
        table.add_column(name, justify="right" if name else "left")
    for row in rows(outcome):
        table.add_row(*row)
    console = Console()
    console.print(table)
    if outcome.in_float:
        kept = ", ".join(one.group.name for one in outcome.in_float)
        console.print(f"in float, beside the decode tail: {kept}", markup=False, highlight=False)
    for note in outcome.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    for path in written:
        console.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)
