"""The tables of `lineside devices`: what is there, what can use it, what is wrong."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import lineside
from lineside.engine import advice
from lineside.engine.doctor import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineside.engine.doctor import Row
    from lineside.engine.hardware.machine import Card, Hardware
    from lineside.engine.provider import Device
    from lineside.engine.speed import Speed
    from lineside.engine.wheels import Wheels

_COLOURS = {
    State.READY: "green",
    State.NOT_BUILT_IN: "dim",
    State.NO_DEVICE: "dim",
    State.OTHER_SYSTEM: "dim",
}
_SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}


def show(hardware: Hardware, wheels: Wheels, rows: Sequence[Row], speeds: Mapping[str, Speed]) -> None:
    """Print the three tables on stdout.

    Args:
        hardware: What is there.
        wheels: What is installed.
        rows: The providers.
        speeds: What was measured, by placement.
    """
    console = Console()
    console.print(_facts("HARDWARE", _hardware(hardware)))
    console.print(_facts("SOFTWARE", _software(wheels)))
    console.print(_providers(rows, speeds))
    for finding in advice.warnings(wheels, hardware):
        console.print(f"[yellow]warning:[/] {escape(finding.text)}", highlight=False, soft_wrap=True)
        for line in finding.line.splitlines():
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)


def gibibytes(size_bytes: int) -> str:
    """A size of memory for a person."""
    return f"{size_bytes / 2**30:.1f} GiB"


def _facts(title: str, rows: Iterator[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def _hardware(hardware: Hardware) -> Iterator[tuple[str, str]]:
    processor, memory = hardware.processor, hardware.memory
    host = f", {hardware.host}" if hardware.host else ""
    yield "system", f"{_SYSTEMS.get(hardware.system, hardware.system)} {hardware.machine}{host}"
    maker = "" if processor.model.startswith(processor.maker) else f"{processor.maker} "
    yield "CPU", f"{maker}{processor.model}".strip() or "unknown"
    cores = f"{processor.cores} cores, " if processor.cores else ""
    yield "threads", f"{processor.usable} usable; {cores}{processor.threads} threads{_bounds(hardware)}"
    if processor.instructions:
        yield "instructions", ", ".join(processor.instructions)
    if memory.total_bytes is not None:
        free = "" if memory.available_bytes is None else f", {gibibytes(memory.available_bytes)} available"
        limit = "" if memory.limit_bytes is None else f", limited to {gibibytes(memory.limit_bytes)}"
        yield "memory", f"{gibibytes(memory.total_bytes)}{free}{limit}"
    for card in hardware.cards:
        yield card.kind.upper() if len(card.kind) == 3 else card.kind, _card(card)
    if not any(card.kind != "display" for card in hardware.cards):
        yield "GPU, NPU", "none found"


def _bounds(hardware: Hardware) -> str:
    """What keeps this process from some of the threads."""
    processor = hardware.processor
    allowed = f", {processor.allowed} allowed" if processor.allowed != processor.threads else ""
    return allowed + ("" if processor.quota is None else f", the time of {processor.quota:g} granted")


def _card(card: Card) -> str:
    name = card.name if card.name.startswith(card.maker) else f"{card.maker} {card.name}"
    memory = "" if card.memory_bytes is None else f", {gibibytes(card.memory_bytes)}"
    driver = f", driver {card.driver} {card.driver_version}".rstrip() if card.driver else ", no driver"
    where = f" ({card.address.removeprefix('pci:')})" if card.address else ""
    return f"{name}{memory}{driver if card.kind != 'display' else ''}{where}"


def _software(wheels: Wheels) -> Iterator[tuple[str, str]]:
    yield "lineside", f"{lineside.__version__}, Python {platform.python_version()}"
    runtimes = ", ".join(map(str, wheels.runtimes))
    unlisted = "there, but no package owns it" if wheels.place and not wheels.is_empty else "not installed"
    yield "onnxruntime", runtimes or unlisted
    if wheels.plugins:
        yield "plug-ins", ", ".join(map(str, wheels.plugins))


def _providers(rows: Sequence[Row], speeds: Mapping[str, Speed]) -> Table:
    table = Table(title="PROVIDERS", title_justify="left")
    table.add_column("provider", style="bold", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("devices, or what is missing", overflow="fold", ratio=1)
    for row in rows:
        colour = _COLOURS.get(row.state, "yellow")
        cell = "\n".join(_told(row, speeds))
        table.add_row(row.name, f"[{colour}]{row.state}[/]", escape(cell))
    return table


def _told(row: Row, speeds: Mapping[str, Speed]) -> Iterator[str]:
    """The lines of a provider's third cell."""
    if row.state is State.READY:
        yield from (_device(row, device, speeds) for device in row.devices)
        return
    yield row.why
    yield from row.lines


def _device(row: Row, device: Device, speeds: Mapping[str, Speed]) -> str:
    placement = f"{row.name}:{device.index}"
    memory = f", {gibibytes(device.memory_bytes)}" if device.memory_bytes else ""
    driver = (
        f", driver {device.driver}"
        if device.driver[:1].isdecimal()
        else f", {device.driver}"
        if device.driver
        else ""
    )
    speed = speeds.get(placement)
    return f"{placement}  {device.name}{memory}{driver}{f': {speed}' if speed else ''}"


def show_report(report: Mapping[str, Any]) -> None:
    """Print what a list of devices came to, entry by entry, on stdout.

    Args:
        report: A truth report as plain values, with `p50_ms` and `runs` of the small model.
    """
    table = Table(title="DEVICES", title_justify="left")
    table.add_column("asked", style="bold", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("", overflow="fold", ratio=1)
    passed = {one["placement"]: one for one in report["passed_over"]}
    for placement in report["asked"]:
        if placement in passed:
            why = f"{passed[placement]['message']} [{passed[placement]['code']}]"
            table.add_row(placement, "[yellow]passed over[/]", escape(why))
        elif placement == report["got"]:
            table.add_row(placement, "[green]runs[/]", escape("\n".join(_proof(report))))
        else:
            table.add_row(
                placement, "[dim]not tried[/]", "an entry before it works; an engine would run both"
            )
    console = Console()
    console.print(table)
    for notice in report["notices"]:
        console.print(f"[yellow]notice:[/] {escape(notice)}", highlight=False, soft_wrap=True)


def _proof(report: Mapping[str, Any]) -> Iterator[str]:
    """What the report says of the device that runs."""
    device = f" on {report['device']}" if report["device"] else ""
    yield f"{report['provider']}{device}, {report['precision']}, {report['p50_ms']:.1f} ms for the small model"
    if report["share"] is not None:
        copies = f", {report['copies']} copies between devices a run" if report["copies"] else ""
        yield f"{report['share']:.0%} of the nodes run on it{copies}"
    if (probe := report["probe"]) is not None:
        off = f"off by {probe['deviation']:.2g}, where {report['precision']} explains {probe['tolerance']:g}"
        yield f"answers the test picture as the CPU does in float32: {off}"
    yield f"opened in {report['load_s'] + report['warm_up_s']:.1f} s, first run included"
