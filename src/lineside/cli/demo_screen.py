"""What `lineside demo` shows while it runs: a live table in a terminal, a line now and then elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lineside.core.verdict import Verdict
from lineside.line.statistics import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from lineside.line.statistics import LineEvent, Statistics

_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.UNKNOWN: "yellow"}
_EVENTS = 5
_REFRESH_S = 0.25
_TOLD_EVERY_S = 5.0


def watch(
    console: Console,
    statistics: Callable[[], Statistics],
    wait: Callable[[float], bool],
    draw: Callable[[], RenderableType] | None = None,
) -> None:
    """Show a line until it has ended.

    Args:
        console: Where.
        statistics: The line at the moment of the call.
        wait: Waits up to so many seconds; true when the line has ended.
        draw: What a terminal shows of it; `None` for its statistics.
    """
    draw = draw or (lambda: table(statistics()))
    if not console.is_terminal:
        _tell(console, statistics, wait)
        return
    # Not refreshed by itself: a table is drawn when there is a new one, and the rest of the time is the line's.
    with Live(draw(), console=console, auto_refresh=False, transient=True) as live:
        while not wait(_REFRESH_S):
            live.update(draw(), refresh=True)


def _tell(console: Console, statistics: Callable[[], Statistics], wait: Callable[[float], bool]) -> None:
    told: set[LineEvent] = set()
    is_over = False
    while not is_over:
        is_over = wait(_TOLD_EVERY_S)
        now = statistics()
        for event in now.events:
            if event not in told:
                told.add(event)
                console.print(f"{event.at_s:6.1f} s  {event.sentence}", soft_wrap=True, markup=False)
        console.print(one_line(now), soft_wrap=True, markup=False)


def one_line(stats: Statistics) -> str:
    """The line in one line of text."""
    total = stats.stages.get("total")
    times = f"p50 {total.p50_s * 1e3:.0f} ms  p99 {total.p99_s * 1e3:.0f} ms" if total else "no part yet"
    counts = "  ".join(f"{verdict} {count}" for verdict, count in stats.verdicts.items())
    against = stats.against
    # On a real line nobody knows the truth, and no escape seen is no claim that there was none.
    truth = (
        f"  escapes {against.escapes}  overkills {against.overkills}" if against.bad + against.good else ""
    )
    return f"{stats.elapsed_s:6.1f} s  {stats.parts_per_minute:.0f} parts/min  {counts}  {times}{truth}"


def table(stats: Statistics) -> RenderableType:
    """The line as tables: counts and stages side by side, the latest parts, the latest events."""
    pieces: list[RenderableType] = [counts_and_stages(stats), Text(), recent_parts(stats)]
    if stats.events:
        pieces += [Text(), latest_events(stats)]
    return Group(*pieces)


def counts_and_stages(stats: Statistics) -> Table:
    """What was counted, and beside it the times of each stage."""
    upper = Table.grid(padding=(0, 4))
    upper.add_row(_counts(stats), _stages(stats))
    return upper


def _counts(stats: Statistics) -> Table:
    counts = Table.grid(padding=(0, 2))
    counts.add_column(style="dim")
    counts.add_column(justify="right")
    counts.add_row("time", f"{stats.elapsed_s:.1f} s")
    counts.add_row("parts/min", f"{stats.parts_per_minute:.0f}")
    for verdict, count in stats.verdicts.items():
        counts.add_row(Text(str(verdict), style=_COLOURS[verdict]), str(count))
    against = stats.against
    if against.bad + against.good:
        counts.add_row("escapes", _alarming(against.escapes, f" of {against.bad} bad"))
        counts.add_row("overkills", _alarming(against.overkills, f" of {against.good} good"))
    if stats.late_results:
        counts.add_row("late results", str(stats.late_results))
    if stats.counts.passed_over:
        counts.add_row("passed over", str(stats.counts.passed_over))
    if stats.counts.unnamed:
        counts.add_row("without a trigger", _alarming(stats.counts.unnamed, ""))
    lost = stats.counts.dropped + stats.counts.output_faults + stats.counts.unwritten
    if lost:
        counts.add_row("not written", _alarming(lost, ""))
    return counts


def _alarming(count: int, more: str) -> Text:
    return Text.assemble((str(count), "bold red" if count else ""), (more, "dim"))


def _stages(stats: Statistics) -> Table:
    stages = Table(box=None, padding=(0, 2), header_style="dim")
    stages.add_column("stage")
    for name in ("p50 ms", "p99 ms"):
        stages.add_column(name, justify="right")
    for stage in STAGES:
        times = stats.stages.get(stage)
        cells = ("", "") if times is None else (f"{times.p50_s * 1e3:.2f}", f"{times.p99_s * 1e3:.2f}")
        stages.add_row(stage, *cells)
    return stages


def recent_parts(stats: Statistics, most: int | None = None) -> Table:
    """The latest parts, newest first."""
    recent = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    recent.add_column("part", justify="right")
    recent.add_column("verdict")
    recent.add_column("ms", justify="right")
    recent.add_column("why", ratio=1, no_wrap=True, overflow="ellipsis")
    for part in stats.recent[:most]:
        why = part.detail if part.reason is None else f"{part.reason}: {part.detail}"
        verdict = Text(str(part.verdict), style=_COLOURS[part.verdict])
        recent.add_row(str(part.part), verdict, f"{part.total_s * 1e3:.0f}", Text(why))
    return recent


def latest_events(stats: Statistics) -> Table:
    """The latest events, newest last."""
    events = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    events.add_column("at", justify="right")
    events.add_column("event", ratio=1, no_wrap=True, overflow="ellipsis")
    for event in stats.events[-_EVENTS:]:
        events.add_row(f"{event.at_s:.1f} s", Text(event.sentence))
    return events
