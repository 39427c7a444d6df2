"""An evaluation on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape as plain
from rich.padding import Padding
from rich.table import Table

from lineside.evaluation.texts import counted, escaped_of, rates_rows, share, totals_rows

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
    console.print(_rates(evaluation))
    suggestion = evaluation.suggestion
    if suggestion.rates:
        style = "bold green" if suggestion.meets else "bold yellow"
        console.print(f"[{style}]Suggested threshold: {suggestion.rates.threshold:g}[/]")
    for sentence in (suggestion.rule, *suggestion.grounds):
        console.print(Padding(plain(sentence), (0, 0, 0, 2)), highlight=False)
    for note in evaluation.notes:
        console.print(f"[bold]Note[/] {plain(note)}", highlight=False)


def _totals(evaluation: Evaluation) -> Table:
    dataset = evaluation.dataset
    table = Table(
        title=f"{plain(dataset.path.name)}: {len(dataset.pictures)} pictures, "
        f"{int(evaluation.coco.truths.sum())} true boxes",
        title_justify="left",
        show_header=False,
    )
    for name, value in totals_rows(evaluation):
        table.add_row(plain(name), value)
    return table


def _classes(evaluation: Evaluation) -> Table:
    table = Table(title="Classes", title_justify="left")
    table.add_column("class", min_width=14)
    for heading in ("boxes", "AP50-95", "AP50", "precision", "recall", "escaped"):
        table.add_column(heading, justify="right")
    coco, point, escapes = evaluation.coco, evaluation.operating_point, evaluation.class_escapes
    for k, name in enumerate(evaluation.names):
        table.add_row(
            plain(name),
            str(coco.truths[k]),
            share(coco.ap50_95[k]),
            share(coco.ap50[k]),
            share(point.precision[k] if point else None),
            share(point.recall[k] if point else None),
            escaped_of(evaluation, escapes, k),
        )
    return table


def _confusion(evaluation: Evaluation) -> Table:
    matrix = evaluation.confusion
    table = Table(
        title=f"Confusion at confidence {matrix.confidence:g}, IoU {matrix.iou:g}: row is the truth, "
        "column what was found",
        title_justify="left",
    )
    # Numbers head the columns: ten names side by side would not fit a terminal.
    headings = [*(str(k) for k in range(len(evaluation.names))), "missed"]
    rows = [*(f"{k} {plain(name)}" for k, name in enumerate(evaluation.names)), "false alarms"]
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    for label, counts in zip(rows, matrix.counts.tolist(), strict=True):
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
