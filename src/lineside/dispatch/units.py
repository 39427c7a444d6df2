"""The devices of an engine: the entries of a list by physical device, each with the kind of worker that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from lineside.core.errors import DeviceError, SettingsError
from lineside.core.placement import Placement, placements
from lineside.engine.rungs import device_of, rungs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.dispatch.opening import DetectorModel
    from lineside.dispatch.worker import WorkerModel
    from lineside.engine.provider import Device
    from lineside.engine.rungs import Rung

ISOLATIONS = ("auto", "thread", "process")
"""What a worker lives in; `auto` takes a thread for the CPU and a process for all else."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One physical device, or one share of the CPU's cores.

    Attributes:
        name: Of its first entry, without options: `cuda:0`.
        entries: Its entries, best first; the first that works runs.
        isolation: `thread` or `process`.
        physical: The device itself, as far as is known.
    """

    name: str
    entries: tuple[Placement, ...]
    isolation: str
    physical: str


def units(devices: str | Placement | Sequence[str | Placement], isolation: str = "auto") -> tuple[Unit, ...]:
    """The devices of a list, in its order.

    Entries of one card, such as `tensorrt:0` and `cuda:0`, are one device: within it the first that works runs. Each
    `cpu:N` is a device with an equal share of the cores.

    Args:
        devices: The list.
        isolation: One of `ISOLATIONS`.

    Raises:
        UnknownNameError: A provider or an option does not exist.
        SettingsError: The list is malformed, a device stands in it twice, or the CPU both as a whole and in shares.
    """
    if isolation not in ISOLATIONS:
        raise SettingsError(f'isolation: expected {", ".join(ISOLATIONS)}; got "{isolation}"')
    grouped: dict[str, list[tuple[Rung, Device | None]]] = {}
    for rung in rungs(placements(devices), None):
        found = _found(rung)
        grouped.setdefault(_physical(rung, found), []).append((rung, found))
    _refuse_twice(grouped)
    return tuple(_unit(physical, members, isolation) for physical, members in grouped.items())


@dataclass(frozen=True, slots=True)
class UnitOpener:
    """Opens detectors on one unit: on the first of its entries that works.

    Attributes:
        entries: The entries, best first.
        cache: Folder of prepared models; `None` for the user's.
    """

    entries: tuple[Placement, ...]
    cache: str | None = None

    def __call__(self, model: WorkerModel) -> DetectorModel:
        """The model, open.

        Raises:
            LinesideError: As for a `Detector`.
        """
        from lineside.detector.detector import Detector
        from lineside.dispatch.opening import DetectorModel

        return DetectorModel(Detector(model.path, devices=self.entries, facts=model.facts, cache=self.cache))


def _found(rung: Rung) -> Device | None:
    """The device of an entry; `None` where only its worker will tell, also why there is none."""
    try:
        return device_of(rung)
    except DeviceError:
        return None


def _physical(rung: Rung, device: Device | None) -> str:
    if device is not None:
        return device.physical
    provider, index = rung.provider, rung.placement.device
    if provider.divides:
        return provider.name if index is None else f"{provider.name}:{int(index)}"
    # Where nothing is found, a maker's cards are one another's whatever provider names them.
    maker = provider.hardware[0] if ":" in provider.hardware[0] else provider.name
    return f"{maker}:{index or 0}"


def _refuse_twice(grouped: dict[str, list[tuple[Rung, Device | None]]]) -> None:
    """Refuse a device that would be run on twice at once.

    Raises:
        SettingsError: There is one.
    """
    for physical, members in grouped.items():
        names = [rung.provider.name for rung, _ in members]
        for name, same in groupby(sorted(names)):
            if len(list(same)) > 1:
                texts = ", ".join(str(rung.placement) for rung, _ in members)
                raise SettingsError(
                    f"devices: {texts}: {name} stands twice for one device ({physical}); name it once"
                )
    whole = grouped.get("cpu", [])
    shares = [physical for physical in grouped if physical.startswith("cpu:")]
    if whole and shares:
        texts = ", ".join(str(rung.placement) for rung, _ in whole)
        raise SettingsError(
            f"devices: {texts} takes the CPU as a whole, and {', '.join(shares)} a share of its cores; expected one or the other"
        )


def _unit(physical: str, members: list[tuple[Rung, Device | None]], isolation: str) -> Unit:
    first = members[0][0].placement
    kind = isolation
    if isolation == "auto":
        # What is not the CPU can take its process down; only another process survives that.
        kind = "thread" if all(_is_cpu(rung, device) for rung, device in members) else "process"
    return Unit(
        str(Placement(first.provider, first.device)),
        tuple(_entry(rung) for rung, _ in members),
        kind,
        physical,
    )


def _is_cpu(rung: Rung, device: Device | None) -> bool:
    provider = rung.provider
    own = provider.divides or (device is not None and device.physical == "cpu")
    return own and "cpu" in provider.hardware and not provider.needs_process


def _entry(rung: Rung) -> Placement:
    """The entry as its worker opens it alone; a share of the cores is settled here, where all shares are known."""
    placement, provider = rung.placement, rung.provider
    if not provider.divides or placement.device is None or rung.threads is None:
        return placement
    options = dict(placement.options)
    options.setdefault("intra_op_num_threads", str(rung.threads))
    if "intra_op_thread_affinities" in rung.options:
        options.setdefault("intra_op_thread_affinities", rung.options["intra_op_thread_affinities"])
    return Placement(placement.provider, placement.device, tuple(options.items()))
