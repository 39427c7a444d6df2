"""The file of `lineside simulate`: cameras, devices, and what breaks, as a line's own file has them."""

from __future__ import annotations

import math
import tomllib
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from lineside.core.delivery import Delivery
from lineside.core.documents import Table, fault_of
from lineside.core.errors import SettingsError
from lineside.dispatch.routing import DEFAULT, open_policy
from lineside.dispatch.simulation.handover import Handover
from lineside.dispatch.simulation.profiles import parse_devices
from lineside.dispatch.simulation.scenario import (
    Arrivals,
    FaultKind,
    Scenario,
    SimulatedFault,
    SimulatedStream,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lineside.dispatch.simulation.profiles import DeviceProfile

_Deadline = Annotated[float, Field(gt=0, le=1e6)]
_Rate = Annotated[float, Field(gt=0, le=1e5)]
_Share = Annotated[float, Field(ge=0, le=1)]


class Line(Table):
    """`[line]`: what holds for every camera that says nothing else."""

    name: str = "line"
    deadline_ms: _Deadline = 20.0


class Camera(Table):
    """`[[camera]]`: one, or `count` equal ones.

    `source` and `trigger` are the line's own, and mean nothing in a simulation.
    """

    id: Annotated[str, Field(min_length=1)]
    fps: _Rate
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    deadline_ms: _Deadline | None = None
    delivery: Delivery = Delivery.EVERY_PART
    arrivals: Arrivals = Arrivals.REGULAR
    source: str | None = None
    trigger: str | None = None


class Devices(Table):
    """`[devices]`: how pictures are routed; `priority` is the line's own, and means nothing in a simulation."""

    routing: str = DEFAULT
    priority: list[str] | None = None


class FaultTable(Table):
    """`[[simulation.fault]]`: something that breaks."""

    device: str
    kind: FaultKind
    from_s: Annotated[float, Field(ge=0)]
    to_s: Annotated[float, Field(gt=0)] | None = None
    factor: Annotated[float, Field(ge=1)] = 5.0


class Simulation(Table):
    """`[simulation]`: what stands in for the machine."""

    devices: Annotated[list[str], Field(min_length=1)]
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    seed: Annotated[int, Field(ge=0)] = 1
    noise: Annotated[float, Field(ge=0, le=2)] = 0.04
    tails: _Share = 0.0
    restart_s: Annotated[float, Field(ge=0)] = 0.3
    handover_us: Annotated[float, Field(ge=0, le=1e6)] | None = None
    fault: Annotated[list[FaultTable], Field(default_factory=list)]


class Layout(Table):
    """The whole file."""

    line: Line = Line()
    camera: Annotated[list[Camera], Field(min_length=1)]
    devices: Devices = Devices()
    simulation: Simulation


def read_scenario(
    path: Path, known: Mapping[str, DeviceProfile], handover: Handover | None = None
) -> Scenario:
    """The scenario that a file describes.

    Args:
        path: A TOML file.
        known: Device profiles by name.
        handover: What an engine itself takes, where the file does not say.

    Raises:
        SettingsError: The file cannot be read, is no TOML, or a key is unknown, missing or out of range.
        UnknownNameError: It names a profile, a policy or a device that does not exist.
    """
    try:
        layout = Layout.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"{path}: it cannot be read: {fault}") from fault
    except tomllib.TOMLDecodeError as fault:
        raise SettingsError(f"{path}: no TOML: {fault}") from fault
    except ValidationError as fault:
        raise fault_of(fault, Layout, str(path)) from fault
    try:
        return _scenario(layout, known, handover)
    except SettingsError as fault:
        raise type(fault)(f"{path}: {fault}") from fault


def _scenario(layout: Layout, known: Mapping[str, DeviceProfile], handover: Handover | None) -> Scenario:
    open_policy(layout.devices.routing)
    streams = [stream for camera in layout.camera for stream in _streams(camera, layout.line.deadline_ms)]
    names = [stream.name for stream in streams]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SettingsError(f'camera: expected each id once; got "{twice}" twice')
    simulation = layout.simulation
    for number, fault in enumerate(simulation.fault):
        if fault.from_s >= simulation.seconds:
            raise SettingsError(
                f"simulation.fault[{number}].from_s: expected a time before the end, simulation.seconds = {simulation.seconds:g}; "
                f"got {fault.from_s:g}"
            )
    if simulation.handover_us is not None:
        handover = Handover.constant(simulation.handover_us, "simulation.handover_us of the file")
    return Scenario(
        streams=tuple(streams),
        devices=parse_devices(",".join(simulation.devices), known),
        faults=tuple(_fault(fault, number) for number, fault in enumerate(simulation.fault)),
        seconds=simulation.seconds,
        seed=simulation.seed,
        routing=layout.devices.routing,
        noise=simulation.noise,
        tails=simulation.tails,
        restart_s=simulation.restart_s,
        handover=handover,
    )


def _streams(camera: Camera, deadline_ms: float) -> list[SimulatedStream]:
    names = [camera.id] if camera.count == 1 else [f"{camera.id}-{k + 1}" for k in range(camera.count)]
    return [
        SimulatedStream(
            name=name,
            fps=camera.fps,
            deadline_s=(deadline_ms if camera.deadline_ms is None else camera.deadline_ms) / 1e3,
            delivery=camera.delivery,
            arrivals=camera.arrivals,
        )
        for name in names
    ]


def _fault(table: FaultTable, number: int) -> SimulatedFault:
    to_s = math.inf if table.to_s is None else table.to_s
    if to_s <= table.from_s:
        raise SettingsError(
            f"simulation.fault[{number}].to_s: expected a time after from_s = {table.from_s:g}; got {to_s:g}"
        )
    return SimulatedFault(table.device, table.kind, table.from_s, to_s, table.factor)
