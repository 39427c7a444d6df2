"""`lineside init`: a commented `line.toml` for what is attached to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineside.core.errors import SettingsError


def init_line(
    file: Annotated[
        Path, typer.Argument(metavar="LINE.TOML", help="Where it is written.", show_default=False)
    ] = Path("line.toml"),
    *,
    model: Annotated[
        str, typer.Option(help="An .onnx file, from the folder of the settings, or shipped:plant.")
    ] = "shipped:plant",
    drawn: Annotated[bool, typer.Option("--drawn", help="Drawn cameras, whatever is attached.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write the settings of a line, with a comment beside every key, for the cameras that are attached.

    Where none is found the cameras are those of the drawn plant, so that `lineside init` and `lineside run` work at once.
    """
    from lineside.capture.finding import find, kinds
    from lineside.line.settings.reading import LineSettings
    from lineside.line.settings.template import Seen, drawn_cameras, template
    from lineside.outputs.files import replacing

    if file.exists() and not overwrite:
        raise SettingsError(f"{file}: it is there already; --overwrite replaces it")
    found = [] if drawn else [one for kind in kinds() for one in find(kind).cameras]
    cameras = [Seen(f"camera-{n}", one.address, one.model) for n, one in enumerate(found, 1)]
    text = template(cameras or drawn_cameras(), model)
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    LineSettings.read(file)
    names = (
        ", ".join(f"{one.id} ({one.address})" for one in cameras)
        or "none is attached: those of the drawn plant"
    )
    typer.echo(f"{file}: cameras: {names}")
    typer.echo(f"next: lineside check {file}, then lineside run {file}")
