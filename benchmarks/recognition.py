"""What recognition adds to a cold start: each file is read in fresh interpreters, with nothing prepared before.

A start that finds the prepared model recognises nothing, so this is paid once a file. It is paid in four parts: the
import of onnx, reading the file, the test run (a session is made for it), and finding out what the head is.

    python benchmarks/recognition.py [MODEL…]

On a machine that is busy with something else `--processor` counts the processor's seconds, of all threads together: more
than an idle machine's clock would show, and less than a busy one's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from frames import model as planted_file
from lineside.testing.graphs import dynamic_int8, end_to_end, yolov5, yolox

GOAL_S = 0.3
_READ = """
import json, sys
import time
clock = getattr(time, sys.argv[2])
from lineside.engine import run_once
from lineside.engine.runtime import onnxruntime
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
onnxruntime()  # a start needs it with or without recognition
import numpy, cv2
start = clock()
import onnx, onnx.shape_inference, onnx.helper, onnx.numpy_helper
imported = clock()
spent = [0.0]
def run(model, feeds):
    before = clock()
    answer = run_once(model, feeds)
    spent[0] += clock() - before
    return answer
file = ModelFile.read(sys.argv[1])
before = clock()
file.parse()
parsed = clock() - before
before = clock()
family = read_model(file, run=run).family
read = clock() - before
print(json.dumps([family, imported - start, parsed, spent[0], read - parsed - spent[0], imported - start + read]))
"""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", type=Path, help="more files to read")
    parser.add_argument("--starts", type=int, default=5, help="fresh interpreters a file")
    parser.add_argument("--processor", action="store_true", help="count the processor's seconds")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as name:
        files = [*_files(Path(name)), *asked.models]
        print(
            "| file | family | import onnx | read | test run | the head | together | fastest | at most 0.3 s |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for file in files:
            print(_row(file, asked.starts, "process_time" if asked.processor else "perf_counter"))


def _files(folder: Path) -> list[Path]:
    """Networks of a YOLOv8n's cost, and small ones of other heads."""
    small = {"yolov5": yolov5, "yolox": yolox, "end-to-end": end_to_end, "dynamic-int8": dynamic_int8}
    for name, build in small.items():
        (folder / f"{name}.onnx").write_bytes(build().SerializeToString())
    planted = [planted_file(folder, size, 50, 8) for size in (640, 320)]
    return [*planted, *(folder / f"{name}.onnx" for name in small)]


def _row(file: Path, starts: int, clock: str) -> str:
    found = [_read(file, clock) for _ in range(starts)]
    times = np.array([each[1:] for each in found])
    medians = np.median(times, axis=0)
    cells = " | ".join(f"{seconds:.3f} s" for seconds in medians)
    met = "yes" if medians[-1] <= GOAL_S else "**no**"
    return f"| {file.stem} | {found[0][0]} | {cells} | {times[:, -1].min():.3f} s | {met} |"


def _read(file: Path, clock: str) -> list[str | float]:
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(file), clock], check=True, capture_output=True, text=True
    )
    answer: list[str | float] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    main()
