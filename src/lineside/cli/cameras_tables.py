"""The tables of `lineside cameras`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineside.capture.finding import Found, HostSetting


def show_all(found: Sequence[Found], host: Sequence[HostSetting]) -> None:
    """Print what is attached, the kinds, and this host's settings on stdout."""
    console = Console()
    cameras = [camera for each in found for camera in each.cameras]
    if cameras:
        console.print(_attached(found))
    else:
        console.print("No camera is attached that can be found.\n", highlight=False)
    console.print(_kinds(found))
    if host:
        console.print(_host(host))
    hints = dict.fromkeys(
        [*(hint for camera in cameras for hint in camera.hints), *(each.hint for each in host)]
    )
    for hint in filter(None, hints):
        console.print(f"[yellow]hint:[/] {escape(hint)}", highlight=False, soft_wrap=True)


def show_one(report: Mapping[str, Any]) -> None:
    """Print what a camera sends on stdout."""
    table = Table(title=escape(str(report["address"])), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(report):
        table.add_row(name, escape(value))
    Console().print(table)


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "picture", f"{report['width']}x{report['height']} {report['format']}, mean {report['mean']} of 255"
    yield "rate", f"{'-' if report['fps'] is None else report['fps']} fps over {report['pictures']} pictures"
    age = "-" if report["age_ms"] is None else f"{report['age_ms']} ms"
    yield "age when read", f"{age} (median), since the camera's exposure or the picture's arrival"
    yield "opened in", f"{report['open_s']} s, first picture after {report['first_picture_s']} s more"
    yield "lost", f"{report['dropped']} dropped, {report['incomplete']} incomplete, {report['missed']} missed"
    yield "own clock", _clock(report)
    if report["remark"]:
        yield "otherwise than asked", str(report["remark"])
    if report["saved"]:
        yield "saved", str(report["saved"])


def _clock(report: Mapping[str, Any]) -> str:
    if not report["has_device_clock"]:
        return "no"
    if not report["clock"]:
        return "yes"
    offset_s = report["clock_offset_s"]
    return f"{report['clock']}{'' if offset_s is None else f', {1e6 * offset_s:g} µs off'}"


def _attached(found: Sequence[Found]) -> Table:
    table = Table(title="CAMERAS", title_justify="left")
    for column in ("address", "kind", "model", "serial", "more"):
        table.add_column(column, overflow="fold")
    for each in found:
        for camera in each.cameras:
            facts = ", ".join(f"{name} {value}" for name, value in camera.facts.items())
            table.add_row(*map(escape, (camera.address, camera.kind, camera.model, camera.serial, facts)))
    return table


def _kinds(found: Sequence[Found]) -> Table:
    table = Table(title="KINDS", title_justify="left")
    for column in ("kind", "addresses", "found"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            each.kind, escape(", ".join(f"{scheme}:" for scheme in each.schemes)), escape(_state(each))
        )
    return table


def _state(found: Found) -> str:
    if found.lack:
        return f"not installed: {found.lack}"
    if found.fault:
        return f"cannot look: {found.fault}"
    if not found.can_look:
        return "named by their address, not looked for"
    return str(len(found.cameras)) if found.cameras else "none"


def _host(host: Sequence[HostSetting]) -> Table:
    table = Table(title="THIS HOST", title_justify="left")
    for column in ("setting", "value", "enough"):
        table.add_column(column)
    for each in host:
        table.add_row(escape(each.name), each.value, "[yellow]no[/]" if each.hint else "yes")
    return table
