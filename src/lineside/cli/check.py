"""`lineside check`: everything about a line's settings that can be known without starting it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lineside.line.checking import Check


def check_line(
    file: Annotated[
        Path, typer.Argument(metavar="LINE.TOML", help="The line's settings.", show_default=False)
    ] = Path("line.toml"),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of the table.")] = False,
) -> None:
    """Check a line without starting it: files, rules against the model, devices, cameras, ports, receivers, folders.

    The exit code is 0 where all is right, 2 where a setting, a file or a camera is not, 3 where only a device is not, 4 where only an
    output or a port is not.
    """
    from lineside.cli.app import exit_code
    from lineside.cli.progress import waiting
    from lineside.line.checking import check
    from lineside.line.settings.reading import LineSettings

    settings = LineSettings.read(file)
    with waiting():
        found = list(check(settings))
    if as_json:
        typer.echo(json.dumps([_document(one) for one in found], indent=2))
    else:
        _show(found)
    codes = [exit_code(one.error) for one in found if one.error is not None]
    if codes:
        raise typer.Exit(min(codes))


def _document(one: Check) -> dict[str, object]:
    code = None if one.error is None else one.error.code
    return {"what": one.what, "is_right": one.error is None, "found": one.found, "code": code}


def _show(found: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("", "what", "found"):
        table.add_column(name, overflow="fold")
    for one in found:
        mark = Text("right", "green") if one.error is None else Text("wrong", "bold red")
        code = "" if one.error is None else f" [{one.error.code}]"
        table.add_row(mark, Text(one.what), Text(one.found + code))
    Console().print(table)
