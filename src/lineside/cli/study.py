"""`lineside study`: one part judged many times. Do the verdicts agree?"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineside.cli import options
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from lineside.evaluation.repeatability import StudiedObject, StudiedPart


class Unit(StrEnum):
    """Of a tolerance."""

    PX = "px"
    MM = "mm"


def study(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="LINE.TOML|RECIPE", help="A line's settings, or a recipe.", show_default=False
        ),
    ],
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…", help="With a recipe: pictures, as for lineside judge.", show_default=False
        ),
    ] = None,
    *,
    times: Annotated[int, typer.Option(min=2, max=10_000, help="Looks at each part.")] = 50,
    parts: Annotated[
        int, typer.Option(min=1, max=1000, help="With a line: so many parts, one after the other.")
    ] = 1,
    takes: Annotated[
        bool, typer.Option("--takes", help="All pictures show one part; each is judged once.")
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=1e-9, help="Of widths and heights, upper less lower limit: gives Cg.", show_default=False
        ),
    ] = None,
    unit: Annotated[Unit, typer.Option(help="Of the tolerance.")] = Unit.PX,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of the tables.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw it there.", show_default=False)
    ] = None,
    scale_16bit: options.Scale16Bit = None,
    limit_px: options.LimitPx = None,
    devices: options.Devices = None,
    demotion: options.Demotion = "prefer",
    threads: options.Threads = None,
) -> None:
    """Judge one part many times: do the verdicts agree, and how far does what was seen of it spread?

    With a line it runs as it is, control, outputs and all, until it has judged enough. The exit code is 1 where verdicts
    of one part disagree, or looks are missing.
    """
    from lineside.cli.study_looks import is_line, of_line, of_pictures

    lost = 0
    if is_line(file):
        if source or takes or devices or threads:
            raise SettingsError(
                f"{file}: it is a line: expected no pictures, --takes, --devices or --threads"
            )
        studied, lost = of_line(file, parts, times)
        wanted = [times] * parts
    else:
        if not source or parts != 1:
            raise SettingsError(f"{file}: it is a recipe: expected pictures behind it, and no --parts")
        again = 1 if takes else times
        where: dict[str, Any] = {"devices": devices, "demotion": demotion, "threads": threads}
        reading = options.reading(limit_px=limit_px, scale_16bit=scale_16bit)
        studied = of_pictures(file, source, again, reading, are_takes=takes, **where)
        wanted = [len(one.looks) for one in studied]
    _write(studied, plot)
    got = [len(one.looks) for one in studied]
    faults = _faults(got, wanted, lost)
    limit = None if tolerance is None else (tolerance, unit.value)
    if as_json:
        typer.echo(
            json.dumps({"parts": [_document(one, limit) for one in studied], "faults": faults}, indent=2)
        )
    else:
        _show(studied, limit, faults)
    if faults or not all(one.is_repeatable for one in studied):
        raise typer.Exit(1)


def _faults(got: list[int], wanted: list[int], lost: int) -> list[str]:
    """What keeps the study from being one."""
    faults = []
    if got != wanted:
        faults.append(f"expected {sum(wanted)} looks; got {sum(got)}: the line ended before")
    if lost:
        faults.append(f"{lost} answers came too fast to be looked at, and may be others")
    return faults


def _write(studied: list[StudiedPart], plot: Path | None) -> None:
    if plot is None:
        return
    from lineside.evaluation.repeatability_drawing import drawing
    from lineside.outputs.files import replacing

    with replacing(plot) as temporary:
        temporary.write_text(drawing(studied), encoding="utf-8")


def _cg(one: StudiedObject, limit: tuple[float, str] | None) -> dict[str, float | None]:
    """Cg of each side, where there is a tolerance; `None` where nothing spread."""
    from lineside.evaluation.repeatability import capability

    if limit is None:
        return {}
    return {name: capability(spread, limit[0]) for name, spread in one.sides(limit[1]).items()}


def _document(part: StudiedPart, limit: tuple[float, str] | None) -> dict[str, Any]:
    told = part.to_dict()
    if limit is not None:
        for one, document in zip(part.objects, told["objects"], strict=True):
            document["cg"] = {
                name: None if cg is None else round(cg, 4) for name, cg in _cg(one, limit).items()
            }
    return told


def _show(studied: list[StudiedPart], limit: tuple[float, str] | None, faults: list[str]) -> None:
    from rich.console import Console

    console = Console()
    for part in studied:
        share = part.agreeing / len(part.looks)
        said = ", ".join(
            f"{count} {verdict}" + ("" if reason is None else f" ({reason})")
            for (verdict, reason), count in part.verdicts.most_common()
        )
        told = f"{part.name}: {said}; {share:.1%} agree, at least {part.agreement_at_least:.1%} with 95 % sureness"
        console.print(told, soft_wrap=True, markup=False, highlight=False)
        _show_objects(console, part, limit)
    for fault in faults:
        console.print(fault, style="bold red", soft_wrap=True, markup=False)


def _show_objects(console: Console, part: StudiedPart, limit: tuple[float, str] | None) -> None:
    from rich.table import Table
    from rich.text import Text

    if not part.objects:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    more = () if limit is None else ("Cg of width, height",)
    for name in ("view", "class", "seen", "confidence", "std", "edges' std px", "edges' std mm", *more):
        table.add_column(name, overflow="fold")
    for one in part.objects:
        sureness = one.to_dict()["confidence"]
        px = " ".join(f"{spread.std:.2f}" for spread in one.edges().values())
        mm = " ".join(f"{std:.3f}" for std in one.edges_std_mm().values())
        cg = ", ".join("no spread" if value is None else f"{value:.2f}" for value in _cg(one, limit).values())
        cells = (one.view, one.name, f"{len(one.looks)} of {len(part.looks)}", f"{sureness['mean']:.3f}")
        rest = () if limit is None else (cg or "not calibrated",)
        table.add_row(*map(Text, (*cells, f"{sureness['std']:.4f}", px, mm, *rest)))
    console.print(table)
