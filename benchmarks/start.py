"""What a start costs: imports, the first detection, memory, and what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution, requires
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from packaging.requirements import Requirement

from frames import Row

_IMPORT = """
import sys, time
start = time.perf_counter()
import lineside
spent = time.perf_counter() - start
print(spent, *(m for m in ("onnx", "cv2", "onnxruntime") if m in sys.modules))
"""
# The high-water mark is read inside: what the parent sees of a child's maximum includes its own.
_COMMAND = """
import atexit, lineside.cli.app as app
status = open("/proc/self/status")
atexit.register(lambda: print(next(line.split()[1] for line in status if line.startswith("VmHWM"))))
app.main()
"""
_MIB = 1 << 20


def importing() -> list[Row]:
    """`import lineside` in a fresh interpreter."""
    runs = [_python(_IMPORT).split() for _ in range(9)]
    spent = float(np.median([float(r[0]) for r in runs]))
    heavy = runs[0][1:]
    text = f"{spent:.3f} s, importing {', '.join(heavy) or 'neither onnx nor OpenCV'}"
    return [Row("import lineside", text, "at most 0.15 s", spent <= 0.15 and not heavy)]


def cold_command(folder: Path, model: Path) -> list[Row]:
    """The command from the shell to its answer, with the prepared model in the cache."""
    picture = folder / "cold.jpg"
    cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8))
    command = [sys.executable, "-c", _COMMAND, "detect", str(model), str(picture), "--jsonl"]
    environment = os.environ | {"LINESIDE_CACHE": str(folder / "cache")}
    spent, peak_kib = [], 0
    for i in range(8):
        start = perf_counter()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            until = perf_counter() - start
            last = process.stdout.read().split()
        if process.returncode or not first:
            raise SystemExit(f"{' '.join(command[3:])} failed")
        if i:  # the first fills the cache
            spent.append(until)
            peak_kib = max(peak_kib, int(last[-1]))
    peak = peak_kib * 1024
    median = float(np.median(spent))
    text = f"{median:.2f} s (fastest {min(spent):.2f}) with {model.name}"
    return [
        Row("cold command to the first detection", text, "at most 0.5 s", median <= 0.5),
        Row(
            "resident memory of that command", f"{peak / _MIB:.0f} MiB", "at most 160 MiB", peak <= 160 * _MIB
        ),
    ]


def base_install() -> list[Row]:
    """Size of what `pip install 'lineside[cpu]'` brings, with pip itself."""
    names = _closure("lineside", {"cpu"}) | {"pip"}
    total = sum(_size(name) for name in names)
    torch = "torch" in names
    text = f"{total / _MIB:.0f} MiB in {len(names)} packages, {'with' if torch else 'no'} torch"
    return [Row("base install, [cpu], with pip", text, "at most 420 MiB", total <= 420 * _MIB and not torch)]


def _closure(name: str, extras: set[str]) -> set[str]:
    found: set[str] = set()
    stack = [(name, extras)]
    while stack:
        package, wanted = stack.pop()
        found.add(package)
        for text in requires(package) or []:
            need = Requirement(text)
            marker = need.marker
            holds = marker is None or any(marker.evaluate({"extra": e}) for e in wanted | {""})
            if holds and need.name not in found:
                stack.append((need.name, set(need.extras)))
    return found


def _size(name: str) -> int:
    files = distribution(name).files or []
    paths = [Path(str(f.locate())) for f in files]
    return sum(p.stat().st_size for p in paths if p.is_file())


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
