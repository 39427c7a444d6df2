"""The devices, the ways that lead to them, and which model a role means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError, near
from lineside.core.verdict import Reason
from lineside.dispatch.device import Device
from lineside.dispatch.words import Health

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane
    from lineside.dispatch.profile import ServiceTimes

_RETIRED = 64  # no worker takes so long to start that more models come and go meanwhile


class Fleet:
    """All devices.

    Args:
        names: Of the devices.
        roles: What pictures are for; each means the model of its own name until it is swapped.

    Attributes:
        devices: By name.
        roles: The model that each role means now; a role that nobody named means the model of its own name.
        retiring: Models that no new picture is for.
        retired: The last models that are through; a worker that was started with one is not asked for it.
    """

    def __init__(self, names: Iterable[str], roles: Iterable[str] = ()) -> None:
        listed = list(names)
        twice = {name for name in listed if listed.count(name) > 1}
        if not listed or twice:
            raise SettingsError(
                f"devices: expected at least one, each once; got {', '.join(sorted(twice)) + ' twice' if twice else 'none'}"
            )
        self.devices = {name: Device(name) for name in listed}
        self.roles = {role: role for role in roles}
        self.retiring: set[str] = set()
        self.retired: dict[str, None] = {}  # in the order in which they went
        self._routes: dict[str, list[Lane]] = {}
        self._fastest: dict[str, tuple[str, float] | None] = {}

    def device(self, name: str) -> Device:
        """The device of that name.

        Raises:
            SettingsError: There is none.
        """
        found = self.devices.get(name)
        if found is None:
            raise SettingsError(f'dispatch: no device "{name}"{near(name, self.devices)}')
        return found

    def model_of(self, role: str) -> str:
        """The model that a role means now."""
        return self.roles.get(role, role)

    def routes(self, model: str) -> list[Lane]:
        """The model's queue on each healthy device, the fastest first as they were when one last came or went."""
        found = self._routes.get(model)
        if found is None:
            lanes = [
                device.lanes[model]
                for device in self.devices.values()
                if device.health is Health.HEALTHY and model in device.lanes
            ]
            found = self._routes[model] = sorted(lanes, key=lambda lane: lane.single_s())
        return found

    def may_run(self, job: Job, device: str) -> bool:
        """Whether a device may be shown a picture: one that failed with it only where it alone is in service.

        It has proven itself since, and a picture that breaks it again is found out by that.
        """
        return device not in job.failed_on or all(
            lane.device.name in job.failed_on for lane in self.routes(job.model)
        )

    def fastest(self, model: str) -> tuple[str, float] | None:
        """The device that has been seen to do one picture in the shortest time, in service or not, and that; `None` without any."""
        if model not in self._fastest:
            singles = [
                (device.lanes[model].least_s, device.name)
                for device in self.devices.values()
                if model in device.lanes
            ]
            seconds, name = min(singles, default=(0.0, ""))
            self._fastest[model] = (name, seconds) if singles else None
        return self._fastest[model]

    def absence(self, model: str) -> Reason:
        """Why a model has no device in service: it, where every device that has it went out of service for its answers."""
        blamed = {device.blamed for device in self.devices.values() if model in device.lanes}
        return Reason.MODEL_UNHEALTHY if blamed == {Reason.MODEL_UNHEALTHY} else Reason.DEVICE_LOST

    def usual(self, model: str) -> tuple[str, float] | None:
        """The device that usually is done first with one picture, in service or not, and its seconds; `None` without any."""
        singles = [
            (device.lanes[model].single_s(), device.name)
            for device in self.devices.values()
            if model in device.lanes
        ]
        seconds, name = min(singles, default=(0.0, ""))
        return (name, seconds) if singles else None

    def saw(self, lane: Lane, took_s: float) -> None:
        """A run of one picture took so long."""
        if took_s < lane.least_s:
            lane.least_s = took_s
            self._fastest.pop(lane.model, None)

    def changed(self) -> None:
        """A device's health or models changed: the ways are looked for anew."""
        self._routes.clear()
        self._fastest.clear()

    def is_loaded(self, model: str) -> bool:
        """Whether any device has the model, healthy or not."""
        return any(model in device.lanes for device in self.devices.values())

    def load(self, device: Device, model: str, times: ServiceTimes) -> None:
        """Let one more model run on a device; it may be one that went before."""
        self.retired.pop(model, None)
        device.load(model, times)
        self.changed()

    def swap(self, role: str, model: str) -> None:
        """Let a role mean another model; the one before goes, unless another role means it.

        Raises:
            SettingsError: No device has the model.
        """
        if not self.is_loaded(model):
            known = {model for device in self.devices.values() for model in device.lanes}
            raise SettingsError(
                f'dispatch: swap of {role}: no device has the model "{model}"{near(model, known)}'
            )
        old = self.model_of(role)
        self.roles[role] = model
        self.retiring.discard(model)
        if old != model:
            self.discard(old)

    def discard(self, model: str) -> None:
        """Let a model go when its last picture is through, unless a role means it."""
        if model not in self.roles.values():
            self.retiring.add(model)

    def retire(self, model: str) -> None:
        """Forget a model that is through."""
        self.retiring.discard(model)
        self.retired[model] = None
        if len(self.retired) > _RETIRED:
            del self.retired[next(iter(self.retired))]
        for device in self.devices.values():
            device.unload(model)
        self.changed()
