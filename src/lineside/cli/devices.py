"""`lineside devices`: what hardware is there, which providers can use it, and what is missing for the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.engine.doctor import Row
    from lineside.engine.wheels import Wheels

NOTHING_WORKS = 3


def devices(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    no_measure: Annotated[bool, typer.Option("--no-measure", help="Do not time a small model.")] = False,
) -> None:
    """Show what hardware is there, which providers can use it, and the line that installs what is missing."""
    from lineside.cli.devices_document import document
    from lineside.engine.hardware import find_hardware
    from lineside.engine.wheels import find_wheels

    hardware, wheels = find_hardware(), find_wheels()
    rows = _examined()
    if as_json:
        typer.echo(json.dumps(document(hardware, wheels, rows, {}), indent=2))
    else:
        from lineside.cli.devices_tables import show

        show(hardware, wheels, rows, {})
    if not _works(rows, wheels):
        raise typer.Exit(NOTHING_WORKS)


def _examined() -> tuple[Row, ...]:
    from rich.console import Console

    from lineside.engine.doctor import in_order
    from lineside.engine.examination import examine

    rows = []
    with Console(stderr=True).status("looking at the providers") as status:
        for row in examine():
            rows.append(row)
            status.update(f"looking at the providers: {row.name}")
    return in_order(rows)


def _works(rows: Sequence[Row], wheels: Wheels) -> bool:
    from lineside.engine.doctor import State

    return not wheels.conflict and any(row.state is State.READY for row in rows)
