"""A line that writes its trace as fast as it can until somebody kills it: `trace_child.py FOLDER RUN [RECORD_BYTES]`. It says what is written."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from lineside.core.verdict import Verdict
from lineside.outputs.keeping import Keep
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.trace.writer import TraceWriter
from parcels import inspection


def main():
    folder, run = Path(sys.argv[1]), sys.argv[2]
    keep = Keep(format="png", annotated=False, every=10)
    most = int(sys.argv[3]) if len(sys.argv) > 3 else None
    settings = TraceSettings(
        capacity=50,
        batch_s=0.002,
        segment_bytes=60_000 if most is None else most // 4,
        record_bytes=most,
        keep=keep,
        min_free_bytes=0,
    )
    trace = TraceWriter(folder, {"line": "l", "run": run}, settings=settings)
    part, told = 0, 0
    while True:
        if trace.append(inspection(part, Verdict.PASS)):
            part += 1
        else:
            time.sleep(0.002)
        written = trace.statistics().written
        if written != told:
            told = written
            sys.stdout.write(f"{written}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
