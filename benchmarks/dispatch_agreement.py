"""The simulator beside real runs on the same scripted devices: `dispatch_simulation.py --real`, or `dispatch_engine.py --only het4`.

Loads take turns, so that a machine that changes changes for all; each real run is simulated at once with the arrivals that truly came,
the service times that the engine's own workers measured, and the hand-over that was measured at the start of the round. A turn in
which a thread that only sleeps woke up more than 2 ms late says what the machine did, not what the scheduler does: it is set aside,
counted, and repeated as long as there is time.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dispatch_load import DEADLINE_S, HET4, play, scripted
from lineside.core.errors import DeviceError
from lineside.dispatch.settings import Settings
from lineside.dispatch.simulation.calibrating import measure_handover
from lineside.dispatch.simulation.record import RELEASED
from lineside.dispatch.simulation.scenario import Scenario, SimulatedDevice, SimulatedStream
from lineside.dispatch.simulation.simulate import simulate
from lineside.dispatch.simulation.stalls import StallWatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineside.dispatch.profile import ServiceTimes
    from lineside.dispatch.simulation.handover import Handover
    from lineside.dispatch.simulation.record import Outcome

LOADS = (0.35, 0.5, 0.7, 0.8, 0.85, 0.9)
_BUDGET_S = 330.0
_STALL_S = 0.002
_AFTERMATH_S = 0.05  # a picture that comes so soon after a stall still meets its queue
_FEWEST = 3  # turns without a stall, for a verdict
_WITHIN = 0.15
_MISSES, _MISSES_AT = 0.001, 0.9
_CAMERAS = 30


@dataclass(slots=True)
class Turn:
    """One real run and its simulations.

    Attributes:
        ratios: Real over simulated, p50 and p99.
        bare: The same where the simulator knows no hand-over.
        real_ms: p50 and p99.
        pictures: How many came.
        missed: How many of them were not in time.
        by_stall: Those of them that came shortly before, in or after a stall.
        simulated_missed: How many in the simulation.
        stall_s: The longest stall; 0 without any.
    """

    ratios: np.ndarray
    bare: np.ndarray
    real_ms: np.ndarray
    pictures: int
    missed: int
    by_stall: int
    simulated_missed: int
    stall_s: float


@dataclass(slots=True)
class AtLoad:
    """All turns at one load."""

    load: float
    turns: list[Turn] = field(default_factory=list)

    @property
    def kept(self) -> list[Turn]:
        """Those without a stall."""
        return [turn for turn in self.turns if not turn.stall_s]


def agreement(
    *, rounds: int = 6, seconds: float = 2.5, loads: Sequence[float] | None = None
) -> Iterator[str]:
    """A line for each load and goal, after what was measured."""
    begun_s = time.monotonic()
    table = [AtLoad(load) for load in loads or LOADS]
    for number in range(4 * rounds):
        wanting = [at for at in table if len(at.kept) < rounds]
        if not wanting or time.monotonic() - begun_s > _BUDGET_S:
            break
        try:
            handover = measure_handover(dice=random.Random(number), seconds=2.0)
        except DeviceError as fault:
            yield f"round {number + 1}: {fault}"
            continue
        yield f"round {number + 1}: {handover}; {handover.source}"
        for at in wanting:
            if time.monotonic() - begun_s < _BUDGET_S:
                at.turns.append(_turn(at.load, seconds, number + 1, handover))
    for at in table:
        yield _figures(at)
    for at in table:
        yield from _verdicts(at)


def _turn(load: float, seconds: float, seed: int, handover: Handover) -> Turn:
    """A real run, and what the simulator makes of the same pictures."""
    fps = load * sum(times.rate(DEADLINE_S) for times in HET4.values())
    streams = tuple(SimulatedStream(f"camera-{k}", fps / _CAMERAS, DEADLINE_S) for k in range(_CAMERAS))
    devices = tuple(SimulatedDevice(name, name, times) for name, times in HET4.items())
    scenario = Scenario(streams, devices, seconds=seconds, noise=0.0, seed=seed)
    cameras = simulate(scenario)
    measured: dict[str, ServiceTimes] = {}
    # A hang is for a device that hangs; here only the machine can.
    with scripted(HET4, measured, Settings(hang_s=30.0)) as engine, StallWatch(_STALL_S) as stalls:
        taken = play(engine, cameras.arrived_s, cameras.stream)
    devices = tuple(SimulatedDevice(name, name, times) for name, times in measured.items())
    known = replace(scenario, devices=devices, handover=handover)
    arrivals = (taken.came_s, cameras.stream.tolist())
    with_it = simulate(known, arrivals=arrivals)
    without = simulate(replace(known, handover=None), arrivals=arrivals)
    real_s = np.percentile(taken.latency_s, (50, 99))
    return Turn(
        ratios=real_s / _percentiles(with_it),
        bare=real_s / _percentiles(without),
        real_ms=real_s * 1e3,
        pictures=len(taken.came_s),
        missed=len(taken.missed_s),
        by_stall=sum(stalls.within(at_s - _AFTERMATH_S, at_s + DEADLINE_S) for at_s in taken.missed_s),
        simulated_missed=int(np.sum(with_it.kind != RELEASED)),
        stall_s=stalls.longest_s,
    )


def _percentiles(outcome: Outcome) -> np.ndarray:
    in_time = outcome.kind == RELEASED
    return np.percentile((outcome.answered_s - outcome.arrived_s)[in_time], (50, 99))


def _figures(at: AtLoad) -> str:
    """What was seen at a load."""
    turns = at.kept or at.turns
    if not turns:
        return f"load {at.load:.2f}: no turn"
    aside = [turn for turn in at.turns if turn.stall_s]
    real, ratios, bare = (
        np.median([getattr(turn, name) for turn in turns], axis=0) for name in ("real_ms", "ratios", "bare")
    )
    spread = np.array([turn.ratios for turn in turns])
    text = (
        f"load {at.load:.2f}: p50 {real[0]:.2f} / p99 {real[1]:.2f} ms; real over simulated {ratios[0]:.2f} ({spread[:, 0].min():.2f} to "
        f"{spread[:, 0].max():.2f}) / {ratios[1]:.2f} ({spread[:, 1].min():.2f} to {spread[:, 1].max():.2f}), without the hand-over "
        f"{bare[0]:.2f} / {bare[1]:.2f}; misses {_share(turns, 'missed')}, simulated {_share(turns, 'simulated_missed')}; {len(at.kept)} turns"
    )
    if aside:
        text += (
            f", {len(aside)} more set aside for stalls of up to {max(t.stall_s for t in aside) * 1e3:.0f} ms, with "
            f"{_share(aside, 'missed')} misses, {sum(t.by_stall for t in aside)} of {sum(t.missed for t in aside)} beside a stall"
        )
    return text if at.kept else f"{text} (of turns with stalls: there are no others)"


def _verdicts(at: AtLoad) -> Iterator[str]:
    """PASS, FAIL or, with too few turns, UNDECIDED."""
    kept = at.kept
    few = f"UNDECIDED load {at.load:.2f}, %s: {len(kept)} turns without a stall, {_FEWEST} are needed"
    for place, name in enumerate(("p50", "p99")):
        if len(kept) < _FEWEST:
            yield few % name
            continue
        ratio = float(np.median([turn.ratios[place] for turn in kept]))
        word = "PASS" if abs(ratio - 1) <= _WITHIN else "FAIL"
        yield f"{word} load {at.load:.2f}, {name}: real over simulated {ratio:.3f}, within {_WITHIN:.0%}"
    if at.load <= _MISSES_AT:
        if len(kept) < _FEWEST:
            yield few % "misses"
            return
        misses = sum(turn.missed for turn in kept) / sum(turn.pictures for turn in kept)
        word = "PASS" if misses <= _MISSES else "FAIL"
        yield f"{word} load {at.load:.2f}, misses: {misses:.3%}, at most {_MISSES:.1%}"


def _share(turns: Sequence[Turn], name: str) -> str:
    return f"{sum(getattr(turn, name) for turn in turns) / sum(turn.pictures for turn in turns):.3%}"
