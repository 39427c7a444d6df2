"""The loop of the simulator: the scheduler's actions become events, at the virtual time at which they would come."""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lineside.dispatch.actions import (
    Amend,
    Cancel,
    Drop,
    HealthChanged,
    Probe,
    Release,
    Run,
    Terminate,
    Unknown,
)
from lineside.dispatch.events import BatchDone, BatchFailed, Drain, FrameArrived, Tick
from lineside.dispatch.scheduler import Scheduler
from lineside.dispatch.simulation.handover import Desk
from lineside.dispatch.simulation.machines import Machine
from lineside.dispatch.simulation.record import DROPPED, OPEN, RELEASED, UNKNOWN, HealthMark, Outcome, Segment
from lineside.dispatch.simulation.scenario import Arrivals
from lineside.dispatch.words import Fault, Request, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.dispatch.events import Event
    from lineside.dispatch.simulation.scenario import Scenario, SimulatedStream

_MOST_SEGMENTS = 50_000
_AFTER_S = 30.0  # virtual seconds for what is still open when no more pictures come
_CANCEL_S = 0.002


def simulate(
    scenario: Scenario,
    *,
    arrivals: tuple[Sequence[float], Sequence[int]] | None = None,
    on_second: Callable[[], None] | None = None,
) -> Outcome:
    """What comes of a scenario. The same scenario gives the same outcome.

    Args:
        scenario: What is simulated.
        arrivals: When pictures came and the index of each one's stream, in the order of time, where that is known of a real run that is
            to be compared; `None`: as the scenario's streams say.
        on_second: Called after each virtual second.

    Raises:
        SettingsError: The scenario names an unknown policy.
    """
    return _World(scenario, arrivals).play(on_second or (lambda: None))


class _Ended(NamedTuple):
    """A device is done with a run of so many pictures; `heard` once the engine knows."""

    event: BatchDone | BatchFailed
    size: int
    heard: bool = False


