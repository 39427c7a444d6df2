"""Devices that take as long as they are told to, and break when they are told to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.dispatch.events import BatchDone, BatchFailed, WorkerLost, WorkerUp
from lineside.dispatch.simulation.scenario import FaultKind
from lineside.dispatch.words import Fault

if TYPE_CHECKING:
    import random

    from lineside.dispatch.simulation.scenario import Scenario, SimulatedDevice

_ERROR_S = 0.001  # until a run that fails has failed
_NOTICED_S = 0.005  # until the death of a worker is noticed
_MODEL = "model"


class Machine:
    """One simulated device: what it answers to a run, and when.

    Args:
        device: What it is.
        scenario: Its noise and faults.
        dice: Thrown once or twice a run.
    """

    def __init__(self, device: SimulatedDevice, scenario: Scenario, dice: random.Random) -> None:
        self._device = device
        self._faults = tuple(fault for fault in scenario.faults if fault.device == device.name)
        self._noise, self._tails, self._restart_s = scenario.noise, scenario.tails, scenario.restart_s
        self._dice = dice
        self.epoch = 0  # counts workers; what an earlier one would have answered is lost

    def deaths(self) -> list[tuple[float, float]]:
        """When its worker dies, and when the next one is ready."""
        return [
            (fault.from_s + _NOTICED_S, max(fault.to_s, fault.from_s + _NOTICED_S) + self._restart_s)
            for fault in self._faults
            if fault.kind is FaultKind.DEATH
        ]

    def run(self, number: int, count: int, now_s: float) -> tuple[float, BatchDone | BatchFailed] | None:
        """When a run of so many pictures ends, and how; `None` for never."""
        ends_s = now_s + self._seconds(max(count, 1), now_s)
        done = BatchDone(self._device.name, number, (None,) * count)
        for fault in self._faults:
            inside = fault.from_s <= now_s < fault.to_s
            meets = inside or now_s < fault.from_s < ends_s
            if fault.kind is FaultKind.ERROR and inside:
                return now_s + _ERROR_S, BatchFailed(self._device.name, number, Fault.DEVICE, "injected")
            if fault.kind is FaultKind.HANG and meets:
                return (fault.to_s, done) if math.isfinite(fault.to_s) else None
            if fault.kind is FaultKind.DEATH and meets:
                return None
        return ends_s, done

    def restarted_at_s(self, now_s: float) -> float:
        """When a worker that is started now is ready; infinite while the device is dead for good."""
        ready_s = now_s + self._restart_s
        for fault in self._faults:
            if fault.kind is FaultKind.DEATH and fault.from_s <= now_s < fault.to_s:
                ready_s = max(ready_s, fault.to_s + self._restart_s)
        return ready_s

    def hangs(self, now_s: float) -> bool:
        """No run ends now, whoever asks."""
        return any(f.kind is FaultKind.HANG and f.from_s <= now_s < f.to_s for f in self._faults)

    def up(self) -> WorkerUp:
        """Its worker is ready."""
        return WorkerUp(self._device.name, {_MODEL: self._device.times}, self._device.memory_bytes)

    def lost(self) -> WorkerLost:
        """Its worker died."""
        return WorkerLost(self._device.name, "injected")

    def _seconds(self, count: int, now_s: float) -> float:
        seconds = self._device.times.seconds[count]
        if self._noise:
            seconds *= self._dice.lognormvariate(0.0, self._noise)
        if self._tails and self._dice.random() < self._tails:
            seconds *= self._dice.uniform(2.0, 8.0)
        for fault in self._faults:
            if fault.kind is FaultKind.SLOW and fault.from_s <= now_s < fault.to_s:
                seconds *= fault.factor
        return seconds
