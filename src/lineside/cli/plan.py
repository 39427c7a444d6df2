"""`lineside plan`: how many devices a number of cameras needs, and what to expect of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli.words import one_of
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from lineside.dispatch.simulation.handover import Handover
    from lineside.dispatch.simulation.planning import PlanReport
    from lineside.dispatch.simulation.profiles import DeviceProfile, ProfileFile
    from lineside.dispatch.simulation.scenario import Scenario

_MEASURED = "here"
Profiles = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="More device profiles, in TOML.", show_default=False),
]
HandoverUs = Annotated[
    float | None,
    typer.Option(
        "--handover-us",
        help="Microseconds that the engine itself takes each way, to a device and back, in place of the measured ones; "
        "0 for none.",
        show_default=False,
    ),
]
Plot = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw it, too.", show_default=False)]


def plan(
    *,
    cameras: Annotated[int, typer.Option(min=1, max=100_000, help="How many cameras.", show_default=False)],
    fps: Annotated[float, typer.Option(help="Pictures a second of each.", show_default=False)],
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Profiles, xN for several of one: fastx2,cpu. With times of your own: card=1+1b@8x2 (1 ms a run, "
            "1 ms a picture, at most 8 at once).",
            show_default=False,
        ),
    ] = None,
    deadline_ms: Annotated[float, typer.Option(help="Milliseconds from a picture to its answer.")] = 20.0,
    delivery: Annotated[
        str, typer.Option(help="every_part: each is answered; latest: a live view, which may drop some.")
    ] = "every_part",
    arrivals: Annotated[
        str, typer.Option(help="When pictures come: regular, together (one trigger for all) or random.")
    ] = "regular",
    routing: Annotated[str, typer.Option(help="Routing policy.")] = "earliest_completion",
    tails: Annotated[float, typer.Option(help="Share of runs that take 2 to 8 times as long.")] = 0.0,
    max_misses: Annotated[float, typer.Option(help="Share of pictures that may miss the deadline.")] = 0.001,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Virtual seconds; without it 10, or less where pictures come fast.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all dice.")] = 1,
    profiles: Profiles = None,
    measure: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help=f'Time this model on this machine, as the profile "{_MEASURED}", and what an engine takes to hand pictures over; '
            "with --profiles both are kept there.",
            show_default=False,
        ),
    ] = None,
    handover_us: HandoverUs = None,
    plot: Plot = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say how many devices are needed, what to expect of them, and what happens when one dies."""
    from lineside.cli.plan_report import plan_document, print_plan, print_plot
    from lineside.dispatch.simulation.planning import check_deadline, check_size

    if plot is not None:
        from lineside.dispatch.simulation.plots import check_target

        check_target(plot)
    known = known_profiles(profiles, measure)
    if devices is None and measure is None:
        raise SettingsError(f"--devices: expected a list of devices. Known are {', '.join(known.profiles)}")
    scenario = _scenario(
        known.profiles,
        given_handover(handover_us) or known.handover,
        cameras=cameras,
        fps=fps,
        devices=_MEASURED if devices is None else devices,
        deadline_ms=deadline_ms,
        delivery=delivery,
        arrivals=arrivals,
        routing=routing,
        tails=tails,
        seconds=seconds,
        seed=seed,
    )
    share(max_misses, "--max-misses")
    check_size(scenario, "--cameras, --fps and --seconds")
    check_deadline(scenario, "--deadline-ms")
    report = _with_progress(scenario, max_misses)
    if as_json:
        typer.echo(json.dumps(plan_document(report), indent=2, allow_nan=False))
    else:
        print_plan(report)
    if plot is not None:  # after the tables, which are not to be lost with it
        from lineside.dispatch.simulation.plots import draw_plan

        draw_plan(report.outcome, report.loads, plot)
        if not as_json:
            print_plot(plot)


def known_profiles(path: Path | None, measure: str | None = None) -> ProfileFile:
    """The profiles and the hand-over that come with lineside, those of a file, and those that are measured now.

    Raises:
        SettingsError: The file is malformed, or is missing and nothing is measured that it would keep.
    """
    from dataclasses import replace

    from lineside.dispatch.simulation.profiles import ProfileFile, read_profiles, shipped

    known = shipped()
    if path is not None and (measure is None or path.exists()):
        known = read_profiles(path).over(known)
    if measure is not None:
        from lineside.dispatch.simulation.profile_text import check_profiles, write_profiles

        if path is not None:  # minutes of measuring are not to be lost
            stand_in = replace(next(iter(known.profiles.values())), name=_MEASURED)
            check_profiles(path, ProfileFile({_MEASURED: stand_in}, known.handover))
        new = ProfileFile({_MEASURED: _measured(measure)}, _measured_handover())
        known = new.over(known)
        if path is not None:
            write_profiles(path, new)
    return known


