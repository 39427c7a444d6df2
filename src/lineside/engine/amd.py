"""AMD's compute devices by what the kernel driver tells, in the order in which HIP counts them.

The runtime numbers the GPUs in the order of the kernel's topology, after what the variables for visible devices leave.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.engine.provider import Device

if TYPE_CHECKING:
    from collections.abc import Mapping

_NODES = Path("class/kfd/kfd/topology/nodes")
_PRIVATE, _PUBLIC = 1, 2  # kinds of heap that lie in the card's own memory
_VISIBLE = ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")


def find_devices(
    provider: str, *, sys: Path = Path("/sys"), environment: Mapping[str, str] | None = None
) -> tuple[Device, ...]:
    """The GPUs that the kernel offers to compute programs; none where its driver is not loaded.

    Args:
        provider: Whose devices they are called.
        sys: Where the kernel shows its devices.
        environment: The variables that hide devices from a program; this process's unless given.
    """
    nodes = [facts for folder in _sorted(sys / _NODES) if (facts := _properties(folder)).get("simd_count")]
    for variable in _VISIBLE:
        nodes = _visible(nodes, (os.environ if environment is None else environment).get(variable))
    version = _text(sys / "module/amdgpu/version")
    return tuple(_device(provider, index, facts, sys, version) for index, facts in enumerate(nodes))


def _device(provider: str, index: int, facts: Mapping[str, int], sys: Path, version: str) -> Device:
    place, domain = facts.get("location_id", 0), facts.get("domain", 0)
    address = f"{domain:04x}:{place >> 8 & 0xFF:02x}:{place >> 3 & 0x1F:02x}.{place & 7}"
    card = sys / "bus/pci/devices" / address
    name = _text(card / "product_name") or _generation(facts.get("gfx_target_version", 0))
    memory = facts.get("memory_bytes") or _number(_text(card / "mem_info_vram_total"))
    return Device(provider, str(index), name, memory or None, f"pci:{address}", version)


def _generation(target: int) -> str:
    """`AMD gfx90a` of 90010: the name by which compilers know the chip."""
    major, minor, step = target // 10000, target // 100 % 100, target % 100
    return f"AMD gfx{major}{minor:x}{step:x}" if target else "AMD GPU"


def _properties(node: Path) -> dict[str, int]:
    """A node's numbers, and the sum of its memory."""
    facts = _pairs(node / "properties")
    banks = [_pairs(bank / "properties") for bank in _sorted(node / "mem_banks")]
    own = [bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in {_PRIVATE, _PUBLIC}]
    return facts | {"memory_bytes": sum(own)}


def _visible(nodes: list[dict[str, int]], listed: str | None) -> list[dict[str, int]]:
    """What a variable leaves of the devices, in its order; as HIP does, the first entry that names none ends it."""
    if listed is None:
        return nodes
    by_name = {str(index): facts for index, facts in enumerate(nodes)}
    by_name |= {f"gpu-{facts['unique_id']:016x}": facts for facts in nodes if facts.get("unique_id")}
    left: list[dict[str, int]] = []
    for entry in (part.strip().casefold() for part in listed.split(",")):
        if entry not in by_name:
            break
        left.append(by_name[entry])
    return left


def _sorted(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def _pairs(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _text(file: Path) -> str:
    """What a file says; nothing where it is not there, or this user may not read it."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
