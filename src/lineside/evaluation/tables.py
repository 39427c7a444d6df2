"""An evaluation on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape as plain
from rich.padding import Padding
from rich.table import Table

from lineside.evaluation.texts import (
    class_headings,
    class_rows,
    counted,
    counted_things,
    rates_rows,
    totals_rows,
)

if TYPE_CHECKING:
    from rich.console import Console

    from lineside.evaluation.evaluation import Evaluation

_MATRIX_CLASSES = 10


def print_tables(evaluation: Evaluation, console: Console) -> None:
    """The figures as tables on a console, the suggestion and the notes as text under them."""
    console.print(_totals(evaluation))
    console.print(_classes(evaluation))
    if len(evaluation.names) <= _MATRIX_CLASSES:
        console.print(_confusion(evaluation))
    if evaluation.defects.any():
        _print_rates(evaluation, console)
    for note in evaluation.notes:
        console.print(f"[bold]Note[/] {plain(note)}", highlight=False)


def _print_rates(evaluation: Evaluation, console: Console) -> None:
    console.print(_rates(evaluation))
    suggestion = evaluation.suggestion
    if suggestion.rates:
        style = "bold green" if suggestion.meets else "bold yellow"
        console.print(f"[{style}]Suggested threshold: {suggestion.rates.threshold:g}[/]")
    for sentence in (suggestion.rule, *suggestion.grounds):
        console.print(Padding(plain(sentence), (0, 0, 0, 2)), highlight=False)


def _totals(evaluation: Evaluation) -> Table:
    dataset = evaluation.dataset
    table = Table(
        title=f"{plain(dataset.path.name)}: {len(dataset.pictures)} pictures, {counted_things(evaluation)}",
        title_justify="left",
        show_header=False,
    )
    for name, value in totals_rows(evaluation):
        table.add_row(plain(name), value)
    return table


def _classes(evaluation: Evaluation) -> Table:
    table = Table(title="Classes", title_justify="left")
    first, *others = class_headings(evaluation)
    table.add_column(first, min_width=14)
    for heading in others:
        table.add_column(heading, justify="right")
    for name, *figures in class_rows(evaluation):
        table.add_row(plain(name), *figures)
    return table


def _confusion(evaluation: Evaluation) -> Table:
    matrix = evaluation.confusion
    table = Table(
        title=f"Confusion {matrix.told}: row is the truth, column what was found",
        title_justify="left",
    )
    # Numbers head the columns: ten names side by side would not fit a terminal.
    found, missed = ("false alarms", "missed") if evaluation.top is None else (None, "others")
    headings = [*(str(k) for k in range(len(evaluation.names))), missed]
    rows = [f"{k} {plain(name)}" for k, name in enumerate(evaluation.names)] + ([found] if found else [])
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    for label, counts in zip(
        rows, matrix.counts.tolist(), strict=False
    ):  # a classifier raises no false alarms
        table.add_row(label, *(str(n) if n else "·" for n in counts))
    return table


def _rates(evaluation: Evaluation) -> Table:
    defects = [n for n, chosen in zip(evaluation.names, evaluation.defects, strict=True) if chosen]
    listed = "every class" if len(defects) == len(evaluation.names) else ", ".join(defects)
    table = Table(title=f"Escape and overkill per picture; defects: {plain(listed)}", title_justify="left")
    table.add_column("threshold", justify="right")
    table.add_column("escape", justify="right")
    table.add_column("overkill", justify="right")
    table.add_column("")
    for rates, remark in rates_rows(evaluation):
        table.add_row(
            f"{rates.threshold:g}",
            counted(rates.escape, rates.escaped, rates.bad),
            counted(rates.overkill, rates.overkilled, rates.good),
            remark,
        )
    return table
