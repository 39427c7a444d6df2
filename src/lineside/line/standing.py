"""How an engine's devices stand, as rows of the line's statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.line.statistics import DeviceRow

if TYPE_CHECKING:
    from lineside.dispatch.engine import Engine


def device_rows(engine: Engine) -> tuple[DeviceRow, ...]:
    """The devices of an engine now; what they did for the line, the line counts itself."""
    faults = {device.name: device.faults for device in engine.statistics().devices}
    return tuple(
        DeviceRow(
            name=device.name,
            health=str(device.health),
            detail=device.detail or "; ".join((*device.refused.values(), *device.demoted.values())),
            faults=faults.get(device.name, 0),
        )
        for device in engine.health().devices
    )
