"""What a set of devices can do for a set of cameras, how many are needed, and what happens when one dies."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.dispatch.simulation.profiles import DeviceProfile, numbered
from lineside.dispatch.simulation.scenario import FaultKind, SimulatedFault
from lineside.dispatch.simulation.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.dispatch.simulation.record import Figures, Outcome
    from lineside.dispatch.simulation.scenario import Scenario, SimulatedDevice

_LOADS = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.3)
_USUAL_S = 10.0
_USUAL_FRAMES = 50_000
_LEAST_USUAL_S = 1.0
_FRAMES = 10_000  # of a run that is one of many: enough to see misses of 0.1 %
_LEAST_S = 0.5
_LOSS_S = 2.0  # of a run in whose middle a device dies
_MOST_DEVICES = 256


@dataclass(frozen=True, slots=True)
class Needed:
    """How many devices of one kind alone are enough.

    Attributes:
        profile: The kind.
        count: How many; `None` where no number is.
        with_loss: How many, so that one of them may die for good.
        fastest_s: Seconds of its run of one picture.
        source: Where its times come from.
    """

    profile: str
    count: int | None
    with_loss: int | None
    fastest_s: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """What happens when a device dies for good, in the middle of a run.

    Attributes:
        device: The device.
        after: Figures of the frames that came from its death on.
        enough: The misses stay within the limit.
    """

    device: str
    after: Figures
    enough: bool


@dataclass(frozen=True, slots=True, eq=False)
class LoadPoint:
    """Figures at another rate of pictures: `load` is the share of the bound."""

    load: float
    fps: float
    figures: Figures


@dataclass(frozen=True, slots=True, eq=False)
class PlanReport:
    """The answer.

    Attributes:
        outcome: The run as asked for.
        enough: Its misses are within the limit.
        max_misses: The limit.
        losses: For each kind of device, what happens when one of it dies; empty with a single device.
        needed: For each kind of device.
        loads: From little load to overload.
    """

    outcome: Outcome
    enough: bool
    max_misses: float
    losses: tuple[Loss, ...]
    needed: tuple[Needed, ...]
    loads: tuple[LoadPoint, ...]


def usual_seconds(fps: float) -> float:
    """Virtual seconds that show what becomes of so many pictures a second, and are simulated in some seconds."""
    return min(_USUAL_S, max(_USUAL_FRAMES / fps, _LEAST_USUAL_S))


def check_deadline(scenario: Scenario, what: str) -> None:
    """Refuse a deadline that no device can keep.

    Args:
        scenario: What is simulated.
        what: The option or file that set the deadlines, for the message.

    Raises:
        SettingsError: A stream's deadline is shorter than the shortest run; the message names the fastest device.
    """
    fastest = min(scenario.devices, key=lambda device: device.times.seconds[1])
    shortest = min(scenario.streams, key=lambda stream: stream.deadline_s)
    if shortest.deadline_s < fastest.times.seconds[1]:
        raise SettingsError(
            f"{what}: no device can finish a picture within {shortest.deadline_s * 1e3:g} ms; the fastest, "
            f"{fastest.name}, takes {fastest.times.seconds[1] * 1e3:g} ms for one"
        )


def make_plan(
    scenario: Scenario, *, max_misses: float = 0.001, on_step: Callable[[], None] | None = None
) -> PlanReport:
    """The answer to a scenario without faults.

    Args:
        scenario: Cameras and devices.
        max_misses: Share of pictures that may miss their deadline.
        on_step: Called after each of `steps(scenario)` steps.
    """
    step = on_step or (lambda: None)
    outcome = simulate(scenario)
    step()
    kinds = _kinds(scenario)
    losses, needed, loads = [], [], []
    for device in kinds if len(scenario.devices) > 1 else ():
        losses.append(_loss(scenario, device, max_misses))
        step()
    for device in kinds:
        needed.append(_needed(scenario, device, max_misses))
        step()
    for load in _LOADS:
        loads.append(_at_load(scenario, load))
        step()
    enough = outcome.figures().misses <= max_misses
    return PlanReport(outcome, enough, max_misses, tuple(losses), tuple(needed), tuple(loads))


def steps(scenario: Scenario) -> int:
    """How many steps `make_plan` takes."""
    kinds = len(_kinds(scenario))
    return 1 + kinds + (kinds if len(scenario.devices) > 1 else 0) + len(_LOADS)


def _kinds(scenario: Scenario) -> list[SimulatedDevice]:
    """The first device of each profile."""
    return list({device.profile: device for device in reversed(scenario.devices)}.values())[::-1]


def _loss(scenario: Scenario, device: SimulatedDevice, max_misses: float) -> Loss:
    seconds = min(scenario.seconds, max(2 * _FRAMES / scenario.asked_fps, _LOSS_S))
    fault = SimulatedFault(device.name, FaultKind.DEATH, seconds / 2, math.inf)
    after = simulate(replace(scenario, faults=(fault,), seconds=seconds)).figures(from_s=seconds / 2)
    return Loss(device.name, after, after.misses <= max_misses)


def _needed(scenario: Scenario, device: SimulatedDevice, max_misses: float) -> Needed:
    profile = DeviceProfile(device.profile, device.times, device.source)
    count = _fewest(scenario, profile, max_misses)
    fastest_s = device.times.seconds[1]
    return Needed(device.profile, count, None if count is None else count + 1, fastest_s, device.source)


def _fewest(scenario: Scenario, profile: DeviceProfile, max_misses: float) -> int | None:
    """The fewest devices that are enough: doubled until they are, then halved in between."""
    deadlines = [stream.deadline_s for stream in scenario.streams]
    if profile.times.seconds[1] > min(deadlines):
        return None
    low = max(math.ceil(scenario.asked_fps / profile.times.rate(max(deadlines))), 1)  # fewer cannot be
    count = low
    while not _is_enough(scenario, profile, count, max_misses):
        low, count = count + 1, 2 * count
        if count > _MOST_DEVICES:
            return None
    while low < count:
        middle = (low + count) // 2
        if _is_enough(scenario, profile, middle, max_misses):
            count = middle
        else:
            low = middle + 1
    return count


def _is_enough(scenario: Scenario, profile: DeviceProfile, count: int, max_misses: float) -> bool:
    seconds = _seconds(scenario, scenario.asked_fps)
    tried = replace(scenario, devices=numbered([(profile, count)]), faults=(), seconds=seconds)
    return simulate(tried).figures().misses <= max_misses


def _at_load(scenario: Scenario, load: float) -> LoadPoint:
    factor = load * scenario.bound_fps / scenario.asked_fps
    streams = tuple(replace(stream, fps=stream.fps * factor) for stream in scenario.streams)
    seconds = _seconds(scenario, scenario.asked_fps * factor)
    tried = replace(scenario, streams=streams, seconds=seconds)
    return LoadPoint(load, tried.asked_fps, simulate(tried).figures())


def _seconds(scenario: Scenario, fps: float) -> float:
    """Virtual seconds of a run that is one of many."""
    return min(scenario.seconds, max(_FRAMES / fps, _LEAST_S))
