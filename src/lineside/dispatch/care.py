"""How devices are watched, taken out of service, and brought back after a proof of health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.actions import Cancel, HealthChanged, Terminate
from lineside.dispatch.hedging import Hedging
from lineside.dispatch.words import Fault, Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.dispatch.actions import Action
    from lineside.dispatch.alarms import Alarms
    from lineside.dispatch.answers import Answers
    from lineside.dispatch.device import Device, Running
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.job import Job
    from lineside.dispatch.placing import Placing
    from lineside.dispatch.profile import ServiceTimes
    from lineside.dispatch.settings import Settings

_SLOWED = 1.3  # from this ratio on a device that gets nothing is looked at anew


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
        self._alarms = alarms
        self._hedging = Hedging(settings, fleet, answers, placing)
        self.retried = 0
        placing.watch = self.watch

    @property
    def hedged(self) -> int:
        """Pictures that were run a second time because the first run took too long."""
        return self._hedging.count

    def up(
        self, device: Device, profiles: Mapping[str, ServiceTimes], now_s: float, out: list[Action]
    ) -> None:
        """A worker is ready: the first is trusted, because its profile was just measured; later ones are probed."""
        first = not device.faults and not device.alive
        self._lose_run(device, now_s, out)
        device.alive, device.stuck, device.recycle = True, None, None
        for model, times in profiles.items():
            if model not in self._fleet.retired:
                device.load(model, times)
        if not device.lanes:
            return
        if first:
            self._healthy(device, now_s, out)
        else:
            self._probe(device, now_s, out)

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
            self.settle_down(device, now_s, out)
        elif device.health is Health.HEALTHY:
            self._set(device, Health.SUSPECT, f"its worker is to be replaced: {detail}", out)
            self._clear(device, now_s, out)

    def done(self, device: Device, run: Running, now_s: float, out: list[Action]) -> None:
        """A run ended well; its pictures have been settled."""
        took_s = max(now_s - run.started_s, 1e-9)
        pace = run.lane.pace
        if not run.jobs:
            pace.believe(took_s / run.profile_s)
            if device.health is Health.PROBING:
                device.probes_left -= 1
                if device.probes_left > 0:
                    self._send_probe(device, now_s, out)
                    return
                self._healthy(device, now_s, out)
                return
        else:
            pace.observe(run.profile_s, took_s)
            device.batches += 1
            device.frames += len(run.jobs)
            if device.batch_limit.most is not None:
                device.grow(len(run.jobs), now_s)
        self._trust_again(device, out)
        self.settle_down(device, now_s, out)

    def _trust_again(self, device: Device, out: list[Action]) -> None:
        if device.health is Health.SUSPECT and device.recycle is None:
            self._set(device, Health.HEALTHY, "its run ended after all", out)

    def settle_down(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Give a device its next run; where there is none and it was slow, look soon whether it still is."""
        if device.recycle is not None and device.alive:
            device.alive = False
            out.append(Terminate(device.name, device.recycle))
            self._set(device, Health.QUARANTINED, f"its worker is replaced: {device.recycle}", out)
            self._clear(device, now_s, out)
            return
        self._placing.fill(device, now_s, out)
        if not device.refreshing:
            self._look_again(device)

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
                self._again(jobs, now_s, out)
            self._trust_again(device, out)
            self.settle_down(device, now_s, out)
            return
        if len(jobs) == 1 and jobs[0].failed_on and fault is not Fault.MEMORY:
            self._poisoned(jobs[0], device, detail, now_s, out)
            return
        if fault is Fault.MEMORY:
            if jobs:
                device.batch_limit.cut(len(jobs), now_s, self._settings)
            device.alive = False
            out.append(Terminate(device.name, detail or "out of memory", device.batch_limit.most))
        if jobs:  # a probe that fails says no more of why than the run before it
            device.blamed = Reason.MODEL_UNHEALTHY if fault is Fault.MODEL else Reason.DEVICE_LOST
        self._quarantine(device, detail or "a run failed", now_s, out)
        self._retry(jobs, device, now_s, out)

    def answered_late(self, device: Device, number: int, now_s: float) -> None:
        """A run that had been given up came back: its worker lives, its results are not used."""
        if device.stuck == number:
            device.stuck = None
            if device.health is Health.QUARANTINED:
                self._alarms.at(
                    now_s + device.cool_down_s, lambda at_s, more: self._cooled(device, at_s, more)
                )

    def watch(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Look at a device's run: is it overdue, or does it hang?"""
        run = device.running
        if run is None:
            return
        settings = self._settings
        suspect_s = self._placing.suspect_at_s(run)
        hang_s = run.started_s + max(settings.hang_factor * run.expected_s, settings.hang_s)
        if now_s >= hang_s:
            self._hung(device, run, now_s, out)
            return
        if now_s >= suspect_s and device.health is Health.HEALTHY:
            took_ms = (now_s - run.started_s) * 1e3
            detail = f"a run takes {took_ms:.1f} ms, expected were {run.expected_s * 1e3:.1f} ms"
            self._set(device, Health.SUSPECT, detail, out)
            self._hedging.hedge(run, now_s, out)
            self._clear(device, now_s, out)
        self._placing.arm(device, hang_s if now_s >= suspect_s else suspect_s)

    def _hung(self, device: Device, run: Running, now_s: float, out: list[Action]) -> None:
        device.end(now_s)
        device.blamed = Reason.DEVICE_LOST
        device.stuck = number = run.number
        out.append(Cancel(device.name, number))
        for job in run.jobs:
            job.runs -= 1
        self._quarantine(device, f"a run hangs since {(now_s - run.started_s) * 1e3:.0f} ms", now_s, out)
        self._alarms.at(now_s + self._settings.kill_after_s, lambda _, more: self._kill(device, number, more))
        if len(run.jobs) == 1 and run.jobs[0].failed_on:
            self._poisoned(run.jobs[0], device, "two devices hang with it", now_s, out)
        else:
            self._retry(run.jobs, device, now_s, out)

    def _kill(self, device: Device, number: int, out: list[Action]) -> None:
        if device.stuck == number and device.alive:
            device.alive, device.stuck = False, None
            out.append(Terminate(device.name, "a run that was cancelled does not end"))

    def _lose_run(self, device: Device, now_s: float, out: list[Action], detail: str = "") -> None:
        """Whatever the device had runs no more; a device that was in service is quarantined."""
        device.blamed = Reason.DEVICE_LOST
        run = device.end(now_s) if device.running is not None else None
        jobs = [] if run is None else run.jobs
        for job in jobs:
            job.runs -= 1
        if detail or device.health in {Health.HEALTHY, Health.SUSPECT, Health.PROBING}:
            self._quarantine(device, detail or "its worker was replaced", now_s, out)
        if run is not None:
            self._retry(jobs, device, now_s, out)

    def _quarantine(self, device: Device, detail: str, now_s: float, out: list[Action]) -> None:
        settings = self._settings
        since_s = device.faulty_since_s
        if since_s is None or (
            device.health is Health.HEALTHY and now_s - device.healthy_since_s > settings.forgive_s
        ):
            device.faulty_since_s = since_s = now_s
            device.cool_down_s = settings.cool_down_s
        else:
            early = now_s - since_s <= settings.early_s
            most_s = settings.cool_down_early_s if early else settings.cool_down_most_s
            device.cool_down_s = min(max(2 * device.cool_down_s, settings.cool_down_s), most_s)
        device.faults += 1
        self._set(device, Health.QUARANTINED, detail, out)
        self._alarms.at(now_s + device.cool_down_s, lambda at_s, more: self._cooled(device, at_s, more))
        self._clear(device, now_s, out)

    def _cooled(self, device: Device, now_s: float, out: list[Action]) -> None:
        if device.health is Health.QUARANTINED and device.alive and device.stuck is None:
            self._probe(device, now_s, out)

    def _probe(self, device: Device, now_s: float, out: list[Action]) -> None:
        device.probes_left = self._settings.probes
        self._set(device, Health.PROBING, "it is shown test pictures", out)
        self._send_probe(device, now_s, out)

    def _send_probe(self, device: Device, now_s: float, out: list[Action]) -> None:
        lanes = list(device.lanes.values())
        self._placing.start(lanes[device.probes_left % len(lanes)], [], now_s, out)

    def _look_again(self, device: Device) -> None:
        """Plan a probe for a device that is idle and was slow; one plan at a time."""
        if device.running is not None or device.health is not Health.HEALTHY:
            return
        for lane in device.lanes.values():
            if lane.pace.ratio > _SLOWED:
                device.refreshing = True
                due_s = device.idle_since_s + self._settings.refresh_s
                self._alarms.at(due_s, lambda now_s, out: self._refresh(device, now_s, out))
                return

    def _refresh(self, device: Device, now_s: float, out: list[Action]) -> None:
        device.refreshing = False
        if not device.is_idle or now_s < device.idle_since_s + self._settings.refresh_s:
            self._look_again(device)  # it had pictures meanwhile
            return
        slow = max(device.lanes.values(), key=lambda lane: lane.pace.ratio, default=None)
        if slow is not None:
            self._placing.start(slow, [], now_s, out)

    def _healthy(self, device: Device, now_s: float, out: list[Action]) -> None:
        device.healthy_since_s = device.idle_since_s = now_s
        self._set(device, Health.HEALTHY, "", out)
        self.settle_down(device, now_s, out)

    def _set(self, device: Device, health: Health, detail: str, out: list[Action]) -> None:
        if device.health is not health:
            out.append(HealthChanged(device.name, health, detail))
        device.health = health
        self._fleet.changed()

    def _clear(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Let everything that waits for a device wait elsewhere."""
        for lane in device.lanes.values():
            for job in lane.judged.jobs + lane.live.jobs:
                lane.remove(job)
                self._placing.place(job, now_s, out)

    def _again(self, jobs: list[Job], now_s: float, out: list[Action]) -> None:
        """One of them broke the run: each gets one of its own."""
        for job in jobs:
            if not job.gone and not job.runs and not (job.answered and not job.late):
                job.alone = True
                self._placing.place(job, now_s, out)

    def _retry(self, jobs: list[Job], device: Device, now_s: float, out: list[Action]) -> None:
        """Give pictures to other devices, at once; never to one that failed with them."""
        for job in jobs:
            job.failed_on = (*job.failed_on, device.name)
            if job.runs or job.gone or (job.answered and not job.late):
                continue
            others = [
                d
                for d in self._fleet.devices.values()
                if job.model in d.lanes and d.name not in job.failed_on
            ]
            if others:
                self.retried += 1
                self._again([job], now_s, out)
            else:
                why = self._fleet.absence(job.model)
                self._answers.refuse(job, why, "every device that has the model failed with it", out)

    def _poisoned(self, job: Job, device: Device, detail: str, now_s: float, out: list[Action]) -> None:
        """Two devices failed with one picture alone: it is the picture. They are not blamed."""
        for name in job.failed_on:
            other = self._fleet.devices[name]
            self._cooled(other, now_s, out)
        text = f"it broke the runs of {', '.join((*job.failed_on, device.name))}: {detail or 'they failed'}"
        self._answers.refuse(job, Reason.IMAGE_UNHEALTHY, text, out)
        self._trust_again(device, out)
        self.settle_down(device, now_s, out)
