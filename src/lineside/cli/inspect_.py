"""`lineside inspect`: what a model file is, how sure that is, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import options
from lineside.cli.by_hand import by_hand
from lineside.cli.hints import report_hints, show_hints
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.engine.truth import Truth
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts
    from lineside.models.lint import Hint
    from lineside.models.spec import Conventions

_RUNS = 50


@by_hand(names=options.NamesOrClasses)
def inspect_model(
    model: options.Model,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    lint_only: Annotated[
        bool,
        typer.Option("--lint", help="Only what is known against its form; exit code 1 where that is wrong."),
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time it on this machine, beside the same network in float32.")
    ] = False,
    runs: Annotated[
        int | None,
        typer.Option(min=1, help=f"Runs that --measure counts. Default: {_RUNS}.", show_default=False),
    ] = None,
    devices: options.AlsoDevices = None,
    demotion: options.Demotion = "prefer",
    facts: options.Facts,
) -> None:
    """Show what a model file is: family, classes, input, conventions, cost, warnings and hints."""
    _refuse_odd_pairs(measure=measure, lint_only=lint_only, runs=runs)
    from lineside.engine import run_once
    from lineside.engine.providers.cpu import speed_hints
    from lineside.models.card import ModelCard

    if measure:
        from lineside.cli.inspect_measure import report

        report(model, facts, runs or _RUNS, as_json=as_json, show_card=_show)
        return
    card = ModelCard.read(model, facts=facts, run=run_once)
    card = replace(card, warnings=(*card.warnings, *speed_hints(card.precision)))
    if lint_only:
        settings = () if devices is None else _of_devices(devices)
        report_hints(card.file, (*card.hints, *settings), as_json=as_json)
        return
    truth = None if devices is None else _opened(model, facts, devices, demotion)
    if as_json:
        device = {} if truth is None else {"device": truth.to_dict()}
        typer.echo(json.dumps(card.to_dict() | device, indent=2))
        return
    _show(card)
    if truth is not None:
        from lineside.cli.device_table import show_truth

        show_truth(truth)


def _refuse_odd_pairs(*, measure: bool, lint_only: bool, runs: int | None) -> None:
    """Refuse options that do not go together.

    Raises:
        SettingsError: There are such.
    """
    if measure and lint_only:
        raise SettingsError("expected one of --lint and --measure; got both")
    if runs is not None and not measure:
        raise SettingsError("--runs: expected together with --measure")


def _of_devices(devices: str) -> tuple[Hint, ...]:
    """What is known against a list of devices, of which one runs."""
    from lineside.core.placement import placements
    from lineside.engine.hardware import usable_cores
    from lineside.engine.hints import hints
    from lineside.engine.rungs import rungs

    return hints(rungs(placements(devices), None), cores=usable_cores(), sessions=1)


def _opened(model: Path, facts: ModelFacts, devices: str, demotion: str) -> Truth:
    """The report on the model, opened on the devices."""
    from lineside.cli.opening import open_detector
    from lineside.detector.detector import Detector

    return open_detector(Detector, model, devices=devices, demotion=demotion, facts=facts).truth


def _show(card: ModelCard) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(card.file), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(card):
        table.add_row(name, escape(value))
    console = Console()
    console.print(table)
    show_hints(card.hints, console)
    for warning in card.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}")


def _rows(card: ModelCard) -> list[tuple[str, str]]:
    spec, how = card.input, card.conventions
    free = [n for n, f in (("size", spec.dynamic_size), ("batch", spec.dynamic_batch)) if f]
    nms = "inside the file" if card.nms_inside else "none needed" if card.nms_free else "outside the graph"
    names = ", ".join(card.names[:20]) + (f", … ({len(card.names)} in all)" if len(card.names) > 20 else "")
    return [
        ("family", f"{card.family}: {card.family_title}"),
        ("task", card.task),
        ("sureness", f"{card.sureness:.0%}"),
        ("because", "\n".join(card.evidence)),
        ("classes", f"{len(card.names)} ({card.names_from}): {names}"),
        (
            "input",
            f'"{spec.name}" {spec.size} {spec.dtype} {spec.layout}, dynamic: {" and ".join(free) or "no"}',
        ),
        *(
            ("beside it", f'"{c.name}" {c.dtype}: {", ".join(f"{value:g}" for value in c.values)}')
            for c in spec.constants
        ),
        ("colour, scale", f"{how.colour}, pixel values divided by {how.scale:g}{_centring(how)}"),
        (
            "letterbox",
            (
                f"{how.fit.anchor}, {how.fit.rounding}, {how.fit.gain.replace('_', ' ')} gain, padded with "
                f"{how.fit.pad_value}"
            ),
        ),
        ("head", _head(card)),
        ("NMS", f"{nms}, {'within each class' if how.class_aware else 'over all classes'}"),
        ("precision", card.precision),
        ("opset, producer", f"{card.opset}, {card.producer or 'unknown'}"),
        ("description", card.description or "none"),
        ("parameters", f"{card.parameters / 1e6:.2f} million"),
        ("cost", "unknown" if card.flops is None else f"{card.flops / 1e9:.2f} GFLOPs a picture"),
        ("file", f"{card.size_bytes / 1e6:.2f} MB, sha256 {card.sha256}"),
    ]


def _centring(how: Conventions) -> str:
    """What is done to the values besides the scale."""
    if how.is_plain:
        return ""
    mean, deviation = (", ".join(f"{v:g}" for v in values) for values in (how.mean, how.deviation))
    return f", less {mean}, divided by {deviation}"


def _head(card: ModelCard) -> str:
    """The head in a few words."""
    head = card.head
    if head.task == "classify":
        return f"{head.classes} classes of the whole picture, {head.form}"
    grid = f", strides {', '.join(map(str, head.strides))}" if head.strides else ""
    return f"{head.rows or 'varying'} rows, {head.classes} classes{grid}"
