"""How a command opens its model: on the devices that the options name, and never silently on another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import typer

from lineside.cli.progress import waiting

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.detector.detector import Detector
    from lineside.engine.truth import Truth

    D = TypeVar("D", bound=Detector)


def open_detector(
    kind: type[D], model: str | Path, *, devices: str | None = None, demotion: str = "prefer", **more: Any
) -> D:
    """The open model; what takes long is shown, and a demotion is told on stderr.

    Args:
        kind: `Detector`, or a class made of it.
        model: The file.
        devices: The list of devices; `None` for what was tuned, else the CPU.
        demotion: `prefer` or `require`.
        more: What else a `Detector` takes.

    Raises:
        LinesideError: As `Detector`.
    """
    with waiting() as progress:
        detector = kind(model, devices=devices, demotion=demotion, progress=progress, **more)
    warn(detector.truth)
    return detector


def warn(truth: Truth) -> None:
    """One line on stderr about another device than was asked for first, and one about each notice."""
    for notice in truth.notices:
        typer.echo(f"notice: {notice}", err=True)
    if truth.is_demoted:
        from lineside.engine.truth import DEMOTED

        typer.echo(f"warning: {truth.sentence} [{DEMOTED}]", err=True)
