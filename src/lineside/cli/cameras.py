"""`lineside cameras`: which cameras are attached, and what one of them sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.finding import Found


def cameras(
    *,
    show: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Open this camera and say what it sends.", show_default=False),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="NAME=VALUE",
            help="With --show: a feature, as in line.toml.",
            show_default=False,
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="With --show: the rate to ask for.", min=0.001, max=10_000, show_default=False),
    ] = None,
    frames: Annotated[int, typer.Option(help="With --show: pictures to take.", min=1, max=10_000)] = 20,
    timeout_s: Annotated[
        float, typer.Option(help="With --show: seconds to wait for a picture.", min=0.1, max=600)
    ] = 10.0,
    trigger: Annotated[
        str, typer.Option(help="With --show: free, or software to trigger each picture.")
    ] = "free",
    save: Annotated[
        Path | None,
        typer.Option(help="With --show: write the last picture to this file.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show which cameras are attached, or open one and say what it sends."""
    if show is None:
        if features or save:
            raise SettingsError("--feature and --save: expected --show ADDRESS with them")
        _list(as_json=as_json)
        return
    if trigger not in {"free", "software"}:
        raise SettingsError(f'--trigger: expected free or software; got "{trigger}"')
    from lineside.cli.camera_shown import look

    report = look(
        show, _table(features or []), fps=fps, count=frames, timeout_s=timeout_s, trigger=trigger, save=save
    )
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        from lineside.cli.cameras_tables import show_one

        show_one(report)


def _list(*, as_json: bool) -> None:
    from rich.console import Console

    from lineside.capture.finding import find, host_settings, kinds

    found = []
    with Console(stderr=True).status("looking for cameras") as status:
        for kind in kinds():
            status.update(f"looking for cameras: {kind}")
            found.append(find(kind))
    host = list(host_settings())
    if as_json:
        settings = [{"name": each.name, "value": each.value, "hint": each.hint} for each in host]
        typer.echo(json.dumps({"kinds": _document(found), "host": settings}, indent=2))
    else:
        from lineside.cli.cameras_tables import show_all

        show_all(found, host)


def _document(found: Sequence[Found]) -> list[dict[str, Any]]:
    return [
        {
            "kind": each.kind,
            "schemes": list(each.schemes),
            "can_look": each.can_look,
            "lack": each.lack,
            "fault": each.fault,
            "cameras": [
                {
                    "address": camera.address,
                    "model": camera.model,
                    "serial": camera.serial,
                    "facts": dict(camera.facts),
                    "hints": list(camera.hints),
                }
                for camera in each.cameras
            ],
        }
        for each in found
    ]


def _table(pairs: Sequence[str]) -> dict[str, Any]:
    """The features, each value as TOML reads it, or as text where it is no TOML."""
    import tomllib

    table: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise SettingsError(f'--feature: expected NAME=VALUE; got "{pair}"')
        try:
            table[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[name] = value
    return table
