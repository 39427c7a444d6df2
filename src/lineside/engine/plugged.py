"""Devices of providers that come as plug-in libraries, as ONNX Runtime lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.errors import LinesideError
from lineside.engine import libraries
from lineside.engine.provider import Device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.engine.provider import Provider


def find_devices(provider: Provider) -> tuple[Device, ...]:
    """What a provider's library finds, in its own order; none where its package is not installed or cannot be loaded.

    Why it cannot be loaded is what `libraries.devices` raises.

    Args:
        provider: A plug-in.
    """
    try:
        found = libraries.devices(libraries.packaged(provider), provider.runtime_name)
    except LinesideError:  # no package, no driver, no device: none of them is a fault of the machine
        return ()
    return tuple(described(provider.name, index, device) for index, device in enumerate(found))


def described(provider: str, index: int, device: Any) -> Device:
    """A device of ONNX Runtime in lineside's words.

    Args:
        provider: Whose device it is called.
        index: Its number in the provider's order.
        device: An `onnxruntime.OrtEpDevice`.
    """
    hardware = device.device
    metadata = {key.casefold(): value for key, value in dict(hardware.metadata).items()}
    kind = str(hardware.type).rpartition(".")[2]
    return Device(
        provider=provider,
        index=str(index),
        name=metadata.get("description") or f"{hardware.vendor} {kind}".strip(),
        memory_bytes=_memory(metadata),
        physical=_physical(metadata, kind, hardware),
        driver=str(dict(device.ep_metadata).get("version", "")),
    )


def _physical(metadata: Mapping[str, str], kind: str, hardware: Any) -> str:
    if bus := metadata.get("pci_bus_id"):
        return f"pci:{bus.lower()}"
    if luid := metadata.get("luid"):
        return f"luid:{luid}"
    return "cpu" if kind == "CPU" else f"{kind.casefold()}:{hardware.vendor_id:04x}:{hardware.device_id:04x}"


def _memory(metadata: Mapping[str, str]) -> int | None:
    """`DxgiVideoMemory` is the only one that tells, as `8010 MB`."""
    number, _, unit = metadata.get("dxgivideomemory", "").partition(" ")
    return int(number) << 20 if number.isdigit() and unit.strip() == "MB" else None
