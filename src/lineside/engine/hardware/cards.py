"""GPUs, NPUs and display adapters: those on the PCI bus, and those that are part of the chip or of the host."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lineside.engine.hardware.machine import Card
from lineside.engine.hardware.makers import DISPLAYS, MAKERS, listed_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.engine.hardware.places import Places

BUS = "sys/bus/pci/devices"
_KFD = "sys/class/kfd/kfd/topology/nodes"
_AMD_NPUS = {0x1502, 0x17F0}  # they call themselves signal processors
_VERSION = re.compile(r"\b(\d{3}\.\d+(?:\.\d+)?)\b")


def find_cards(places: Places) -> tuple[Card, ...]:
    """All of them, those on the bus first, in the order of their addresses."""
    return (*_on_the_bus(places), *_of_the_board(places), *_of_windows(places))


def nvidia_version(places: Places) -> str:
    """The version of NVIDIA's kernel driver; empty where none is loaded."""
    told = _VERSION.search(places.text("proc/driver/nvidia/version") or "")
    return told[1] if told else ""


def board(places: Places) -> str:
    """What a board's device tree calls it, such as `NVIDIA Jetson Orin Nano Developer Kit`; empty elsewhere."""
    return places.text("proc/device-tree/model") or ""


def _on_the_bus(places: Places) -> Iterator[Card]:
    for address in places.names(BUS):
        folder = f"{BUS}/{address}"
        group, vendor, device = (
            places.number(f"{folder}/{name}", base=16) for name in ("class", "vendor", "device")
        )
        kind = None if group is None or vendor is None else _kind(group >> 16, vendor, device or 0)
        if kind is None:
            continue
        card = Card(
            kind=kind,
            maker=MAKERS.get(vendor or 0) or DISPLAYS.get(vendor or 0) or f"0x{vendor:04x}",
            name=listed_name(places, vendor or 0, device or 0) or f"PCI {vendor:04x}:{device or 0:04x}",
            address=f"pci:{address}",
            driver=places.target(f"{folder}/driver"),
        )
        yield _told_by_its_driver(places, address, card)


def _kind(group: int, vendor: int, device: int) -> str | None:
    """What a PCI function is; `None` where it is nothing that shows or computes pictures."""
    if vendor == 0x1022 and device in _AMD_NPUS:
        return "npu"
    if group == 0x03:
        return "display" if vendor in DISPLAYS else "gpu"
    if group != 0x12:
        return None
    if vendor == 0x19E5 and device < 0xD000:  # Huawei's engines for compression and ciphers
        return None
    return "npu" if vendor in MAKERS else "accelerator"


def _told_by_its_driver(places: Places, address: str, card: Card) -> Card:
    """The card with the name, version and memory that its driver tells."""
    folder = f"{BUS}/{address}"
    if card.driver == "nvidia":
        told = places.text(f"proc/driver/nvidia/gpus/{address}/information") or ""
        model = re.search(r"^Model:\s*(\S.*)$", told, re.MULTILINE)
        return replace(
            card, name=model[1].strip() if model else card.name, driver_version=nvidia_version(places)
        )
    if card.driver != "amdgpu":
        return card
    name = places.text(f"{folder}/product_name") or card.name
    target = _kfd_target(places, address)
    return replace(
        card,
        name=f"{name} ({target})" if target else name,
        driver_version=_rocm(places),
        memory_bytes=places.number(f"{folder}/mem_info_vram_total"),
    )


def _rocm(places: Places) -> str:
    """ROCm's version, which is what its users know; empty where it is not installed."""
    version = (places.text("opt/rocm/.info/version") or "").partition("-")[0]
    return f"ROCm {version}" if version else ""


def _kfd_target(places: Places, address: str) -> str:
    """What AMD's compilers call a card, such as `gfx1100`; empty where the compute driver does not list it."""
    for node in places.names(_KFD):
        words = (places.text(f"{_KFD}/{node}/properties") or "").split()
        told = dict(zip(words[::2], words[1::2], strict=False))
        place, version = told.get("location_id", ""), told.get("gfx_target_version", "")
        if not (place.isdecimal() and version.isdecimal() and len(place + version) < 24):
            continue
        at, number = int(place), int(version)
        bus = f"{at >> 8 & 0xFF:02x}:{at >> 3 & 0x1F:02x}.{at & 0x7}"
        if number and address.endswith(bus):
            return f"gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}"
    return ""


def _of_the_board(places: Places) -> Iterator[Card]:
    """What is part of a board's chip and on no bus."""
    name = board(places)
    if "Jetson" in name or places.has("etc/nv_tegra_release"):
        told = places.text("etc/nv_tegra_release") or ""
        release = re.search(r"R(\d+).*?REVISION:\s*([\d.]+)", told)
        yield Card(
            kind="gpu",
            maker="NVIDIA",
            name=name or "NVIDIA Tegra",
            driver="nvgpu" if places.has("dev/nvmap") else "",
            driver_version=f"L4T R{release[1]}.{release[2]}" if release else "",
        )
    if any(places.has(f"dev/{file}") for file in ("fastrpc-cdsp", "adsprpc-smd")):
        yield Card(
            kind="npu", maker="Qualcomm", name=f"Hexagon of {name}" if name else "Hexagon", driver="fastrpc"
        )


def _of_windows(places: Places) -> Iterator[Card]:
    """The GPU that Windows lends to its Linux."""
    if not places.has("dev/dxg"):
        return
    is_nvidia = places.has("usr/lib/wsl/lib/libcuda.so.1")
    yield Card(
        kind="gpu",
        maker="NVIDIA" if is_nvidia else "unknown",
        name="the GPU of Windows, through /dev/dxg",
        driver="dxg",
    )
