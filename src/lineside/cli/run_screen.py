"""What `lineside run` shows in a terminal: what is wrong first, then counts and times, devices, cameras, links and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lineside.cli.demo_screen import counts_and_stages, latest_events, recent_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from lineside.line.statistics import Statistics

_ALARMS = 5
_LEAST_RECENT = 2
_MOST_RECENT = 8


def screen(stats: Statistics, health: Mapping[str, Any], *, height: int) -> RenderableType:
    """The line on a terminal of some height. The alarms are never cut off; the latest parts take what is left.

    Args:
        stats: The line now.
        health: What its health file says now.
        height: Of the terminal, in lines.
    """
    pieces: list[RenderableType] = [_head(health), *_alarms(health["alarms"]), counts_and_stages(stats)]
    tables = [
        table
        for table in (_devices(stats), _cameras(health["cameras"]), _outside(health))
        if table is not None
    ]
    pieces += tables
    if stats.events:
        pieces.append(latest_events(stats))
    used = 13 + min(len(health["alarms"]), _ALARMS) + sum(table.row_count + 1 for table in tables)
    used += min(len(stats.events), 5) + 1 if stats.events else 0
    pieces.append(recent_parts(stats, min(max(height - used, _LEAST_RECENT), _MOST_RECENT)))
    return Group(*pieces)


def _head(health: Mapping[str, Any]) -> Text:
    state, age_s = str(health["state"]), health["loop_age_s"]
    style = {"ready": "bold green", "fault": "bold red"}.get(state, "bold yellow")
    return Text.assemble(
        (str(health["line"]), "bold"),
        "  ",
        (state, style),
        ("" if age_s < 2 else f"  the loop hangs: {age_s:.0f} s", "bold red"),
    )


def _alarms(alarms: Sequence[str]) -> Iterable[Text]:
    for sentence in alarms[:_ALARMS]:
        yield Text(f"! {sentence}", style="bold red", no_wrap=True, overflow="ellipsis")
    if len(alarms) > _ALARMS:
        yield Text(f"! and {len(alarms) - _ALARMS} more alarms", style="bold red")


def _table(first: str, *numbers: str, last: str) -> Table:
    """A table whose last column takes what room is left."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    table.add_column(first, no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("state", no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(last, ratio=1, no_wrap=True, overflow="ellipsis")
    return table


def _state(state: str, *, is_well: bool) -> Text:
    return Text(state, style="green" if is_well else "bold red")


def _devices(stats: Statistics) -> Table | None:
    if not stats.devices:
        return None
    table = _table("device", "pictures", "p50 ms", "p99 ms", last="runs on")
    for row in stats.devices:
        times = ("", "") if row.run is None else (f"{row.run.p50_s * 1e3:.1f}", f"{row.run.p99_s * 1e3:.1f}")
        about = "; ".join(
            filter(None, (row.runs, f"out of service {row.faults} times" if row.faults else "", row.detail))
        )
        state = _state(row.health, is_well=row.health == "healthy")
        table.add_row(Text(row.name), state, str(row.frames), *times, Text(about))
    return table


def _cameras(cameras: Mapping[str, Mapping[str, Any]]) -> Table | None:
    if not cameras:
        return None
    table = _table("camera", "pictures", "fps", "last", last="")
    for name, one in cameras.items():
        age_s = one["age_s"]
        state = _state("lost" if one["away"] else one["state"], is_well=not one["away"])
        last = "never" if age_s is None else f"{age_s:.1f} s"
        table.add_row(Text(name), state, str(one["frames"]), f"{one['fps']:.1f}", last, Text(one["away"]))
    return table


def _outside(health: Mapping[str, Any]) -> Table | None:
    """The plant's controls and the outputs: who is away, and what waits for whom."""
    outbox = health["outbox"]
    if not health["links"] and outbox is None:
        return None
    table = _table("plant and outputs", "waiting", last="")
    for link in health["links"]:
        table.add_row(
            Text(link["kind"]),
            _state("away" if link["away"] else "well", is_well=not link["away"]),
            "",
            Text(link["away"]),
        )
    if outbox is not None and "fault" in outbox:
        table.add_row(Text("outbox"), _state("fault", is_well=False), "", Text(outbox["fault"]))
    elif outbox is not None:
        for name, waiting in outbox["waiting"].items():
            fault = outbox["faults"].get(name, "")
            table.add_row(
                Text(name), _state("fails" if fault else "well", is_well=not fault), str(waiting), Text(fault)
            )
        told = [f"{outbox['rows']} on disk, {outbox['bytes'] / 1e6:.1f} MB"]
        told += [
            f"{outbox[key]} {what}"
            for key, what in (("aside", "put aside"), ("dropped", "dropped"))
            if outbox[key]
        ]
        table.add_row(Text("outbox"), Text(""), "", Text(", ".join(told)))
    return table
