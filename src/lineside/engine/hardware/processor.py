"""The CPU and the host's memory, from /proc and the control groups; from the system's own calls elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lineside.engine.hardware import limits
from lineside.engine.hardware.machine import Memory, Processor
from lineside.engine.hardware.places import Places, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FLAGS: Mapping[str, tuple[str, ...]] = {
    "AVX2": ("avx2",),
    "AVX512F": ("avx512f",),
    "VNNI": ("avx512_vnni", "avx_vnni", "avx_vnni_int8"),
    "AVX512 BF16": ("avx512_bf16",),
    "AVX512 FP16": ("avx512_fp16",),
    "AMX BF16": ("amx_bf16",),
    "AMX INT8": ("amx_int8",),
    "NEON": ("asimd", "neon"),
    "FP16": ("asimdhp",),
    "dot product": ("asimddp",),
    "i8mm": ("i8mm",),
    "BF16": ("bf16",),
    "SVE": ("sve",),
    "SME": ("sme",),
}
"""The instructions that matter to a YOLO, and how /proc/cpuinfo spells them on x86 and on ARM."""

INSTRUCTIONS = tuple(_FLAGS)
"""In the order in which they are shown."""

_MAKERS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon", "CentaurHauls": "Zhaoxin"}
_ARM_MAKERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x48: "Huawei",
    0x4E: "NVIDIA",
    0x51: "Qualcomm",
    0x61: "Apple",
    0xC0: "Ampere",
}
_ARM_PARTS = {
    0xD03: "Cortex-A53",
    0xD05: "Cortex-A55",
    0xD08: "Cortex-A72",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse N1",
    0xD40: "Neoverse V1",
    0xD41: "Cortex-A78",
    0xD42: "Cortex-A78AE",
    0xD49: "Neoverse N2",
    0xD4F: "Neoverse V2",
}


def find_processor(places: Places) -> Processor:
    """The CPU as Linux tells of it."""
    blocks = _blocks(places.text("proc/cpuinfo") or "")
    first = blocks[0] if blocks else {}
    allowed, quota = places.allowed_threads(), limits.cpu_quota(places)
    words = {
        word for block in blocks[:1] for key in ("flags", "Features") for word in block.get(key, "").split()
    }
    maker, model = _who(first)
    return Processor(
        maker=maker,
        model=model,
        cores=_physical(places, blocks),
        threads=max(len(blocks), allowed),
        allowed=allowed,
        quota=quota,
        usable=limits.usable(allowed, quota),
        instructions=tuple(name for name, spellings in _FLAGS.items() if words & set(spellings)),
    )


def find_memory(places: Places) -> Memory:
    """The host's memory as Linux tells of it."""
    told = {
        key: number(text)
        for key, text in re.findall(
            r"^(\w+):\s*(\d+) kB$", places.text("proc/meminfo") or "", re.MULTILINE | re.ASCII
        )
    }
    total, free = (
        None if (kib := told.get(key)) is None else kib * 1024 for key in ("MemTotal", "MemAvailable")
    )
    limit, left = limits.memory_limit(places)
    if limit is not None and total is not None and limit >= total:
        limit = left = None
    available = min((each for each in (free, left) if each is not None), default=None)
    return Memory(total_bytes=total, available_bytes=available, limit_bytes=limit)


def _blocks(text: str) -> list[dict[str, str]]:
    """The entries of /proc/cpuinfo, one a logical processor."""
    blocks = []
    for part in text.split("\n\n"):
        pairs = (line.partition(":")[::2] for line in part.splitlines())
        block = {key.strip(): value.strip() for key, value in pairs}
        if "processor" in block:
            blocks.append(block)
    return blocks


def _who(block: Mapping[str, str]) -> tuple[str, str]:
    """Maker and model of the first processor."""
    vendor = block.get("vendor_id", "")
    model = block.get("model name", "")
    if vendor or "CPU implementer" not in block:
        return _MAKERS.get(vendor, vendor), model
    maker, part = (number(block.get(key, ""), base=0) for key in ("CPU implementer", "CPU part"))
    name = _ARM_PARTS.get(part or 0, "") if maker == 0x41 else ""
    return _ARM_MAKERS.get(maker or 0, ""), model or name or f"part {block.get('CPU part', 'unknown')}"


def _physical(places: Places, blocks: Sequence[Mapping[str, str]]) -> int | None:
    """Cores, each with one thread or more; ARM's /proc/cpuinfo does not tell, but /sys does."""
    pairs = {(block.get("physical id"), block.get("core id")) for block in blocks if "core id" in block}
    if pairs:
        return len(pairs)
    folder = "sys/devices/system/cpu"
    siblings = {
        places.text(f"{folder}/{name}/topology/thread_siblings_list")
        for name in places.names(folder)
        if re.fullmatch(r"cpu\d+", name)
    } - {None}
    return len(siblings) or None
