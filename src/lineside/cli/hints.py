"""Hints for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from lineside.models.lint import Hint

FOUND = 1
"""The exit code where a check found something wrong; 2 is for what could not be checked at all."""

_COLOURS = {"wrong": "red", "slow": "yellow", "note": "dim"}


def show_hints(hints: Sequence[Hint], console: Console) -> None:
    """A table of hints, the worst first; nothing where there are none."""
    from rich.markup import escape
    from rich.table import Table

    if not hints:
        return
    table = Table(title="hints", title_justify="left", show_header=False, show_lines=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for hint in hints:
        colour = _COLOURS[hint.severity]
        lines = (f"[bold]{escape(hint.seen)}[/]", escape(hint.why), f"cure: {escape(hint.cure)}")
        table.add_row(f"[{colour}]{hint.severity}[/]\n{hint.code}", "\n".join(lines))
    console.print(table)


def report_hints(file: str, hints: Sequence[Hint], *, as_json: bool) -> None:
    """Show hints alone on stdout, the worst first.

    Args:
        file: The model's name.
        hints: Of the file, and of a list of devices.
        as_json: One JSON document in place of the table.

    Raises:
        typer.Exit: With code 1, where one of them says that answers are wrong.
    """
    from rich.console import Console

    from lineside.models.lint import in_order

    hints = in_order(hints)
    if as_json:
        typer.echo(json.dumps({"file": file, "hints": [asdict(hint) for hint in hints]}, indent=2))
    elif hints:
        show_hints(hints, Console())
    else:
        typer.echo(f"{file}: no hints")
    if any(hint.severity == "wrong" for hint in hints):
        raise typer.Exit(FOUND)
