"""How far devices are trusted: into service, out of it, and back after a proof of health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.dispatch.actions import HealthChanged, Terminate
from lineside.dispatch.words import Health

if TYPE_CHECKING:
    from lineside.dispatch.actions import Action
    from lineside.dispatch.alarms import Alarms
    from lineside.dispatch.device import Device
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.placing import Placing
    from lineside.dispatch.settings import Settings

_SERVED = (Health.HEALTHY, Health.SUSPECT)
_SLOWED = 1.3  # from this ratio on a device that gets nothing is looked at anew


class Trust:
    """Changes the health of devices, with all that follows from it for what waits for them.

    Args:
        settings: Thresholds.
        fleet: The devices.
        placing: Where pictures go that a device loses.
        alarms: What is to be looked at again.
    """

    def __init__(self, settings: Settings, fleet: Fleet, placing: Placing, alarms: Alarms) -> None:
        self._settings = settings
        self._fleet = fleet
        self._placing = placing
        self._alarms = alarms

    def set(self, device: Device, health: Health, detail: str, out: list[Action]) -> None:
        """Let a device have a health from here on, and tell it where it is another one."""
        if device.health is not health:
            out.append(HealthChanged(device.name, health, detail))
        device.health = health
        self._fleet.changed()

    def clear(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Let everything that waits for a device wait elsewhere."""
        for lane in device.lanes.values():
            for job in lane.judged.jobs + lane.live.jobs:
                lane.remove(job)
                self._placing.place(job, now_s, out)

    def healthy(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Let a device into service."""
        device.healthy_since_s = device.idle_since_s = now_s
        self.set(device, Health.HEALTHY, "", out)
        if device.recycle is None:
            self._placing.readmit(device, now_s, out)
        self.settle_down(device, now_s, out)

    def trust_again(self, device: Device, now_s: float, out: list[Action]) -> None:
        """After a run that ended: suspect its device no more."""
        if device.health is Health.SUSPECT and device.recycle is None:
            self.set(device, Health.HEALTHY, "its run ended after all", out)
            self._placing.readmit(device, now_s, out)

    def settle_down(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Give a device its next run; where there is none and it was slow, look soon whether it still is."""
        if device.recycle is not None and device.alive:
            device.alive = False
            out.append(Terminate(device.name, device.recycle))
            self.set(device, Health.QUARANTINED, f"its worker is replaced: {device.recycle}", out)
            self.clear(device, now_s, out)
            return
        self._placing.fill(device, now_s, out)
        if not device.refreshing:
            self._look_again(device)

    def quarantine(self, device: Device, detail: str, now_s: float, out: list[Action]) -> None:
        """Take a device out of service until it has cooled down; it waits longer with each further fault.

        What waits for it is to be sent elsewhere by `clear`, after the pictures of its run: those have less time left.
        """
        settings = self._settings
        since_s = device.faulty_since_s
        if since_s is None or (
            device.health in _SERVED and now_s - device.healthy_since_s > settings.forgive_s
        ):
            device.faulty_since_s = since_s = now_s
            device.cool_down_s = settings.cool_down_s
        else:
            early = now_s - since_s <= settings.early_s
            most_s = settings.cool_down_early_s if early else settings.cool_down_most_s
            device.cool_down_s = min(max(2 * device.cool_down_s, settings.cool_down_s), most_s)
        device.faults += 1
        self.set(device, Health.QUARANTINED, detail, out)
        self.cool_down(device, now_s)

    def cool_down(self, device: Device, now_s: float) -> None:
        """Plan the look at a device that is out of service; one at a time, or each fault would add its own probes."""
        if device.cooling is not None:
            self._alarms.forget(device.cooling)
        device.cooling = self._alarms.at(
            now_s + device.cool_down_s, lambda at_s, more: self.cooled(device, at_s, more)
        )

    def cooled(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Probe a device that is out of service and has a worker with a model and nothing under way."""
        if device.health is Health.QUARANTINED and device.alive and device.stuck is None and device.lanes:
            self.probe(device, now_s, out)

    def begin(self, device: Device, now_s: float, out: list[Action]) -> None:
        """A worker's models are there: the first worker is trusted, because its times were just measured; later ones are probed."""
        if device.faults:
            self.probe(device, now_s, out)
        else:
            self.healthy(device, now_s, out)

    def probe(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Show a device test pictures, as many as prove that it is well, and each model at least one."""
        device.probes_left = max(self._settings.probes, len(device.lanes))
        self.set(device, Health.PROBING, "it is shown test pictures", out)
        self.send_probe(device, now_s, out)

    def send_probe(self, device: Device, now_s: float, out: list[Action]) -> None:
        """Show a device the next test picture."""
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
