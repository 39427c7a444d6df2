"""`lineside simulate`: a line's cameras and devices in virtual time, with what breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli.plan import HandoverUs, Plot, Profiles, given_handover, known_profiles
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from lineside.dispatch.simulation.record import Outcome
    from lineside.dispatch.simulation.scenario import Scenario


def simulate_line(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="Cameras, devices and faults.", show_default=False)
    ],
    *,
    seconds: Annotated[
        float | None,
        typer.Option(help="Virtual seconds, 0.01 to 86400, in place of the file's.", show_default=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of all dice, in place of the file's.", show_default=False)
    ] = None,
    routing: Annotated[
        str | None, typer.Option(help="Routing policy, in place of the file's.", show_default=False)
    ] = None,
    profiles: Profiles = None,
    handover_us: HandoverUs = None,
    plot: Plot = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Play a line in virtual time: latency, misses and utilisation, and what its faults do to them."""
    from dataclasses import replace

    from lineside.cli.plan_report import print_plot, print_run, run_document
    from lineside.dispatch.routing import open_policy
    from lineside.dispatch.simulation.layout import read_scenario
    from lineside.dispatch.simulation.planning import check_deadline, check_pictures, check_size

    if plot is not None:
        from lineside.dispatch.simulation.plots import check_target

        check_target(plot)
    if seconds is not None and not 0.01 <= seconds <= 86_400:
        raise SettingsError(f"--seconds: expected a number of 0.01 to 86400; got {seconds:g}")
    known = known_profiles(profiles)
    scenario = read_scenario(file, known.profiles, known.handover)
    if routing is not None:
        open_policy(routing)
        scenario = replace(scenario, routing=routing)
    scenario = replace(
        scenario,
        seconds=scenario.seconds if seconds is None else seconds,
        seed=scenario.seed if seed is None else seed,
        handover=given_handover(handover_us) or scenario.handover,
    )
    for fault in scenario.faults:
        if fault.from_s >= scenario.seconds:  # of a shorter run than the file's
            typer.echo(
                f"{file}: the fault of {fault.device} at {fault.from_s:g} s is after the end of this run",
                err=True,
            )
    check_size(scenario, f"{file}: fps and seconds")
    check_deadline(scenario, f"{file}: deadline_ms")
    outcome = _with_progress(scenario)
    check_pictures(outcome)
    if as_json:
        typer.echo(json.dumps(run_document(outcome), indent=2, allow_nan=False))
    else:
        print_run(outcome)
    if plot is not None:
        from lineside.dispatch.simulation.plots import draw_run

        draw_run(outcome, plot)
        if not as_json:
            print_plot(plot)


def _with_progress(scenario: Scenario) -> Outcome:
    from lineside.cli.progress import progress
    from lineside.dispatch.simulation.simulate import simulate

    with progress("simulating", int(scenario.seconds)) as step:
        return simulate(scenario, on_second=step)
