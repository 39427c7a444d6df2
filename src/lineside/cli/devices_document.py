"""What `lineside devices --json` writes; docs/devices.md describes it."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import lineside
from lineside.engine import advice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.engine.doctor import Row
    from lineside.engine.hardware.machine import Hardware
    from lineside.engine.speed import Speed
    from lineside.engine.wheels import Wheel, Wheels

SCHEMA = 1
"""Raised when a key goes or changes its meaning; new keys do not raise it."""


def document(
    hardware: Hardware, wheels: Wheels, rows: Sequence[Row], speeds: Mapping[str, Speed]
) -> dict[str, Any]:
    """The whole answer as plain values.

    Args:
        hardware: What is there.
        wheels: What is installed.
        rows: The providers.
        speeds: What was measured, by placement.
    """
    return {
        "schema": SCHEMA,
        "lineside": lineside.__version__,
        "python": platform.python_version(),
        "hardware": _hardware(hardware),
        "runtime": _runtime(wheels),
        "providers": [_provider(row, speeds) for row in rows],
        "offers": [
            {"extra": offer.extra, "title": offer.title, "for": offer.because, "line": offer.line}
            for offer in advice.offers(hardware)
        ],
        "warnings": [asdict(finding) for finding in advice.warnings(wheels, hardware)],
    }


def _hardware(hardware: Hardware) -> dict[str, Any]:
    return {
        "system": hardware.system,
        "machine": hardware.machine,
        "host": hardware.host,
        "processor": asdict(hardware.processor),
        "memory": asdict(hardware.memory),
        "cards": [asdict(card) for card in hardware.cards],
        "unread": list(hardware.unread),
    }


def _runtime(wheels: Wheels) -> dict[str, Any]:
    return {
        "wheels": [_wheel(wheel) for wheel in wheels.runtimes],
        "shadowed": [_wheel(wheel) for wheel in wheels.shadowed],
        "plugins": [_wheel(wheel) for wheel in wheels.plugins],
        "conflict": wheels.conflict,
    }


def _wheel(wheel: Wheel) -> dict[str, str]:
    return {"name": wheel.name, "version": wheel.version, "place": str(wheel.place)}


def _provider(row: Row, speeds: Mapping[str, Speed]) -> dict[str, Any]:
    devices = [
        asdict(device)
        | {"speed": None if (speed := speeds.get(f"{row.name}:{device.index}")) is None else asdict(speed)}
        for device in row.devices
    ]
    return {
        "name": row.name,
        "title": row.title,
        "state": row.state.value,
        "why": row.why,
        "packages": list(row.packages),
        "lines": list(row.lines),
        "devices": devices,
    }
