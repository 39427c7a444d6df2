"""What the memory of the line's process is made of: what Linux says of it, and what the process says itself (`soak_inside.py`)."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soak import Sample

PARTS = {
    "python": "Python's heap: its small objects",
    "native": "C's heap (malloc): arrays, pictures, SQLite, ONNX Runtime; Python's objects above 512 bytes",
    "other": "other memory of the process: what libraries took by themselves",
    "stacks": "the threads' stacks",
    "files": "files that are mapped: libraries, databases",
}
INSIDE = {"python_in_use": "of Python's heap in use", "native_in_use": "of C's heap in use"}
_AREA = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)$", re.MULTILINE)
_RSS = re.compile(r"^Rss: +(\d+) kB", re.MULTILINE)
_GUARD_BYTES = 65536
_SHOWN = 8


def split(smaps: str, inside: Mapping[str, Any]) -> dict[str, float]:
    """Resident MiB by what they are, and what of them is in use.

    Args:
        smaps: The text of `/proc/PID/smaps`.
        inside: What the process says itself; empty where it has not yet.
    """
    areas = Counter[str]()
    guard_end = -1
    for area, rss in zip(_AREA.finditer(smaps), _RSS.finditer(smaps), strict=True):
        begin, end = int(area[1], 16), int(area[2], 16)
        is_stack = begin == guard_end and area[3].startswith("rw")
        areas[_kind(area[4], is_stack=is_stack)] += int(rss[1])
        is_guard = area[3].startswith("---") and end - begin <= _GUARD_BYTES and not area[4]
        guard_end = end if is_guard else -1
    found = {kind: kib / 1024 for kind, kib in areas.items()}
    # glibc's arenas lie beside the interpreter's, and Linux tells two neighbours of one kind as one area.
    anonymous = found.pop("anonymous", 0.0)
    found["python"] = min(float(inside.get("python", 0.0)), anonymous)
    found["native"] = min(float(inside.get("native", 0.0)), anonymous - found["python"])
    found["other"] = anonymous - found["python"] - found["native"]
    return {
        **{name: found.get(name, 0.0) for name in PARTS},
        **{name: float(inside.get(name, 0.0)) for name in INSIDE},
    }


def _kind(name: str, *, is_stack: bool) -> str:
    if is_stack or name.startswith("[stack"):
        return "stacks"
    return "files" if name and not name.startswith("[") else "anonymous"


def look(pid: int, told: Path) -> tuple[dict[str, float], dict[str, int]]:
    """What the memory of a process is made of now, and how many objects it had of each type lately; empty where it is not known.

    Args:
        pid: The process.
        told: What it writes itself.
    """
    try:
        smaps = Path(f"/proc/{pid}/smaps").read_text()
    except OSError:
        return {}, {}
    try:
        inside = json.loads(told.read_text())
    except OSError:
        return {}, {}  # it has not told yet
    return split(smaps, inside), inside["types"]


def growth(samples: Sequence[Sample], warm_up_s: float) -> list[str]:
    """What grew after the warm-up, as lines of a table, and the types with the most objects more."""
    warm = [one for one in samples if one.at_s >= warm_up_s and one.split]
    if len(warm) < 10:
        return ["what grew is not known: the process did not tell often enough"]
    first, last = warm[: len(warm) // 5], warm[-(len(warm) // 5) :]
    lines = ["| what | MiB at first | MiB at last | grown |", "|---|---|---|---|"]
    for name, what in (PARTS | INSIDE).items():
        at_first, at_last = (median(one.split[name] for one in some) for some in (first, last))
        lines.append(f"| {what} | {at_first:.1f} | {at_last:.1f} | {at_last - at_first:+.1f} |")
    more = _fewest(last)
    more.subtract(_fewest(first))
    shown = ", ".join(f"{name} +{count}" for name, count in more.most_common(_SHOWN) if count > 0)
    middle = warm[len(warm) // 2]
    halves = (middle.memory_mib - warm[0].memory_mib, warm[-1].memory_mib - middle.memory_mib)
    return [
        *lines,
        "",
        f"objects that became more: {shown or 'none'}",
        f"resident memory: {halves[0]:+.1f} MiB in the first half after the warm-up, {halves[1]:+.1f} MiB in the second",
    ]


def _fewest(samples: Sequence[Sample]) -> Counter[str]:
    """Of each type the fewest objects in some samples: what comes and goes is not there at each of them."""
    names = {name for one in samples for name in one.types}
    return Counter({name: min(one.types.get(name, 0) for one in samples) for name in names})