def given_handover(microseconds: float | None) -> Handover | None:
    """The hand-over that an option sets; `None` where it does not.

    Raises:
        SettingsError: It is out of range.
    """
    from lineside.dispatch.simulation.handover import Handover

    if microseconds is None:
        return None
    if not 0 <= microseconds <= 1e6:
        raise SettingsError(f"--handover-us: expected 0 to 1000000 microseconds; got {microseconds:g}")
    return Handover.constant(microseconds)


def share(value: float, option: str) -> float:
    """A share that an option sets.

    Raises:
        SettingsError: It is not within 0 to 1.
    """
    if not 0 <= value <= 1:
        raise SettingsError(f"{option}: expected a share of 0 to 1; got {value:g}")
    return value


def _measured(model: str) -> DeviceProfile:
    import platform
    from datetime import UTC, datetime

    import numpy as np

    from lineside.detector.detector import Detector
    from lineside.dispatch.simulation.measuring import measure_profile

    detector = Detector(model)
    size = detector.card.input.size
    picture = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    source = (
        f"measured {datetime.now(UTC):%Y-%m-%d}: {Path(model).name} in {size}, picture to detections, "
        f"{platform.machine()} CPU"
    )
    usual = detector.thresholds()
    takes_more = detector.card.input.dynamic_batch and not detector.card.nms_inside
    return measure_profile(
        _MEASURED,
        lambda: detector(picture),
        batch=(lambda size: detector.timed_batch([picture] * size, usual)) if takes_more else None,
        source=source,
    )


def _measured_handover() -> Handover | None:
    """The hand-over of this machine; where it has no time to be measured that is told, and the known one stays."""
    import random
    from datetime import UTC, datetime

    from lineside.core.errors import DeviceError
    from lineside.dispatch.simulation.calibrating import measure_handover

    try:
        return measure_handover(dice=random.Random(1), when=f"{datetime.now(UTC):%Y-%m-%d}")  # noqa: S311 # moments of pictures
    except DeviceError as fault:
        typer.echo(str(fault), err=True)
        return None


def _scenario(
    known: dict[str, DeviceProfile],
    handover: Handover | None,
    *,
    cameras: int,
    fps: float,
    devices: str,
    deadline_ms: float,
    delivery: str,
    arrivals: str,
    routing: str,
    tails: float,
    seconds: float | None,
    seed: int,
) -> Scenario:
    from lineside.core.delivery import Delivery
    from lineside.dispatch.routing import open_policy
    from lineside.dispatch.simulation.planning import usual_seconds
    from lineside.dispatch.simulation.profiles import parse_devices
    from lineside.dispatch.simulation.scenario import Arrivals, Scenario, SimulatedStream

    for value, option, most in (
        (fps, "--fps", 1e5),
        (deadline_ms, "--deadline-ms", 1e6),
        (seconds, "--seconds", 1e4),
    ):
        if value is not None and not 0 < value <= most:
            raise SettingsError(f"{option}: expected a number above 0 and at most {most:g}; got {value:g}")
    open_policy(routing)
    streams = tuple(
        SimulatedStream(
            name=f"camera-{number + 1}",
            fps=fps,
            deadline_s=deadline_ms / 1e3,
            delivery=one_of(Delivery, delivery, "--delivery"),
            arrivals=one_of(Arrivals, arrivals, "--arrivals"),
        )
        for number in range(cameras)
    )
    return Scenario(
        streams=streams,
        devices=parse_devices(devices, known),
        seconds=usual_seconds(cameras * fps) if seconds is None else seconds,
        seed=seed,
        routing=routing,
        tails=share(tails, "--tails"),
        handover=handover,
    )


def _with_progress(scenario: Scenario, max_misses: float) -> PlanReport:
    from lineside.cli.progress import progress
    from lineside.dispatch.simulation.planning import make_plan, steps

    with progress("simulating", steps(scenario)) as step:
        return make_plan(scenario, max_misses=max_misses, on_step=step)
