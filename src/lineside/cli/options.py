"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineside.core import plugins

if TYPE_CHECKING:
    from lineside.models.facts import ModelFacts

_BY_HAND = "The model, set by hand"


def _families() -> str:
    """Lineside's own families; those of other packages would have every start look through what is installed."""
    return ", ".join(plugins.own("lineside.models.families"))


Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="An .onnx file, or shipped:plant.", show_default=False)
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads of one run. Default: one a usable core.", show_default=False),
]
Family = Annotated[
    str | None,
    typer.Option(
        help=f"{_families()}, a version of one, or a family that an installed package brings.",
        rich_help_panel=_BY_HAND,
        show_default=False,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="Input size, 640 or 640x480 (width x height), for a file that leaves it open.",
        rich_help_panel=_BY_HAND,
        show_default=False,
    ),
]
Colour = Annotated[
    str | None, typer.Option(help="Channel order: rgb or bgr.", rich_help_panel=_BY_HAND, show_default=False)
]
Scale = Annotated[
    float | None,
    typer.Option(help="Divisor of the pixel values: 255 or 1.", rich_help_panel=_BY_HAND, show_default=False),
]
Anchor = Annotated[
    str | None,
    typer.Option(help="Letterbox: centre, corner or stretch.", rich_help_panel=_BY_HAND, show_default=False),
]
Rounding = Annotated[
    str | None,
    typer.Option(
        help="Rounding of the scaled size: round or floor.", rich_help_panel=_BY_HAND, show_default=False
    ),
]
Gain = Annotated[
    str | None,
    typer.Option(help="Way back: per_axis or single factor.", rich_help_panel=_BY_HAND, show_default=False),
]
PadValue = Annotated[
    int | None,
    typer.Option(help="Grey level of the padding, 0 to 255.", rich_help_panel=_BY_HAND, show_default=False),
]
NAMES_HELP = "The model's class names: a comma list, or a .txt file with one a line."
Names = Annotated[
    str | None, typer.Option("--names", help=NAMES_HELP, rich_help_panel=_BY_HAND, show_default=False)
]
NamesOrClasses = Annotated[
    str | None,
    typer.Option("--names", "--classes", help=NAMES_HELP, rich_help_panel=_BY_HAND, show_default=False),
]


def facts(*, names: str | None, size: str | None, **others: Any) -> ModelFacts:
    """The facts that the options of a command set.

    Raises:
        SettingsError: A value is malformed.
    """
    from lineside.models.facts import ModelFacts, parse_names, parse_size

    return ModelFacts(
        names=parse_names(names) if names else None, size=parse_size(size) if size else None, **others
    )
