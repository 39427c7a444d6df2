"""`lineside outbox`: what waits in an outbox, what was refused, and what becomes of that."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.outputs.outbox.look import Holding, Refused


def outbox(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An outbox's folder.", show_default=False)],
    *,
    retry_aside: Annotated[
        bool, typer.Option("--retry-aside", help="Try again what sinks refused for good.")
    ] = False,
    drop_aside: Annotated[
        bool, typer.Option("--drop-aside", help="Drop what sinks refused for good, with its pictures.")
    ] = False,
    sink: Annotated[str | None, typer.Option(help="Only what this sink refused.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show what waits for each sink. The line may run meanwhile."""
    from lineside.outputs.outbox.look import Look
    from lineside.outputs.outbox.store import Store

    if retry_aside and drop_aside:
        raise SettingsError("expected --retry-aside or --drop-aside, not both")
    if sink is not None and not (retry_aside or drop_aside):
        raise SettingsError("--sink says whose refused results are meant; add --retry-aside or --drop-aside")
    look = Look(folder)  # first: it refuses a folder that is none
    try:
        settled = None
        if retry_aside or drop_aside:
            _refuse_stranger(sink, look.holding())
            store = Store(folder)
            try:
                settled = store.settle_aside(sink, again=retry_aside)
            finally:
                store.close()
        holding, refused = look.holding(), look.refused()
    finally:
        look.close()
    if as_json:
        told = {**asdict(holding), "refused": [asdict(one) for one in refused], "settled": settled}
        typer.echo(json.dumps(told, indent=2))
        return
    _show(holding, refused)
    if settled is not None:
        typer.echo(f"{settled} refused results {'are tried again' if retry_aside else 'were dropped'}")


def _refuse_stranger(sink: str | None, holding: Holding) -> None:
    from lineside.core.errors import UnknownNameError, near

    if sink is not None and sink not in holding.sinks:
        raise UnknownNameError(f'--sink: no sink "{sink}" in this outbox{near(sink, holding.sinks)}')


def _show(holding: Holding, refused: Sequence[Refused]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{holding.rows} results on disk, {holding.bytes / 1e6:.1f} MB", title_justify="left")
    table.add_column("sink", overflow="fold")
    for column in ("waiting", "oldest", "aside", "sent", "retried", "evicted"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, one in holding.sinks.items():
        oldest = "" if one.oldest_s is None else _age(one.oldest_s)
        counts = (one.waiting, one.aside, one.sent, one.retried, one.evicted)
        waiting, aside, *rest = map(str, counts)
        style = "red" if one.aside or one.evicted else "yellow" if one.waiting else None
        table.add_row(escape(name), waiting, oldest, aside, *rest, style=style)
    console = Console()
    console.print(table)
    for each in refused:
        sentence = f"refused: {each.key} for {each.sink}: {each.fault}"
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _age(seconds: float) -> str:
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {word}"
    return f"{seconds:.0f} s"
