"""The answers of `lineside plan` and `lineside simulate`: tables for people, documents for programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineside.core.delivery import Delivery
from lineside.dispatch.simulation.planning import LOADS, MOST_FRAMES, hopeless

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.dispatch.simulation.planning import PlanReport
    from lineside.dispatch.simulation.record import Figures, Outcome

_FULL = 0.8  # share of the time that the interpreter is busy, from which pictures wait for it


def plan_document(report: PlanReport) -> dict[str, Any]:
    """A plan as a value that `json.dumps` takes; the schema stands in docs/dispatch.md."""
    return {
        **run_document(report.outcome),
        "enough": report.enough,
        "max_misses": report.max_misses,
        "when_one_dies": [
            {"device": loss.device, "enough": loss.enough, **_figures(loss.after)} for loss in report.losses
        ],
        "needed": [
            {
                "profile": each.profile,
                "count": each.count,
                "count_so_that_one_may_die": each.with_loss,
                "more_than": each.more_than,
                "one_picture_ms": _ms(each.fastest_s),
                "source": each.source,
            }
            for each in report.needed
        ],
        "loads": [
            {
                "load": point.load,
                "fps": round(point.fps, 1),
                "seconds": round(point.seconds, 6),
                **_figures(point.figures),
            }
            for point in report.loads
        ],
    }


def run_document(outcome: Outcome) -> dict[str, Any]:
    """A run as a value that `json.dumps` takes."""
    scenario, busy = outcome.scenario, outcome.utilisation()
    shares = outcome.shares()
    return {
        "seconds": scenario.seconds,
        "seed": scenario.seed,
        "routing": scenario.routing,
        "cameras": len(scenario.streams),
        "asked_fps": round(scenario.asked_fps, 3),
        "bound_fps": round(scenario.bound_fps, 3),
        "all": _figures(outcome.figures()),
        "by_delivery": {str(d): _figures(outcome.figures(delivery=d)) for d in _deliveries(outcome)},
        "worst_camera_in_time": round(float(shares.min()), 6),
        "handover": None
        if scenario.handover is None
        else {**scenario.handover.as_microseconds(), "source": scenario.handover.source},
        "handing_over": round(outcome.handing, 4),
        "retried": outcome.statistics.retried,
        "hedged": outcome.statistics.hedged,
        "devices": [
            {
                "name": device.name,
                "profile": given.profile,
                "source": given.source,
                "utilisation": round(busy[device.name], 4),
                "frames": device.frames,
                "batches": device.batches,
                "faults": device.faults,
                "health": str(device.health),
            }
            for device, given in zip(outcome.statistics.devices, scenario.devices, strict=True)
        ],
        "health": [
            {"device": m.device, "at_s": round(m.at_s, 6), "health": m.health, "detail": m.detail}
            for m in outcome.marks
        ],
    }


def print_plan(report: PlanReport) -> None:
    """A plan as tables."""
    console = Console()
    _print_head(report.outcome, console)
    says = "enough" if report.enough else "not enough"
    misses = report.outcome.figures().misses
    console.print(
        f"[bold]{'[green]' if report.enough else '[red]'}{says}[/][/]: {misses:.3%} of the pictures are not in time; "
        f"{report.max_misses:.3%} may be",
        highlight=False,
    )
    if report.losses:
        table = _table("When one dies", "dies", "in time", "p50", "p99", "still enough")
        for loss in report.losses:
            table.add_row(escape(loss.device), *_row(loss.after), "yes" if loss.enough else "no")
        console.print(table)
    table = _table(
        "How many of one kind are enough", "profile", "devices", "so that one may die", "times are"
    )
    for each in report.needed:
        table.add_row(
            escape(each.profile),
            *(_count(n, each.more_than) for n in (each.count, each.with_loss)),
            escape(each.source),
        )
    console.print(table)
    _print_loads(report, console)


def _count(count: int | None, more_than: int | None) -> str:
    if count is not None:
        return str(count)
    return "no number is" if more_than is None else f"more than {more_than}"


def _print_loads(report: PlanReport, console: Console) -> None:
    """Latency over load, and how much was simulated of it."""
    left_out = LOADS - len(report.loads)
    if report.loads:
        table = _table("Latency over load", "pictures a second", "of the bound", "in time", "p50", "p99")
        shortest, longest = (f(point.seconds for point in report.loads) for f in (min, max))
        span = f"{shortest:.2g} to {longest:.2g}" if shortest < longest else f"{longest:.2g}"
        table.caption = f"each of {span} virtual seconds, and of {MOST_FRAMES} pictures at most"
        for point in report.loads:
            table.add_row(f"{point.fps:.0f}", f"{point.load:.0%}", *_row(point.figures))
        console.print(table)
    if left_out:
        console.print(
            f"Latency over load: {left_out} of {LOADS} loads are left out, because so many pictures a second cannot be simulated for "
            "long enough to say anything.",
            highlight=False,
        )


def print_run(outcome: Outcome) -> None:
    """A run as tables."""
    console = Console()
    _print_head(outcome, console)
    marks = [mark for mark in outcome.marks if mark.at_s > 0]
    if marks:
        table = _table("What happened to devices", "second", "device", "health", "because")
        for mark in marks[:30]:
            table.add_row(f"{mark.at_s:.3f}", escape(mark.device), mark.health, escape(mark.detail))
        console.print(table)
        if len(marks) > 30:
            console.print(f"… and {len(marks) - 30} changes more; --json tells all")


def _print_head(outcome: Outcome, console: Console) -> None:
    scenario, busy = outcome.scenario, outcome.utilisation()
    console.print(
        f"{len(scenario.streams)} cameras, {scenario.asked_fps:.0f} pictures a second for {scenario.seconds:g} virtual "
        f"seconds; these devices could have {scenario.bound_fps:.0f} a second in time at the very most "
        f"({scenario.asked_fps / scenario.bound_fps:.0%})"
        if scenario.bound_fps
        else "no device makes the deadline",
        highlight=False,
    )
    if scenario.handover is not None:
        console.print(
            f"Hand-over: {scenario.handover} ({scenario.handover.source}); it keeps one core busy for {outcome.handing:.0%} of the time",
            markup=False,
            highlight=False,
        )
        if outcome.handing > _FULL:
            console.print(
                "The engine itself is what is short, not the devices: all threads of a process share one interpreter. Spread the "
                "cameras over several processes.",
                highlight=False,
            )
    if why := hopeless(scenario):
        console.print(why, markup=False, highlight=False)
    table = _table("Pictures", "", "pictures", "in time", "p50", "p99", "UNKNOWN", "dropped")
    kinds = _deliveries(outcome)
    for name, figures in [
        *((str(d), outcome.figures(delivery=d)) for d in kinds if len(kinds) > 1),
        ("all", outcome.figures()),
    ]:
        table.add_row(name, str(figures.frames), *_row(figures), str(figures.unknown), str(figures.dropped))
    console.print(table)
    console.print(
        "p50 and p99, here and below, are of the pictures in time: UNKNOWN and dropped ones have no such time.",
        highlight=False,
    )
    table = _table("Devices", "device", "busy", "pictures", "a run", "faults", "at the end", "times are")
    for device, given in zip(outcome.statistics.devices, scenario.devices, strict=True):
        mean = device.frames / device.batches if device.batches else 0.0
        table.add_row(
            escape(device.name), f"{busy[device.name]:.0%}", str(device.frames), f"{mean:.1f}", str(device.faults),
            str(device.health), escape(given.source),
        )  # fmt: skip
    console.print(table)


def print_plot(plot: Path) -> None:
    """Where the drawing is."""
    Console().print(f"Plot: {plot}", markup=False, highlight=False, soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _row(figures: Figures) -> tuple[str, str, str]:
    def ms(seconds: float) -> str:
        return "none" if math.isnan(seconds) else f"{seconds * 1e3:.1f} ms"

    in_time = "none" if math.isnan(figures.in_time) else f"{figures.in_time:.3%}"
    return in_time, ms(figures.p50_s), ms(figures.p99_s)


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "frames": figures.frames,
        "in_time": None if math.isnan(figures.in_time) else round(figures.in_time, 6),
        "p50_ms": _ms(figures.p50_s),
        "p99_ms": _ms(figures.p99_s),
        "result_p99_ms": _ms(figures.result_p99_s),
        "unknown": figures.unknown,
        "dropped": figures.dropped,
        "lost": figures.lost,
    }


def _ms(seconds: float) -> float | None:
    return None if math.isnan(seconds) else round(seconds * 1e3, 4)


def _deliveries(outcome: Outcome) -> list[Delivery]:
    present = {stream.delivery for stream in outcome.scenario.streams}
    return [delivery for delivery in Delivery if delivery in present]