class _World:
    """Virtual time, the machines, and the record."""

    def __init__(
        self, scenario: Scenario, arrivals: tuple[Sequence[float], Sequence[int]] | None = None
    ) -> None:
        self._scenario = scenario
        dice = random.Random(scenario.seed)  # noqa: S311 # a simulation
        self._scheduler = Scheduler(
            [device.name for device in scenario.devices],
            settings=scenario.settings,
            routing=scenario.routing,
            seed=scenario.seed,
        )
        self._machines = {
            device.name: Machine(device, scenario, random.Random(dice.random()))  # noqa: S311 # a simulation
            for device in scenario.devices
        }
        self._desk = Desk(scenario.handover, random.Random(dice.random()))  # noqa: S311 # a simulation
        self._streams = [Stream(s.name, delivery=s.delivery) for s in scenario.streams]
        arrived, stream = arrivals or _arrivals(scenario)
        self._arrived, self._stream = list(arrived), list(stream)
        self._deadlines = [stream.deadline_s for stream in scenario.streams]
        self._following = 0
        count = len(self._arrived)
        self._kind = [OPEN] * count
        self._answered = [float("nan")] * count
        self._result = [float("nan")] * count
        self._segments: list[Segment] = []
        self._marks: list[HealthMark] = []
        self._heap: list[tuple[float, int, str, int, Event | _Ended]] = []
        self._count = 0
        self._after: tuple[str, int] | None = None  # whose run is heard to have ended now, and its pictures
        self._left = 0  # answers that left now
        self._current: dict[str, tuple[int, float, int]] = {}
        self._busy = {device.name: 0.0 for device in scenario.devices}
        self._do: dict[type, Callable[..., None]] = {
            Run: self._run,
            Probe: self._run,
            Release: self._release,
            Unknown: self._unknown,
            Drop: self._drop,
            Amend: self._amend,
            Cancel: self._cancel,
            Terminate: self._terminate,
            HealthChanged: self._health,
        }

    def play(self, on_second: Callable[[], None]) -> Outcome:
        """Let it all happen."""
        for name, machine in self._machines.items():
            self._push(0.0, name, machine.up())
            for dead_s, back_s in machine.deaths():
                self._push(dead_s, name, machine.lost())
                if back_s != float("inf"):
                    self._push(back_s, name, machine.up(), any_epoch=True)
        last_s = max(self._scenario.seconds, self._arrived[-1] if self._arrived else 0.0)
        self._push(last_s + 1e-9, "", Drain())
        second, now_s = 1.0, 0.0
        while (found := self._next()) is not None:
            now_s, event = found
            if now_s > self._scenario.seconds + _AFTER_S:
                break
            while now_s >= second:
                second += 1.0
                on_second()
            self._left = 0
            for action in self._scheduler.handle(event, now_s):
                if (do := self._do.get(type(action))) is not None:
                    do(action, now_s)
            if self._scheduler.is_drained:
                break
        return self._outcome(now_s)

    def _next(self) -> tuple[float, Event] | None:
        """The next thing to happen: a picture, an answer of a device, or time for a tick."""
        never = float("inf")
        while True:
            frame_s = self._arrived[self._following] if self._following < len(self._arrived) else never
            event_s = self._heap[0][0] if self._heap else never
            wake_s = self._scheduler.wake_s
            self._after = None
            if wake_s < min(frame_s, event_s):
                return wake_s, Tick()
            if event_s <= frame_s:
                if event_s == never:
                    return None
                now_s, _, name, epoch, event = heappop(self._heap)
                if not self._is_real(name, epoch, event, now_s):
                    continue
                if (told := self._told(name, event, now_s)) is not None:
                    return now_s, told
                continue
            number = self._following
            self._following += 1
            index = self._stream[number]
            arrival = FrameArrived(Request(self._streams[index], number, frame_s + self._deadlines[index]))
            heard_s = self._desk.arrives(frame_s)
            if heard_s == frame_s:
                return frame_s, arrival
            self._push(heard_s, "", arrival)

    def _told(self, device: str, event: Event | _Ended, now_s: float) -> Event | None:
        """What the scheduler is told now; `None` where the engine has yet to hear of it."""
        if not isinstance(event, _Ended):
            return event
        if not event.heard:
            self._end(device, event.event.run, now_s, ok=isinstance(event.event, BatchDone))
            heard_s = self._desk.ends(now_s, event.size)
            if heard_s > now_s:
                self._push(heard_s, device, event._replace(heard=True))
                return None
        self._after = device, event.size
        return event.event

    def _outcome(self, now_s: float) -> Outcome:
        for device, (_, begins_s, _) in self._current.items():  # that nobody will see the end of
            self._busy[device] += self._within(begins_s, now_s)
        return Outcome(
            scenario=self._scenario,
            arrived_s=np.array(self._arrived, np.float64),
            stream=np.array(self._stream, np.int32),
            kind=np.array(self._kind, np.int8),
            answered_s=np.array(self._answered, np.float64),
            result_s=np.array(self._result, np.float64),
            statistics=self._scheduler.statistics(),
            segments=tuple(self._segments),
            marks=tuple(self._marks),
            to_s=now_s,
            handing_s=self._desk.busy_s,
            busy_s=self._busy,
        )

    def _push(self, at_s: float, device: str, event: Event | _Ended, *, any_epoch: bool = False) -> None:
        self._count += 1
        epoch = -1 if any_epoch or not device else self._machines[device].epoch
        heappush(self._heap, (at_s, self._count, device, epoch, event))

    def _is_real(self, name: str, epoch: int, event: Event | _Ended, now_s: float) -> bool:
        """Whether an event comes from a worker that still exists; a death ends one."""
        if not name:
            return True
        machine = self._machines[name]
        if isinstance(event, BatchDone | BatchFailed | _Ended):
            return epoch == machine.epoch
        if isinstance(event, type(machine.lost())):
            machine.epoch += 1
            self._end(name, None, now_s, ok=False)
        elif epoch not in {-1, machine.epoch}:
            return False
        return True

    def _run(self, action: Run | Probe, now_s: float) -> None:
        count = len(action.requests) if isinstance(action, Run) else 0
        after = self._after
        begins_s = self._desk.starts(now_s, after[1] if after and after[0] == action.device else None)
        self._current[action.device] = (action.run, begins_s, count)
        answer = self._machines[action.device].run(action.run, count, begins_s)
        if answer is not None:
            self._push(answer[0], action.device, _Ended(answer[1], count))

    def _end(self, device: str, run: int | None, now_s: float, *, ok: bool) -> None:
        current = self._current.get(device)
        if current is None or (run is not None and current[0] != run):
            return
        del self._current[device]
        self._busy[device] += self._within(current[1], now_s)
        if len(self._segments) < _MOST_SEGMENTS:
            self._segments.append(Segment(device, current[1], now_s, current[2], ok))

    def _within(self, from_s: float, to_s: float) -> float:
        """Seconds of a run in which pictures came; one that was given up before it began has none."""
        return max(min(to_s, self._scenario.seconds) - from_s, 0.0)

    def _release(self, action: Release, now_s: float) -> None:
        number = action.request.sequence
        self._kind[number] = RELEASED
        self._answered[number] = self._result[number] = self._desk.answers(now_s, self._left)
        self._left += 1

    def _unknown(self, action: Unknown, now_s: float) -> None:
        self._kind[action.request.sequence] = UNKNOWN
        self._answered[action.request.sequence] = now_s

    def _drop(self, action: Drop, now_s: float) -> None:
        self._kind[action.request.sequence] = DROPPED
        self._answered[action.request.sequence] = now_s

    def _amend(self, action: Amend, now_s: float) -> None:
        self._result[action.request.sequence] = now_s

    def _cancel(self, action: Cancel, now_s: float) -> None:
        """A run that is only long ends; one that hangs does not hear it."""
        self._end(action.device, action.run, now_s, ok=False)
        if not self._machines[action.device].hangs(now_s):
            self._push(
                now_s + _CANCEL_S, action.device, BatchFailed(action.device, action.run, Fault.CANCELLED)
            )

    def _terminate(self, action: Terminate, now_s: float) -> None:
        machine = self._machines[action.device]
        machine.epoch += 1
        self._end(action.device, None, now_s, ok=False)
        ready_s = machine.restarted_at_s(now_s)
        if ready_s != float("inf"):
            self._push(ready_s, action.device, machine.up())

    def _health(self, action: HealthChanged, now_s: float) -> None:
        self._marks.append(HealthMark(action.device, now_s, str(action.health), action.detail))


def _arrivals(scenario: Scenario) -> tuple[list[float], list[int]]:
    """The moments of all pictures in order, and the index of each one's stream."""
    dice = np.random.default_rng(scenario.seed)
    moments = [_moments(stream, scenario.seconds, dice) for stream in scenario.streams]
    of = np.repeat(np.arange(len(moments)), [len(times) for times in moments])
    at_s = np.concatenate(moments)
    order = np.argsort(at_s, kind="stable")
    return at_s[order].tolist(), of[order].tolist()


def _moments(stream: SimulatedStream, seconds: float, dice: np.random.Generator) -> NDArray[np.float64]:
    period_s = 1 / stream.fps
    if stream.arrivals is Arrivals.RANDOM:
        return np.sort(dice.random(dice.poisson(stream.fps * seconds)) * seconds)
    if stream.arrivals is Arrivals.TOGETHER:
        return np.arange(0.0, seconds, period_s)
    times = np.arange(dice.random() * period_s, seconds, period_s)
    # What comes seldom strays no further than what comes once a second; else the first pictures of all fell together.
    strays = np.clip(dice.normal(0, stream.jitter, len(times)), -0.45, 0.45) * min(period_s, 1.0)
    return np.clip(times + strays, 0, None)
