"""What control groups grant this process: processors' worth of time, and memory; of both versions.

A container limited to 2 of 64 processors still sees 64. As many threads would spend most of each period stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.engine.hardware.places import Places, number

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = "sys/fs/cgroup"
_NONE_V1 = 1 << 60
"""Version 1 says "no limit" as the largest number of pages, which is more than this."""


def usable_cores(places: Places | None = None) -> int:
    """Threads that a session should have: the processors that this process may run on, within its control group's quota."""
    here = places or Places()
    return usable(here.allowed_threads(), cpu_quota(here) if here.system == "linux" else None)


def usable(allowed: int, quota: float | None) -> int:
    """Of the processors that a process may run on, as many as its quota keeps busy."""
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def cpu_quota(places: Places) -> float | None:
    """Processors' worth of time, the least that any group up the tree grants; `None` where none limits it."""
    granted = [
        *(_quota(places, place) for place in _folders(places, "")),
        *(_quota_v1(places, place) for place in _folders(places, "cpu")),
    ]
    return min((each for each in granted if each is not None), default=None)


def memory_limit(places: Places) -> tuple[int | None, int | None]:
    """Bytes that the groups grant, the least of them, and what is left of it; `None` twice where none limits it."""
    found = []
    for controller, limit, usage in (
        ("", "memory.max", "memory.current"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        for folder in _folders(places, controller):
            text = places.text(f"{folder}/{limit}")
            if text is None or text == "max":
                continue
            granted = places.number(f"{folder}/{limit}")
            if granted is not None and 0 <= granted < _NONE_V1:
                found.append((granted, _left(places, folder, granted, usage)))
    return min(found, default=(None, None), key=lambda one: one[0] or 0)


def _left(places: Places, folder: str, granted: int, usage: str) -> int | None:
    """What is left of a limit; pages of files that nobody reads now are given up when memory is asked for."""
    used = places.number(f"{folder}/{usage}")
    if used is None:
        return None
    words = (places.text(f"{folder}/memory.stat") or "").split()
    idle = dict(zip(words[::2], words[1::2], strict=False)).get("inactive_file", "0")
    return max(0, granted - max(0, used - (number(idle) or 0)))


def _folders(places: Places, controller: str) -> Iterator[str]:
    """The folders of this process's group and of those above it, up to the root; `""` means version 2."""
    for line in (places.text("proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon or (controller not in controllers.split(",") if controller else controllers):
            continue
        for mount in _mounts(places, controllers):
            parts = [part for part in path.split("/") if part not in {"", ".."}]
            yield from ("/".join((mount, *parts[:depth])) for depth in range(len(parts), -1, -1))


def _mounts(places: Places, controllers: str) -> Iterator[str]:
    if not controllers:
        yield from (_ROOT, f"{_ROOT}/unified")
        return
    for name in dict.fromkeys((controllers, *controllers.split(","))):
        if places.has(f"{_ROOT}/{name}"):
            yield f"{_ROOT}/{name}"
            return


def _quota(places: Places, folder: str) -> float | None:
    text = places.text(f"{folder}/cpu.max")
    if text is None:
        return None
    granted, _, period = text.partition(" ")
    if granted == "max":
        return None
    return _ratio(places, f"{folder}/cpu.max", number(granted), number(period or "100000"))


def _quota_v1(places: Places, folder: str) -> float | None:
    granted = places.number(f"{folder}/cpu.cfs_quota_us")
    if granted is None or granted < 0:  # -1: no limit
        return None
    period = places.number(f"{folder}/cpu.cfs_period_us")
    return _ratio(places, f"{folder}/cpu.cfs_quota_us", granted, period)


def _ratio(places: Places, place: str, granted: int | None, period: int | None) -> float | None:
    if not granted or not period or granted < 0 or period < 0:
        places.note(place, "expected a quota and a period in microseconds")
        return None
    return granted / period
