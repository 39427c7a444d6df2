"""`lineside verify`: whether a trace is what was written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from lineside.outputs.trace.findings import Verification

UNSOUND = 1
_MOST = 20
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d)?)?)?")


def verify(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace's folder.", show_default=False)],
    *,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHEN",
            help="From this UTC day or moment on, 2026-11-28T06:00.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="WHEN", help="Up to this day or moment, included.", show_default=False),
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Compare the hashes of the pictures, too.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Name the first record that was changed, is missing or stands in another place.

    The exit code is 0 where the trace is sound, 1 where it is not.
    """
    from lineside.outputs.trace.findings import Span
    from lineside.outputs.trace.verify import verify

    span = Span(_moment("--from", since), _moment("--to", until))
    found = verify(trace, span if span != Span() else None, with_pictures=pictures)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)
    if not found.is_sound:
        raise typer.Exit(UNSOUND)


def _moment(option: str, text: str | None) -> str | None:
    if text is not None and not _MOMENT.fullmatch(text):
        raise SettingsError(
            f'{option}: expected a day or moment as 2026-11-28 or 2026-11-28T06:00; got "{text}"'
        )
    return text


def _show(found: Verification) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    numbers = "no records" if found.first is None else f"records {found.first} to {found.last}"
    lines = [
        f"{numbers}: {found.parts} parts, {found.late} late results, {found.pictures} pictures compared, {found.removed} removed by retention",
        *([f"records 0 to {found.retired - 1} were removed by retention"] if found.retired else []),
        *(f"note: {notice}" for notice in found.notices),
    ]
    if found.findings:
        table = Table(title="What is not as it was written, the first first", title_justify="left")
        for column in ("fault", "segment", "line", "record", "part"):
            table.add_column(column, no_wrap=column != "segment", overflow="fold")
        table.add_column("what", overflow="fold")
        for one in found.findings[:_MOST]:
            place = [str(value) if value is not None else "" for value in (one.number, one.part)]
            table.add_row(str(one.fault), one.segment, str(one.line or ""), *place, one.sentence)
        console.print(table)
        if len(found.findings) > _MOST:
            lines.append(f"… and {len(found.findings) - _MOST} more; --json has all")
    lines.append(f"the trace is {'sound' if found.is_sound else 'NOT sound'}; its last hash is {found.hash}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
