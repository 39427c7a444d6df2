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
LOADS = len(_LOADS)
"""How many loads a plan looks at."""
MOST_FRAMES = 20_000
"""How many pictures each of them has at most, however fast the devices are."""
_USUAL_S = 10.0
_USUAL_FRAMES = 50_000
_LEAST_USUAL_S = 1.0
_MOST_USUAL_FRAMES = 250_000  # beyond, even one second takes minutes
_MOST_ASKED_FRAMES = 5_000_000  # of a run as asked for: about a gigabyte
_FRAMES = 10_000  # of a run that is one of many: enough to see misses of 0.1 %
_LEAST_S = 0.5
_LEAST_DEADLINES = 5  # that such a run lasts: in a shorter one an overload does not show
_LOSS_S = 2.0  # of a run in whose middle a device dies
_MOST_DEVICES = 256


@dataclass(frozen=True, slots=True)
class Needed:
    """How many devices of one kind alone are enough.

    Attributes:
        profile: The kind.
        count: How many; `None` where no number is, or only more than are tried.
        with_loss: How many, so that one of them may die for good.
        fastest_s: Seconds of its run of one picture.
        source: Where its times come from.
        more_than: That many are not enough, and more are not tried; `None` where the answer is known.
    """

    profile: str
    count: int | None
    with_loss: int | None
    fastest_s: float
    source: str
    more_than: int | None = None


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
    """Figures at another rate of pictures, seen for so many virtual seconds: `load` is the share of the bound."""

    load: float
    fps: float
    seconds: float
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
        loads: From little load to overload; without those of more pictures a second than can be simulated for long enough.
    """

    outcome: Outcome
    enough: bool
    max_misses: float
    losses: tuple[Loss, ...]
    needed: tuple[Needed, ...]
    loads: tuple[LoadPoint, ...]


def usual_seconds(fps: float) -> float:
    """Virtual seconds that show what becomes of so many pictures a second, and are simulated in some seconds."""
    return min(_USUAL_S, max(_USUAL_FRAMES / fps, _LEAST_USUAL_S), _MOST_USUAL_FRAMES / fps)


def check_size(scenario: Scenario, what: str) -> None:
    """Refuse more pictures than there is memory for.

    Args:
        scenario: What is simulated.
        what: The option or file that set the rates, for the message.

    Raises:
        SettingsError: There are too many.
    """
    frames = scenario.asked_fps * scenario.seconds
    if frames > _MOST_ASKED_FRAMES:
        raise SettingsError(
            f"{what}: expected at most {_MOST_ASKED_FRAMES} pictures in all; got {frames:.0f}, "
            f"{scenario.asked_fps:g} a second for {scenario.seconds:g} virtual seconds"
        )


def check_pictures(outcome: Outcome) -> None:
    """Refuse a run without any picture, of which nothing can be said.

    Raises:
        SettingsError: No picture came.
    """
    if not len(outcome.kind):
        scenario = outcome.scenario
        raise SettingsError(
            f"simulation: no picture comes within {scenario.seconds:g} virtual seconds at {scenario.asked_fps:g} a "
            "second; simulate for longer"
        )


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


def hopeless(scenario: Scenario) -> str:
    """Why the pictures of the shortest deadline usually miss it on every device, though a run alone is in time; empty where they do not."""
    if scenario.handover is None:
        return ""
    fastest = min(scenario.devices, key=lambda device: device.times.seconds[1])
    run_s, more_s = fastest.times.seconds[1], scenario.handover.usual_s
    deadline_s = min(stream.deadline_s for stream in scenario.streams)
    if not more_s or run_s + more_s < deadline_s:
        return ""
    return (
        f"The hand-over is what is too long: the fastest device, {fastest.name}, takes {run_s * 1e3:g} ms for a picture, and the "
        f"hand-over usually {more_s * 1e3:.2g} ms more; the deadline is {deadline_s * 1e3:g} ms."
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
    check_pictures(outcome)
    enough = outcome.figures().misses <= max_misses
    step()
    kinds = _kinds(scenario)
    seen = {len(scenario.devices): enough} if len(kinds) == 1 else {}
    losses, needed, loads = [], [], []
    for device in kinds if len(scenario.devices) > 1 else ():
        losses.append(_loss(scenario, device, max_misses))
        step()
    for device in kinds:
        needed.append(_needed(scenario, device, max_misses, seen))
        step()
    for load in _LOADS:
        loads += [] if (point := _at_load(scenario, load)) is None else [point]
        step()
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


def _needed(scenario: Scenario, device: SimulatedDevice, max_misses: float, seen: dict[int, bool]) -> Needed:
    profile = DeviceProfile(device.profile, device.times, device.source)
    count, more_than = None, None
    if _is_possible(scenario, profile, max_misses):
        count = _fewest(scenario, profile, max_misses, seen)
        more_than = _MOST_DEVICES if count is None else None
    with_loss = None if count is None else count + 1
    return Needed(device.profile, count, with_loss, device.times.seconds[1], device.source, more_than)


def _is_possible(scenario: Scenario, profile: DeviceProfile, max_misses: float) -> bool:
    """Whether any number of devices can be enough: pictures that run alone are in time, and the engine itself can hand so many over."""
    one_s = profile.times.seconds[1]
    if scenario.handover is not None:
        one_s += scenario.handover.usual_s
        if scenario.asked_fps * (1 - max_misses) * scenario.handover.python_s > 1:
            return False
    if scenario.noise:
        one_s *= 1 + 1e-9  # a deadline of just as long is missed by every other picture, too
    in_vain = sum(stream.fps for stream in scenario.streams if stream.deadline_s < one_s)
    # By the noise and the spread of the hand-over some are quicker than usual, so what usually fails may be half of them.
    return in_vain / 2 <= max_misses * scenario.asked_fps


def _fewest(
    scenario: Scenario, profile: DeviceProfile, max_misses: float, seen: dict[int, bool]
) -> int | None:
    """The fewest devices that are enough: doubled until they are, then halved in between; `None` where more than are tried.

    `seen` are numbers whose verdict is known from a longer run, and is not contradicted.
    """
    tried = dict(seen)

    def is_enough(count: int) -> bool:
        if count not in tried:
            tried[count] = _is_enough(scenario, profile, count, max_misses)
        return tried[count]

    longest_s = max(stream.deadline_s for stream in scenario.streams)
    asked_fps = scenario.asked_fps * (1 - max_misses)
    count = low = max(
        math.ceil(asked_fps / profile.times.rate(longest_s)), 1
    )  # what is surely busy all the time
    if low > _MOST_DEVICES:
        return None
    while not is_enough(count):
        if count == _MOST_DEVICES:
            return None
        low, count = count + 1, min(2 * count, _MOST_DEVICES)
    while low < count:
        middle = (low + count) // 2
        if is_enough(middle):
            count = middle
        else:
            low = middle + 1
    while count > 1 and is_enough(count - 1):  # a short run ends with a queue, so that fewer may do
        count -= 1
    return count


def _is_enough(scenario: Scenario, profile: DeviceProfile, count: int, max_misses: float) -> bool:
    seconds = min(scenario.seconds, max(_FRAMES / scenario.asked_fps, _LEAST_S))
    tried = replace(scenario, devices=numbered([(profile, count)]), faults=(), seconds=seconds)
    return simulate(tried).figures().misses <= max_misses


def _at_load(scenario: Scenario, load: float) -> LoadPoint | None:
    """Figures at a load; `None` where so many pictures cannot be simulated for long enough."""
    fps = load * scenario.bound_fps
    longest_s = max(stream.deadline_s for stream in scenario.streams)
    if MOST_FRAMES / fps < min(_LEAST_DEADLINES * longest_s, _LEAST_S):
        return None
    # A run as asked for that is short because its pictures come fast is no measure for fewer of them.
    seconds = min(max(scenario.seconds, _LEAST_S), max(_FRAMES / fps, _LEAST_S), MOST_FRAMES / fps)
    factor = fps / scenario.asked_fps
    streams = tuple(replace(stream, fps=stream.fps * factor) for stream in scenario.streams)
    tried = replace(scenario, streams=streams, seconds=seconds)
    return LoadPoint(load, tried.asked_fps, seconds, simulate(tried).figures())
