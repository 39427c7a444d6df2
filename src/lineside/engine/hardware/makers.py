"""Names of the makers whose cards compute, of those that only show pictures, and of their drivers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineside.engine.hardware.places import Places

MAKERS = {
    0x10DE: "NVIDIA",
    0x1002: "AMD",
    0x1022: "AMD",
    0x8086: "Intel",
    0x17CB: "Qualcomm",
    0x5143: "Qualcomm",
    0x19E5: "Huawei",
    0x106B: "Apple",
    0x1E60: "Hailo",
    0x1AC1: "Google",
}

DISPLAYS = {
    0x1A03: "ASPEED",
    0x102B: "Matrox",
    0x1234: "QEMU",
    0x1AF4: "virtio",
    0x1B36: "QXL",
    0x15AD: "VMware",
    0x1013: "Cirrus Logic",
    0x1414: "Microsoft",
    0x80EE: "VirtualBox",
}
"""Adapters of servers and virtual machines: they show pictures, and compute none."""

_LISTS = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")


def listed_name(places: Places, vendor: int, device: int) -> str:
    """What the system's own list of PCI numbers calls a card; empty where it has none or does not know the card."""
    for place in _LISTS:
        text = places.text(place)
        if text is None:
            continue
        section = re.search(rf"^{vendor:04x}  .*\n((?:[\t#].*\n?)*)", text, re.MULTILINE | re.IGNORECASE)
        entry = section and re.search(rf"^\t{device:04x}  (.+)$", section[1], re.MULTILINE | re.IGNORECASE)
        if entry:
            return entry[1].strip()
    return ""
