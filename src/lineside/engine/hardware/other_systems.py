"""What Windows and macOS tell without a package: little, and nothing that is guessed."""

from __future__ import annotations

import ctypes
import platform
import re
from typing import TYPE_CHECKING, Any

from lineside.engine.hardware.machine import Card, Memory, Processor
from lineside.engine.hardware.makers import DISPLAYS, MAKERS
from lineside.engine.hardware.places import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lineside.engine.hardware.places import Places

    Ask = Callable[[str], str]
    Registry = Callable[[str], Sequence[Mapping[str, object]]]

_CLASSES = {
    "gpu": "{4d36e968-e325-11ce-bfc1-08002be10318}",
    "npu": "{f01a9d53-3ff6-48d2-9f97-c8a7004be10c}",
}
"""Windows' classes of display adapters and of computing accelerators."""

_PCI_ID = re.compile(r"pci\\ven_([0-9a-f]{4})&dev_([0-9a-f]{4})", re.IGNORECASE)


def mac(places: Places, ask: Ask | None = None) -> tuple[Processor, Memory, tuple[Card, ...]]:
    """What macOS tells.

    Args:
        places: The machine.
        ask: The kernel's answer to a name such as `hw.memsize`, or an empty text; the kernel is asked unless given.
    """
    told = ask or _sysctl
    model, threads = told("machdep.cpu.brand_string"), places.allowed_threads()
    is_apple = places.machine == "arm64"
    processor = Processor(
        maker="Apple" if is_apple else "Intel",
        model=model,
        cores=number(told("hw.physicalcpu")),
        threads=threads,
        allowed=threads,
        quota=None,
        usable=threads,
    )
    cards = (
        (Card("gpu", "Apple", f"GPU of {model}"), Card("npu", "Apple", "Neural Engine")) if is_apple else ()
    )
    return processor, Memory(number(told("hw.memsize")), None, None), cards


def windows(places: Places, registry: Registry | None = None) -> tuple[Processor, Memory, tuple[Card, ...]]:
    """What Windows tells.

    Args:
        places: The machine.
        registry: The values of each driver of a class; the registry is read unless given.
    """
    threads, name = places.allowed_threads(), platform.processor()
    processor = Processor(
        maker=next((maker for maker in ("Intel", "AMD", "ARM") if maker.casefold() in name.casefold()), ""),
        model=name,
        cores=None,
        threads=threads,
        allowed=threads,
        quota=None,
        usable=threads,
    )
    read = registry or _registry
    cards = tuple(card for kind, group in _CLASSES.items() for card in _drivers(kind, read(group)))
    return processor, _windows_memory(), cards


def _drivers(kind: str, entries: Sequence[Mapping[str, object]]) -> Iterator[Card]:
    """A card for each driver of a class that drives a card on the PCI bus."""
    for entry in entries:
        found = _PCI_ID.search(str(entry.get("MatchingDeviceId", "")))
        if found is None:
            continue
        vendor, memory = int(found[1], 16), entry.get("HardwareInformation.qwMemorySize")
        yield Card(
            kind="display" if vendor in DISPLAYS else kind,
            maker=MAKERS.get(vendor) or DISPLAYS.get(vendor) or f"0x{vendor:04x}",
            name=str(entry.get("DriverDesc", f"PCI {found[1]}:{found[2]}")),
            driver="Windows",
            driver_version=_makers_own(vendor, str(entry.get("DriverVersion", ""))),
            memory_bytes=memory if isinstance(memory, int) else None,
        )


def _makers_own(vendor: int, version: str) -> str:
    """The version that the maker's users know: NVIDIA's stands in the last five digits of Windows' number."""
    digits = "".join(version.split(".")[-2:])[-5:]
    is_nvidia = MAKERS.get(vendor) == "NVIDIA" and len(digits) == 5 and digits.isdecimal()
    return f"{digits[:3]}.{digits[3:]}" if is_nvidia else version


def _sysctl(name: str) -> str:
    """What macOS' kernel answers; empty where it does not know the name."""
    ask = getattr(ctypes.CDLL(None), "sysctlbyname", None)
    if ask is None:
        return ""
    size = ctypes.c_size_t(256)
    answer = ctypes.create_string_buffer(size.value)
    if ask(name.encode(), answer, ctypes.byref(size), None, ctypes.c_size_t(0)):
        return ""
    raw = answer.raw[: size.value]
    if size.value in {4, 8} and not raw.rstrip(b"\0").isalnum():
        return str(int.from_bytes(raw, "little"))
    return raw.rstrip(b"\0").decode(errors="replace")


def _registry(group: str) -> Sequence[Mapping[str, object]]:
    """The values of each driver of a class; of those that may be read."""
    import winreg

    reg: Any = winreg  # typeshed shows its names on Windows alone
    found: list[dict[str, object]] = []
    try:
        with reg.OpenKey(
            reg.HKEY_LOCAL_MACHINE, rf"SYSTEM\CurrentControlSet\Control\Class\{group}"
        ) as folder:
            for index in range(reg.QueryInfoKey(folder)[0]):
                name = reg.EnumKey(folder, index)
                if name.isdecimal():
                    with reg.OpenKey(folder, name) as key:
                        found.append(
                            dict(reg.EnumValue(key, at)[:2] for at in range(reg.QueryInfoKey(key)[1]))
                        )
    except OSError:  # no such class here, or a key that is not for everyone: the rest counts
        return found
    return found


class _Status(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("load", ctypes.c_ulong),
        *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
    )


def _windows_memory() -> Memory:
    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    if kernel is None:
        return Memory(None, None, None)
    status = _Status(length=ctypes.sizeof(_Status))
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        return Memory(None, None, None)
    return Memory(int(status.total), int(status.free), None)
