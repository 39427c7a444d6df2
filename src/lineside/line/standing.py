"""How the engines' devices stand, as rows of the line's statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.line.statistics import DeviceRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.core.verdict import Reason
    from lineside.dispatch.engine import Engine


def device_rows(engines: Sequence[Engine]) -> tuple[DeviceRow, ...]:
    """The devices of some engines now, each once; a device that one engine has lost is lost.

    What they did for the line the line counts itself.
    """
    rows: dict[str, DeviceRow] = {}
    for engine in engines:
        faults = {device.name: device.faults for device in engine.statistics().devices}
        for device in engine.health().devices:
            detail = device.detail or "; ".join((*device.refused.values(), *device.demoted.values()))
            runs = f"{device.entries[0]}, {device.isolation}" if device.entries else ""
            row = DeviceRow(
                device.name, str(device.health), detail, faults=faults.get(device.name, 0), runs=runs
            )
            before = rows.get(device.name)
            if before is None or before.health == "healthy":
                rows[device.name] = row
    return tuple(rows.values())


def absence_of(engines: Sequence[Engine]) -> Reason | None:
    """Why an engine has no device in service; `None` where each has one."""
    return next((reason for engine in engines if (reason := engine.absence()) is not None), None)
