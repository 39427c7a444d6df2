"""`make bench`: every figure that lineside claims, measured on this machine.

Contenders take turns within one run, because machines drift; times are medians, claims are ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import devices
import frames
import pixels
import start
import streams
import tuning
from frames import Row

if TYPE_CHECKING:
    from collections.abc import Callable

_PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"


def main() -> None:
    """Measure, print the table, and write it into the documentation if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds: does it run?")
    parser.add_argument("--only", default="", help="only sections whose name contains this")
    parser.add_argument(
        "--model", type=Path, help="model of the cold start; default: a planted one of 320 px"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    asked = parser.parse_args()
    share = 0.1 if asked.quick else 1.0
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as name:
        folder = Path(name)
        os.environ["LINESIDE_CACHE"] = str(folder / "cache")
        rows = [row for section in _sections(asked, folder, share) for row in section()]
    table = _table(rows, asked.threads)
    print(table)
    if asked.write:
        before, _, rest = _PAGE.read_text(encoding="utf-8").partition(_BEGIN)
        _PAGE.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


def _sections(asked: argparse.Namespace, folder: Path, share: float) -> list[Callable[[], list[Row]]]:
    def rounds(n: int) -> int:
        return max(int(n * share), 10)

    threads = asked.threads
    cold = asked.model or frames.model(folder, 320, 50, 8)
    every: dict[str, Callable[[], list[Row]]] = {
        "frames-640": lambda: frames.end_to_end(folder, 640, 0.04, rounds(200), threads),
        "frames-320": lambda: frames.end_to_end(folder, 320, 0.10, rounds(500), threads),
        "in-situ": lambda: frames.in_situ(folder, rounds(200), threads),
        "four-streams": lambda: streams.four_streams(folder, 4 * share + 1, 5),
        "second-session": lambda: streams.second_session(folder, rounds(300), threads),
        "pixels": lambda: pixels.against_opencv(rounds(60)),
        "devices": lambda: devices.against_the_cpu(folder, rounds(150), threads),
        "tuning": lambda: tuning.against_a_sweep(folder, rounds(20), 60 * share + 20),
        "import": start.importing,
        "cold": lambda: start.cold_command(folder, cold),
        "install": start.base_install,
    }
    return [section for name, section in every.items() if asked.only in name]


def _table(rows: list[Row], threads: int) -> str:
    import onnxruntime

    lines = [
        (
            f"Measured {datetime.now(UTC):%Y-%m-%d}: {_cpu()}, {os.cpu_count()} cores, {threads} threads, "
            f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}."
        ),
        "",
        "| figure | measured | goal | met |",
        "|---|---|---|---|",
    ]
    words = {True: "yes", False: "**no**", None: ""}
    lines += [f"| {r.figure} | {r.measured} | {r.goal} | {words[r.is_met]} |" for r in rows]
    return "\n".join(lines)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
