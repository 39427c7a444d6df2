"""Runs that take too long: suspected first, then held to hang; and moments in which nobody could tell.

A process that gets no time, on a machine that is suspended or busy, cannot tell its own sleep from a device's. It can tell that it
comes late to what it meant to do at a time; by that, bounds of runs under way are put off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.actions import Cancel, Terminate
from lineside.dispatch.words import Health

if TYPE_CHECKING:
    from lineside.dispatch.actions import Action
    from lineside.dispatch.alarms import Alarms
    from lineside.dispatch.device import Device, Running
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.hedging import Hedging
    from lineside.dispatch.placing import Placing
    from lineside.dispatch.retrying import Retrying
    from lineside.dispatch.settings import Settings
    from lineside.dispatch.trust import Trust


class Watching:
    """Looks at the runs under way.

    Args:
        settings: Thresholds.
        fleet: The devices.
        placing: Starts runs, and has them looked at.
        alarms: What is to be looked at again.
        hedging: Runs pictures a second time.
        trust: How far devices are trusted.
        retrying: What becomes of the pictures of a run that hangs.
    """

    def __init__(
        self,
        settings: Settings,
        fleet: Fleet,
        placing: Placing,
        alarms: Alarms,
        *,
        hedging: Hedging,
        trust: Trust,
        retrying: Retrying,
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._placing = placing
        self._alarms = alarms
        self._hedging = hedging
        self._trust = trust
        self._retrying = retrying

    def oversleep(self, late_s: float, now_s: float) -> None:
        """What was due so many seconds ago is only seen to now: the whole machine may have stood still, so no run is blamed for it."""
        for device in self._fleet.devices.values():
            run = device.running
            if run is not None and late_s > self._settings.look_each_s(run.expected_s):
                device.oversleep(late_s, now_s)

    def watch(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Look at a device's run: is it overdue, or does it hang?"""
        run = device.running
        if run is None:
            return
        settings, expected_s = self._settings, run.expected_s
        suspect_s = run.started_s + settings.suspect_after_s(expected_s)
        hang_s = run.started_s + settings.hang_after_s(expected_s)
        if now_s >= hang_s:
            self._hung(device, run, now_s, out)
            return
        if run.overslept_s == now_s:  # its end may be the next thing that is heard
            suspect_s = now_s + settings.look_each_s(expected_s)
        if now_s >= suspect_s and device.health is Health.HEALTHY:
            took_ms = (now_s - run.started_s) * 1e3
            detail = f"a run takes {took_ms:.1f} ms, expected were {expected_s * 1e3:.1f} ms"
            self._trust.set(device, Health.SUSPECT, detail, out)
            self._hedging.hedge(run, now_s, out)
            self._trust.clear(device, now_s, out)
        # Looked at again and again, so that a machine that stands still meanwhile is noticed by a look that is late.
        next_s = now_s + settings.look_each_s(expected_s) if now_s >= suspect_s else suspect_s
        self._placing.arm(device, min(next_s, hang_s))

    def _hung(self, device: Device, run: Running, now_s: float, out: list[Action]) -> None:
        device.end(now_s)
        device.blamed = Reason.DEVICE_LOST
        device.stuck = number = run.number
        out.append(Cancel(device.name, number))
        for job in run.jobs:
            job.runs -= 1
        detail = f"a run hangs since {(now_s - run.started_s) * 1e3:.0f} ms"
        self._trust.quarantine(device, detail, now_s, out)
        self._alarms.at(now_s + self._settings.kill_after_s, lambda _, more: self._kill(device, number, more))
        self._retrying.lost(run.jobs, device, detail, now_s, out, broken=True)

    def _kill(self, device: Device, number: int, out: list[Action]) -> None:
        if device.stuck == number and device.alive:
            device.alive, device.stuck = False, None
            out.append(Terminate(device.name, "a run that was cancelled does not end"))
