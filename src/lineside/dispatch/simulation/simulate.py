"""The loop of the simulator: the scheduler's actions become events, at the virtual time at which they would come."""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from lineside.dispatch.scheduler import Scheduler
from lineside.dispatch.simulation.machines import Machine
from lineside.dispatch.simulation.record import DROPPED, OPEN, RELEASED, UNKNOWN, HealthMark, Outcome, Segment
from lineside.dispatch.words import (
    Amend,
    BatchDone,
    BatchFailed,
    Cancel,
    Drain,
    Drop,
    Fault,
    FrameArrived,
    HealthChanged,
    Probe,
    Release,
    Request,
    Run,
    Stream,
    Terminate,
    Tick,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.dispatch.simulation.scenario import Scenario
    from lineside.dispatch.words import Action, Event

_MOST_SEGMENTS = 50_000
_AFTER_S = 30.0  # virtual seconds for what is still open when no more pictures come
_CANCEL_S = 0.002


def simulate(scenario: Scenario, *, on_second: Callable[[], None] | None = None) -> Outcome:
    """What comes of a scenario. The same scenario gives the same outcome.

    Args:
        scenario: What is simulated.
        on_second: Called after each virtual second.

    Raises:
        SettingsError: The scenario names an unknown policy.
    """
    return _World(scenario).play(on_second or (lambda: None))


class _World:
    """Virtual time, the machines, and the record."""

    def __init__(self, scenario: Scenario) -> None:
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
        self._streams = [Stream(s.name, delivery=s.delivery) for s in scenario.streams]
        self._arrived, self._stream = _arrivals(scenario)
        count = len(self._arrived)
        self._kind = [OPEN] * count
        self._answered = [float("nan")] * count
        self._result = [float("nan")] * count
        self._segments: list[Segment] = []
        self._marks: list[HealthMark] = []
        self._heap: list[tuple[float, int, str, int, Event]] = []
        self._count = 0
        self._current: dict[str, tuple[int, float, int]] = {}
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
        deadlines = [stream.deadline_s for stream in self._scenario.streams]
        following, second, now_s = 0, 1.0, 0.0
        arrived, streams, heap = self._arrived, self._stream, self._heap
        self._push(self._scenario.seconds, "", Drain())
        while True:
            frame_s = arrived[following] if following < len(arrived) else float("inf")
            event_s = heap[0][0] if heap else float("inf")
            wake_s = self._scheduler.next_wake_s
            next_s = min(frame_s, event_s)
            if wake_s is not None and wake_s < next_s:
                now_s = wake_s
                event: Event = Tick()
            elif next_s == float("inf"):
                break
            elif event_s <= frame_s:
                now_s, _, name, epoch, event = heappop(heap)
                if not self._is_real(name, epoch, event, now_s):
                    continue
            else:
                now_s = frame_s
                index = streams[following]
                event = FrameArrived(Request(self._streams[index], following, now_s + deadlines[index]))
                following += 1
            if now_s > self._scenario.seconds + _AFTER_S:
                break
            while now_s >= second:
                second += 1.0
                on_second()
            for action in self._scheduler.handle(event, now_s):
                if (do := self._do.get(type(action))) is not None:
                    do(action, now_s)
            if following == len(arrived) and self._scheduler.is_drained:
                break
        return self._outcome(now_s)

    def _outcome(self, now_s: float) -> Outcome:
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
        )

    def _push(self, at_s: float, device: str, event: Event, *, any_epoch: bool = False) -> None:
        self._count += 1
        epoch = -1 if any_epoch or not device else self._machines[device].epoch
        heappush(self._heap, (at_s, self._count, device, epoch, event))

    def _is_real(self, name: str, epoch: int, event: Event, now_s: float) -> bool:
        """Whether an event comes from a worker that still exists; a death ends one."""
        if not name:
            return True
        machine = self._machines[name]
        if isinstance(event, BatchDone | BatchFailed):
            if epoch != machine.epoch:
                return False
            self._end(name, event.run, now_s, ok=isinstance(event, BatchDone))
        elif isinstance(event, type(machine.lost())):
            machine.epoch += 1
            self._end(name, None, now_s, ok=False)
        elif epoch not in {-1, machine.epoch}:
            return False
        return True

    def _run(self, action: Run | Probe, now_s: float) -> None:
        count = len(action.requests) if isinstance(action, Run) else 0
        self._current[action.device] = (action.run, now_s, count)
        answer = self._machines[action.device].run(action.run, count, now_s)
        if answer is not None:
            self._push(answer[0], action.device, answer[1])

    def _end(self, device: str, run: int | None, now_s: float, *, ok: bool) -> None:
        current = self._current.get(device)
        if current is None or (run is not None and current[0] != run):
            return
        del self._current[device]
        if len(self._segments) < _MOST_SEGMENTS:
            self._segments.append(Segment(device, current[1], now_s, current[2], ok))

    def _release(self, action: Release, now_s: float) -> None:
        number = action.request.sequence
        self._kind[number] = RELEASED
        self._answered[number] = self._result[number] = now_s

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
    moments, streams = [], []
    for index, stream in enumerate(scenario.streams):
        period_s = 1 / stream.fps
        first_s = 0.0 if stream.together else dice.random() * period_s
        times = np.arange(first_s, scenario.seconds, period_s)
        if stream.jitter and not stream.together:
            times += np.clip(dice.normal(0, stream.jitter, len(times)), -0.45, 0.45) * period_s
        times = np.sort(np.clip(times, 0, None))
        moments.append(times)
        streams.append(np.full(len(times), index))
    at_s, of = np.concatenate(moments), np.concatenate(streams)
    order = np.argsort(at_s, kind="stable")
    return at_s[order].tolist(), of[order].tolist()
