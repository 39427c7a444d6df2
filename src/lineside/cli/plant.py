"""`lineside plant`: the map of a protocol's signals, and a link alone, so that a control can be tried without cameras."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lineside.core.errors import SettingsError

plant = typer.Typer(
    no_args_is_help=True,
    help="Show where a protocol's signals are, or try the handshake with a control, without cameras.",
)

Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of the protocol; may be given again.",
        show_default=False,
    ),
]


@plant.command("map")
def show_map(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="The protocol; without it, which there are.")
    ] = None,
    *,
    settings: Setting = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Print every signal's register, tag or line, and the numbers of verdicts and reasons."""
    from lineside.core import plugins
    from lineside.outputs.plant.link import KINDS
    from lineside.outputs.plant.maps import code_rows, map_of

    if kind is None:
        kinds = plugins.names(KINDS)
        typer.echo(json.dumps({"kinds": kinds}, indent=2) if as_json else "\n".join(kinds))
        return
    rows = map_of(kind, _values(settings or []))
    codes = code_rows()
    if as_json:
        words = [{"register": what, "number": number, "word": word} for what, number, word in codes]
        document = {"kind": kind, "signals": [asdict(row) for row in rows], "codes": words}
        typer.echo(json.dumps(document, indent=2))
        return
    _print_table([("WRITTEN BY", "PLACE", "SIGNAL", "TYPE", "MEANING"), *(_cells(row) for row in rows)])
    typer.echo("")
    _print_table([("CODE OF", "NUMBER", "WORD"), *((a, str(b), c) for a, b, c in codes)])


@plant.command("listen")
def listen(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SETTINGS.toml]",
            help="A file with `kind` and the protocol's settings, at its top, in [plant] or in its only [[plant]].",
        ),
    ] = None,
    *,
    kind: Annotated[
        str | None, typer.Option(help="The protocol, without a file.", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="The same as --set port=N.", show_default=False)] = None,
    settings: Setting = None,
    verdict: Annotated[
        str, typer.Option(help="What every part is answered: PASS, FAIL or UNKNOWN.")
    ] = "PASS",
    reason: Annotated[str, typer.Option(help="Why, for UNKNOWN.")] = "late",
    after_ms: Annotated[
        float, typer.Option(min=0, max=60_000, help="Milliseconds from a trigger to its answer.")
    ] = 20.0,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="End after so long; without it, with Ctrl-C.", show_default=False),
    ] = None,
) -> None:
    """Run a link alone: every trigger gets the verdict that you choose, and all that is heard is shown."""
    from lineside.cli.plant_trial import run_trial

    table = _table(file)
    given = {"kind": kind, "port": port}
    table |= {key: value for key, value in given.items() if value is not None} | _values(settings or [])
    run_trial(table, verdict=verdict, reason=reason, after_s=after_ms / 1e3, seconds=seconds)


def _table(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise SettingsError(f"{file}: expected settings in TOML: {fault}") from fault
    table = document.get("plant", document)
    if isinstance(table, list) and len(table) == 1:
        table = table[0]
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: plant: expected one table; got {table!r}")
    return dict(table)


def _values(settings: list[str]) -> dict[str, Any]:
    """`key=value` as settings; a value is what TOML makes of it, else text."""
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.isidentifier():
            raise SettingsError(f'--set: expected KEY=VALUE; got "{setting}"')
        try:
            values[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key] = text
    return values


def _cells(row: Any) -> tuple[str, ...]:
    return (row.writer, row.place, row.name, row.kind, row.meaning)


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
