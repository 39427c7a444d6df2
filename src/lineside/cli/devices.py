"""`lineside devices`: what hardware is there, which providers can use it, and what is missing for the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.engine.doctor import Row
    from lineside.engine.speed import Speed
    from lineside.engine.wheels import Wheels

_NOTHING_WORKS = 3


def devices(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Time a small model on each device.")
    ] = True,
    listed: Annotated[
        str | None,
        typer.Option(
            "--devices",
            metavar="LIST",
            help="Try exactly this list, best first, such as cuda:0,cpu.",
            show_default=False,
        ),
    ] = None,
    demotion: Annotated[
        str,
        typer.Option(help="With --devices: prefer, or require for exit code 3 unless the first works."),
    ] = "prefer",
) -> None:
    """Show what hardware is there, which providers can use it, and the line that installs what is missing."""
    if demotion not in {"prefer", "require"}:
        raise SettingsError(f'--demotion: expected prefer or require; got "{demotion}"')
    if listed is None:
        _show_all(as_json=as_json, measure=measure)
    else:
        _show_list(listed, as_json=as_json, must_be_first=demotion == "require")


def _show_all(*, as_json: bool, measure: bool) -> None:
    from lineside.cli.devices_document import document
    from lineside.engine.hardware import find_hardware
    from lineside.engine.wheels import find_wheels

    hardware, wheels = find_hardware(), find_wheels()
    rows = _examined()
    speeds = _measured(rows) if measure else {}
    if as_json:
        typer.echo(json.dumps(document(hardware, wheels, rows, speeds), indent=2))
    else:
        from lineside.cli.devices_tables import show

        show(hardware, wheels, rows, speeds)
    if not _works(rows, speeds, wheels):
        raise typer.Exit(_NOTHING_WORKS)


def _show_list(listed: str, *, as_json: bool, must_be_first: bool) -> None:
    from rich.console import Console

    from lineside.detector.trying import outcome

    with Console(stderr=True).status(f"trying {listed}"):
        report = outcome(listed)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        from lineside.cli.devices_tables import show_report

        show_report(report)
    if must_be_first and report["demoted"]:
        raise typer.Exit(_NOTHING_WORKS)


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


def _measured(rows: Sequence[Row]) -> dict[str, Speed]:
    """What the devices of the ready providers do with the small model, by placement."""
    from rich.console import Console

    from lineside.detector.trying import speeds
    from lineside.engine.doctor import State

    ready = [
        f"{row.name}:{device.index}" for row in rows if row.state is State.READY for device in row.devices
    ]
    with Console(stderr=True).status(f"timing a small model on {', '.join(ready)}"):
        return dict(speeds(ready))


def _works(rows: Sequence[Row], speeds: dict[str, Speed], wheels: Wheels) -> bool:
    """Whether any provider is ready, and ran the small model where that was asked for."""
    from lineside.engine.doctor import State

    if wheels.conflict or not any(row.state is State.READY for row in rows):
        return False
    return not speeds or any(speed.p50_ms is not None for speed in speeds.values())
