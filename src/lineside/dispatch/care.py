"""What becomes of a device when a worker comes or goes, and when a run ends well or badly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.actions import Terminate
from lineside.dispatch.hedging import Hedging
from lineside.dispatch.retrying import Retrying
from lineside.dispatch.trust import Trust
from lineside.dispatch.watching import Watching
from lineside.dispatch.words import Fault, Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.dispatch.actions import Action
    from lineside.dispatch.alarms import Alarms
    from lineside.dispatch.answers import Answers
    from lineside.dispatch.device import Device, Running
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.placing import Placing
    from lineside.dispatch.profile import ServiceTimes
    from lineside.dispatch.settings import Settings

_BROKEN = (Fault.MEMORY, Fault.LOST)  # the worker is of no use any more
_SUSPECT = Health.SUSPECT  # read here with every picture: members of an enumeration are looked up slowly


class Care:
    """The health of all devices.

    Args:
        settings: Thresholds.
        fleet: The devices.
        answers: Where answers are given.
        placing: Where pictures go that a device loses.
        alarms: What is to be looked at again.
    """

    def __init__(
        self, settings: Settings, fleet: Fleet, answers: Answers, placing: Placing, alarms: Alarms
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._answers = answers
        self._placing = placing
        self._hedging = Hedging(settings, fleet, answers, placing)
        self._trust = Trust(settings, fleet, placing, alarms)
        self._retrying = Retrying(fleet, answers, placing, self._trust)
        self._watching = Watching(
            settings,
            fleet,
            placing,
            alarms,
            hedging=self._hedging,
            trust=self._trust,
            retrying=self._retrying,
        )
        placing.watch = self._watching.watch

    def oversleep(self, late_s: float, now_s: float) -> None:
        """What was due so many seconds ago is only seen to now."""
        self._watching.oversleep(late_s, now_s)

    @property
    def retried(self) -> int:
        """Pictures that another device was asked for because their run failed."""
        return self._retrying.count

    @property
    def hedged(self) -> int:
        """Pictures that were run a second time because the first run took too long."""
        return self._hedging.count

    def up(
        self, device: Device, profiles: Mapping[str, ServiceTimes], now_s: float, out: list[Action]
    ) -> None:
        """A worker is ready: the first is trusted, because its profile was just measured; later ones are probed."""
        self._lose_run(device, now_s, out)
        device.alive, device.stuck, device.recycle = True, None, None
        for model in device.lanes.keys() - profiles.keys():  # the worker before this one had it
            device.unload(model)
        for model, times in profiles.items():
            if model not in self._fleet.retired:
                device.load(model, times)
        self._fleet.changed()
        if device.lanes:
            self._trust.begin(device, now_s, out)

    def loaded(
        self, device: Device, model: str, times: ServiceTimes, now_s: float, out: list[Action]
    ) -> None:
        """One more model is there; for a device that had none it is the first, with which it may come into service."""
        had_none = not device.lanes
        self._fleet.load(device, model, times)
        waits = device.health is Health.QUARANTINED and device.alive and device.stuck is None
        if had_none and waits:
            self._trust.begin(device, now_s, out)
        else:
            self._placing.fill(device, now_s, out)

    def lost(self, device: Device, detail: str, now_s: float, out: list[Action]) -> None:
        """A worker is gone."""
        device.alive, device.stuck = False, None
        self._lose_run(device, now_s, out, detail or "its worker is gone")

    def alarm(self, device: Device, detail: str, now_s: float, out: list[Action]) -> None:
        """Somebody outside distrusts a device: it gets nothing until its worker is new."""
        self._lose_run(device, now_s, out, detail)
        if device.alive:
            device.alive, device.stuck = False, None
            out.append(Terminate(device.name, detail))

    def recycle(self, device: Device, detail: str, now_s: float, out: list[Action]) -> None:
        """A device's worker is to be replaced when its run has ended; what waits for it goes elsewhere."""
        if not device.alive:
            return
        device.recycle = detail
        if device.running is None:
            self._trust.settle_down(device, now_s, out)
        elif device.health is Health.HEALTHY:
            self._trust.set(device, Health.SUSPECT, f"its worker is to be replaced: {detail}", out)
            self._trust.clear(device, now_s, out)

    def done(self, device: Device, run: Running, now_s: float, out: list[Action]) -> None:
        """A run ended well; its pictures have been settled."""
        took_s = now_s - run.started_s
        if took_s < 1e-9:  # noqa: PLR1730 # with every run: `max` would take seven times as long
            took_s = 1e-9
        pace = run.lane.pace
        if not run.jobs:
            if run.overslept_s is None:
                pace.believe(took_s / run.profile_s)
            if device.health is Health.PROBING:
                device.probes_left -= 1
                if device.probes_left > 0:
                    self._trust.send_probe(device, now_s, out)
                    return
                self._trust.healthy(device, now_s, out)
                return
        else:
            if run.overslept_s is None:  # else nobody knows what it took
                pace.observe(run.profile_s, took_s)
                if took_s < run.lane.least_s and len(run.jobs) == 1:
                    self._fleet.saw(run.lane, took_s)
            device.batches += 1
            device.frames += len(run.jobs)
            device.forgiven = False
            if device.batch_limit.most is not None:
                device.grow(run, now_s)
        if device.health is _SUSPECT:
            self._trust.trust_again(device, now_s, out)
        self._trust.settle_down(device, now_s, out)

    def failed(
        self, device: Device, run: Running, fault: Fault, detail: str, now_s: float, out: list[Action]
    ) -> None:
        """A run failed: whose fault was it, and who does its pictures now?"""
        jobs = run.jobs
        for job in jobs:
            job.runs -= 1
        if fault is Fault.INPUT and jobs:
            if len(jobs) == 1:
                self._answers.refuse(jobs[0], Reason.IMAGE_UNHEALTHY, detail or "the model refuses it", out)
            else:
                self._retrying.again(jobs, now_s, out)
            self._trust.trust_again(device, now_s, out)
            self._trust.settle_down(device, now_s, out)
            return
        broken = fault in _BROKEN
        if not broken and not device.forgiven and self._retrying.is_poison(jobs):
            # Once: a device that breaks the next picture as well is no better than those before it.
            device.forgiven = True
            self._retrying.poisoned(jobs[0], device, detail, now_s, out)
            self._trust.trust_again(device, now_s, out)
            self._trust.settle_down(device, now_s, out)
            return
        if fault is Fault.MEMORY and jobs:
            device.batch_limit.cut(len(jobs), now_s, self._settings)
        if jobs:  # a probe that fails says no more of why than the run before it
            device.blamed = Reason.MODEL_UNHEALTHY if fault is Fault.MODEL else Reason.DEVICE_LOST
        self._trust.quarantine(device, detail or "a run failed", now_s, out)
        why = (detail or f"fault: {fault}") if broken else device.recycle
        if why is not None and device.alive:
            device.alive = False
            out.append(Terminate(device.name, why))
        self._retrying.lost(jobs, device, detail, now_s, out, broken=broken)

    def answered_late(self, device: Device, number: int, now_s: float) -> None:
        """A run that had been given up came back: its worker lives, its results are not used."""
        if device.stuck == number:
            device.stuck = None
            if device.health is Health.QUARANTINED:
                self._trust.cool_down(device, now_s)

    def _lose_run(self, device: Device, now_s: float, out: list[Action], detail: str = "") -> None:
        """Whatever the device had runs no more; a device that was in service is quarantined."""
        device.blamed = Reason.DEVICE_LOST
        run = device.end(now_s) if device.running is not None else None
        jobs = [] if run is None else run.jobs
        for job in jobs:
            job.runs -= 1
        if detail or device.health in {Health.HEALTHY, Health.SUSPECT, Health.PROBING}:
            self._trust.quarantine(device, detail or "its worker was replaced", now_s, out)
            self._retrying.lost(jobs, device, detail, now_s, out, broken=True)
