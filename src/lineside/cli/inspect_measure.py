"""`lineside inspect --measure`: what a model costs on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineside.detector.measuring import Costs
    from lineside.engine.measure import Measurement
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts


def report(
    model: Path, facts: ModelFacts, runs: int, *, as_json: bool, show_card: Callable[[ModelCard], None]
) -> None:
    """Measure a model and show its card and its costs on stdout.

    Args:
        model: The file.
        facts: Facts set by hand.
        runs: Runs that are counted.
        as_json: One JSON document, the card with a key `measured`, in place of the tables.
        show_card: Shows the card as a table.

    Raises:
        LinesideError: As `measure_model` says.
    """
    from rich.console import Console

    from lineside.detector.measuring import measure_model

    with Console(stderr=True).status("measuring"):
        costs = measure_model(model, facts=facts, runs=runs)
    if as_json:
        typer.echo(json.dumps(costs.card.to_dict() | {"measured": _document(costs)}, indent=2))
        return
    show_card(costs.card)
    _show(costs)


def _document(costs: Costs) -> dict[str, Any]:
    return {
        "as_is": [asdict(each) for each in costs.measured],
        "in_float32": [asdict(each) for each in costs.in_float32],
        "advice": list(costs.advice),
    }


def _show(costs: Costs) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="on this machine", title_justify="left")
    for name in ("", "threads", "load", "first run", "p50", "p90", "p99", "memory", "speed"):
        table.add_column(name, justify="left" if not name else "right")
    for name, rows in ((costs.card.precision, costs.measured), ("in float32", costs.in_float32)):
        for row in rows:
            table.add_row(name, *_cells(row, costs.card.flops))
    console = Console()
    console.print(table)
    for sentence in costs.advice:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _cells(row: Measurement, flops: int | None) -> list[str]:
    times = (row.load_s, row.first_run_s, row.p50_s, row.p90_s, row.p99_s)
    memory = "" if row.memory_bytes is None else f"{row.memory_bytes / 2**20:.0f} MiB"
    speed = "" if not flops or not row.p50_s else f"{flops / row.p50_s / 1e9:.0f} GFLOP/s"
    return [str(row.threads), *(f"{seconds * 1e3:.1f} ms" for seconds in times), memory, speed]
