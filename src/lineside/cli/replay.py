"""`lineside replay`: parts of a trace judged again, and doubtful ones as a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lineside.cli import options
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.cli.replay_run import Replay, Replayed
    from lineside.outputs.trace.doubtful import Form

DIFFERENT = 1
_EXPORT = "As a data set"
_MOST = 50


def replay(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace's folder.", show_default=False)],
    which: Annotated[
        str,
        typer.Argument(
            metavar="PARTS",
            help="A serial number, a part's number, a range as 100..200, or all.",
            show_default=False,
        ),
    ],
    *,
    run: Annotated[
        str | None,
        typer.Option(help="Only parts of this run. Default: numbers mean the latest.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Another first model in place of the recorded one.", show_default=False
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="RECIPE", help="Another recipe in place of the recorded one.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(help="Folder for the pictures of parts that are judged otherwise.", show_default=False),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the doubtful pictures there, with their boxes as proposals.",
            rich_help_panel=_EXPORT,
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, typer.Option(help="coco or yolo.", rich_help_panel=_EXPORT)] = "coco",
    threshold: Annotated[
        float, typer.Option(help="Confidences near to it are doubtful.", rich_help_panel=_EXPORT)
    ] = 0.25,
    margin: Annotated[float, typer.Option(help="How near.", rich_help_panel=_EXPORT)] = 0.1,
    devices: options.Devices = None,
    demotion: options.Demotion = "prefer",
    threads: options.Threads = None,
) -> None:
    """Judge kept pictures again by the recipe of then, or by another model or recipe, and show what is judged otherwise.

    The exit code is 0 where every verdict is the same, 1 where one is another. With --export and neither --model nor --recipe
    nothing is judged again.
    """
    from lineside.cli.replay_run import Replay, has_pictures
    from lineside.outputs.trace.reading import chosen_parts, late_records

    if form not in {"coco", "yolo"}:
        raise SettingsError(f'--form: expected coco or yolo; got "{form}"')
    found = chosen_parts(trace, which, run)
    kept = [record for record in found if has_pictures(record)]
    if not kept:
        raise SettingsError(
            f"{trace}: no pictures are kept of {'this part' if len(found) == 1 else f'these {len(found)} parts'}; the settings "
            "of the trace say which are"
        )
    judged: list[Replayed] = []
    if export is None or model is not None or recipe is not None:
        again = Replay(trace, model=model, recipe=recipe, devices=devices, demotion=demotion, threads=threads)
        judged = _all(again, kept, save)
    exported = None
    if export is not None:
        exported = _export(
            trace, export, kept, judged, form=cast("Form", form), threshold=threshold, margin=margin
        )
    if as_json:
        told = {"parts": [one.to_dict() for one in judged], "without_pictures": len(found) - len(kept)}
        typer.echo(json.dumps({**told, "late": late_records(trace, found), "exported": exported}, indent=2))
    else:
        _show(judged, len(found) - len(kept), export, exported)
        _show_late(late_records(trace, found))
    if any(one.differs for one in judged):
        raise typer.Exit(DIFFERENT)


def _all(again: Replay, kept: Sequence[Mapping[str, Any]], save: Path | None) -> list[Replayed]:
    """Judge each part, and draw those that are judged otherwise; no picture is kept in memory."""
    import dataclasses

    from lineside.cli.progress import progress
    from lineside.cli.recipe_drawing import PartDrawings

    judged = []
    drawings: PartDrawings | None = None
    with progress("Judging", len(kept)) as step:
        for record in kept:
            one = again.judged(record)
            if save is not None and one.differs:
                drawings = drawings or PartDrawings(again.models(record), save)
                drawings.write(one.views)
            judged.append(dataclasses.replace(one, views=()))
            step()
    return judged


def _export(
    trace: Path,
    folder: Path,
    kept: Sequence[Mapping[str, Any]],
    judged: Sequence[Replayed],
    *,
    form: Form,
    threshold: float,
    margin: float,
) -> int:
    """How many pictures were exported."""
    from lineside.outputs.trace.doubtful import Doubt, choose, export

    doubt = Doubt(threshold, margin)
    other = {one.record["number"] for one in judged if one.differs}
    wanted = [
        (record, [*doubt.reasons(record), *(["judged otherwise now"] if record["number"] in other else [])])
        for record in kept
    ]
    chosen = choose(wanted)
    if not chosen:
        raise SettingsError(
            f"{trace}: none of {len(kept)} parts with pictures is doubtful: none is marginal, judged otherwise, or within "
            f"{margin:g} of {threshold:g}. A larger --margin finds more"
        )
    export(trace, folder, chosen, form=form)
    return len(chosen)


def _show(judged: Sequence[Replayed], without: int, export: Path | None, exported: int | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    lines = []
    if judged:
        table = Table(title="Then and now", title_justify="left")
        for column in ("part", "serial", "was", "is now"):
            table.add_column(column, overflow="fold")
        for column in ("lost", "new", "most Δ"):
            table.add_column(column, justify="right", no_wrap=True)
        rows = sorted(judged, key=lambda one: not one.differs)  # what is judged otherwise first
        for one in rows[:_MOST]:
            lost, gained = sum(c.lost for c in one.changes), sum(c.gained for c in one.changes)
            most = max((c.most for c in one.changes), default=0.0)
            serial, part = escape(str(one.record.get("serial") or "")), str(one.record["part"])
            was, now = (
                _word(one.record["verdict"], one.record["reason"]),
                _word(one.now.verdict, one.now.reason),
            )
            style = "red" if one.differs else None
            table.add_row(part, serial, was, now, str(lost), str(gained), f"{most:.3f}", style=style)
        console.print(table)
        if len(rows) > _MOST:
            lines.append(f"… and {len(rows) - _MOST} more; --json has all")
        lines.append(f"{sum(one.differs for one in judged)} of {len(judged)} parts are judged otherwise")
        if late := sum(not one.could_be_the_same for one in judged):
            lines.append(f"{late} were not judged by their pictures then, and are not compared")
    if without:
        lines.append(f"{without} parts have no kept pictures")
    if exported is not None:
        lines.append(f"{exported} pictures to look at: {export}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _show_late(records: Sequence[Mapping[str, Any]]) -> None:
    """What became known of the parts after their answers."""
    for record in records[:_MOST]:
        objects = record.get("detections")
        came = "its picture came" if objects is None else f"{len(objects)} objects were seen"
        after_s = record.get("after_s")
        when = "after its answer" if after_s is None else f"{after_s * 1e3:.0f} ms after its answer"
        typer.echo(f"part {record['part']}, {record['camera']}: {came} {when}, {record['answered']}")
    if len(records) > _MOST:
        typer.echo(f"… and {len(records) - _MOST} more late results; --json has all")


def _word(verdict: object, reason: object) -> str:
    return f"{verdict} ({reason})" if reason is not None else str(verdict)
