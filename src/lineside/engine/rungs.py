"""The entries of a list of devices, each with its provider and all options checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import DeviceUnavailableError, SettingsError
from lineside.engine.hardware import usable_cores
from lineside.engine.options import checked
from lineside.engine.provider import provider_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lineside.core.placement import Placement
    from lineside.engine.provider import Device, Provider

    Find = Callable[[Placement], Provider]


@dataclass(frozen=True, slots=True)
class Rung:
    """An entry of the list, ready to be tried.

    Attributes:
        placement: As written.
        provider: Its provider.
        options: Checked options by name, as the runtime spells them.
        threads: Threads of one run on the host; `None` for what suits the provider.
        device: The device, where its provider finds it; `None` until it was looked for, and where it has no list of any.
    """

    placement: Placement
    provider: Provider
    options: Mapping[str, str]
    threads: int | None
    device: Device | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """What the person who wrote the entry should know."""
        written, name = self.placement.provider, self.provider.name
        old = () if written == name else (f"{written} is an old name of {name}, which is taken for it",)
        return (*old, *self._slow) if self.placement.options or self.threads else old

    @property
    def _slow(self) -> Iterator[str]:
        """What the options cost; an entry without any costs nothing, and its start no import."""
        from lineside.engine.hints import of_entry
        from lineside.models.lint import Severity

        for hint in of_entry(self, cores=usable_cores()):
            if hint.severity is Severity.SLOW:
                yield f"{hint.seen}: {hint.why}. The cure: {hint.cure}"

    @property
    def physical(self) -> str:
        """The physical device that it uses, as far as is known."""
        return (
            str(self.placement.device or self.provider.name) if self.device is None else self.device.physical
        )


def rungs(placements: Sequence[Placement], threads: int | None, find: Find = provider_of) -> tuple[Rung, ...]:
    """All entries of a list, checked before the first is tried: a word misspelt far down is no surprise later.

    Args:
        placements: The list, best first.
        threads: Threads of one run on the CPU, where the entry does not say.
        find: The provider of an entry.

    Raises:
        UnknownNameError: A provider or an option does not exist; the near ones are named.
        SettingsError: A value is not accepted, or a device is named twice in one entry.
    """
    found = [(placement, find(placement)) for placement in placements]
    shares = [p for p, provider in found if provider.divides and p.device is not None]
    ranks = sorted(_share_number(placement) for placement in shares)
    made = []
    for placement, provider in found:
        options = _options(placement, provider)
        asked = int(options["intra_op_num_threads"]) if "intra_op_num_threads" in options else None
        # A provider that opens sessions of its own knows which of its devices is the CPU.
        own = asked or (threads if provider.divides or provider.open is not None else None)
        if placement in shares and own is None:
            own = _take_share(options, ranks.index(_share_number(placement)), len(ranks))
        made.append(Rung(placement, provider, options, own))
    return tuple(made)


def device_of(rung: Rung) -> Device | None:
    """The device of an entry, among those that its provider finds; `None` where it finds none, and only trying tells.

    Raises:
        DeviceUnavailableError: There are devices, and none of that index; they are named.
    """
    asked = rung.placement.device
    if rung.provider.divides:
        cores = usable_cores()
        if asked is not None and int(asked) >= cores:
            raise DeviceUnavailableError(
                f"there is no share {asked} of the {cores} cores that this process may use; found: {rung.provider.name}:0 to "
                f"{rung.provider.name}:{cores - 1}"
            )
        return None
    devices = rung.provider.find_devices()
    if asked is None or not devices:
        return devices[0] if devices else None
    folded = asked.casefold()
    for device in devices:
        index = device.index.casefold()
        if index == folded or index.startswith(f"{folded}."):
            return device
    there = ", ".join(f"{rung.provider.name}:{device.index} ({device.name})" for device in devices)
    why = rung.provider.why_missing(asked) if rung.provider.why_missing is not None else ""
    raise DeviceUnavailableError(
        f'{rung.provider.title} has no device "{asked}" here; found: {there}{". " if why else ""}{why}'
    )


def _options(placement: Placement, provider: Provider) -> dict[str, str]:
    """The checked options of an entry, the one that names its device among them."""
    where = f"devices: {placement.provider}{f':{placement.device}' if placement.device is not None else ''}"
    given = dict(placement.settings)
    name = provider.device_option
    if placement.device is not None:
        if name in given:
            raise SettingsError(
                f'{where}: the device is named twice, as "{placement.device}" and as {name}={given[name]}'
            )
        if name is not None:
            given[name] = placement.device
        elif not provider.divides and not provider.plugin:  # a library's devices are counted in its own order
            raise SettingsError(f"{where}: {provider.title} has one device; expected {provider.name} alone")
    return checked(provider.options, given, where=where)


def _share_number(placement: Placement) -> int:
    device = str(placement.device)
    if not (device.isascii() and device.isdigit()):
        raise SettingsError(
            f'devices: {placement}: expected the number of a share of the cores, as {placement.provider}:0; got "{device}"'
        )
    return int(device)


def _take_share(options: dict[str, str], rank: int, of: int) -> int:
    """The threads of an equal share of the cores; where the system tells them apart, its threads stay on them."""
    each = max(usable_cores() // of, 1)
    if of > 1 and each > 1 and hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))[rank * each : (rank + 1) * each]
        own = ",".join(str(core + 1) for core in cores)  # onnxruntime counts processors from 1
        # The caller's own thread is one of them, and stays where the system puts it.
        options.setdefault("intra_op_thread_affinities", ";".join([own] * (each - 1)))
    return each
