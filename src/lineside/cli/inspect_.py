"""`lineside inspect`: what a model file is, how sure that is, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import options

if TYPE_CHECKING:
    from lineside.models.card import ModelCard


def inspect_model(
    model: options.Model,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    family: options.Family = None,
    names: options.NamesOrClasses = None,
    size: options.Size = None,
    colour: options.Colour = None,
    scale: options.Scale = None,
    anchor: options.Anchor = None,
    rounding: options.Rounding = None,
    gain: options.Gain = None,
    pad_value: options.PadValue = None,
) -> None:
    """Show what a model file is: family, classes, input, conventions, cost and warnings."""
    from lineside.engine import run_once
    from lineside.models.card import ModelCard

    facts = options.facts(
        names=names,
        size=size,
        family=family,
        colour=colour,
        scale=scale,
        anchor=anchor,
        rounding=rounding,
        gain=gain,
        pad_value=pad_value,
    )
    card = ModelCard.read(model, facts=facts, run=run_once)
    if as_json:
        typer.echo(json.dumps(card.to_dict(), indent=2))
    else:
        _show(card)


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
    for warning in card.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}")


def _rows(card: ModelCard) -> list[tuple[str, str]]:
    spec, how, head = card.input, card.conventions, card.head
    free = [n for n, f in (("size", spec.dynamic_size), ("batch", spec.dynamic_batch)) if f]
    nms = "inside the file" if card.nms_inside else "none needed" if card.nms_free else "outside the graph"
    grid = f", strides {', '.join(map(str, head.strides))}" if head.strides else ""
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
        ("colour, scale", f"{how.colour}, pixel values divided by {how.scale:g}"),
        (
            "letterbox",
            (
                f"{how.fit.anchor}, {how.fit.rounding}, {how.fit.gain.replace('_', ' ')} gain, padded with "
                f"{how.fit.pad_value}"
            ),
        ),
        ("head", f"{head.rows or 'varying'} rows, {head.classes} classes{grid}"),
        ("NMS", f"{nms}, {'within each class' if how.class_aware else 'over all classes'}"),
        ("precision", card.precision),
        ("opset, producer", f"{card.opset}, {card.producer or 'unknown'}"),
        ("description", card.description or "none"),
        ("parameters", f"{card.parameters / 1e6:.2f} million"),
        ("cost", "unknown" if card.flops is None else f"{card.flops / 1e9:.2f} GFLOPs a picture"),
        ("file", f"{card.size_bytes / 1e6:.2f} MB, sha256 {card.sha256}"),
    ]
