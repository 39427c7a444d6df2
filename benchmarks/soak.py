"""Hours of a line in minutes: a whole line at speed, watched from outside. `make soak`, or `make soak SECONDS=60`.

`lineside run` is a process of its own: two drawn cameras, a small detector, two recipes, a Modbus link, three outputs and a trace. This
process is the plant's control, and reads what Linux says of the other. The exit code is 1 where the line grew or did not answer each
part once.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.outputs.plant.codes import REASON_CODES
from lineside.testing.plc.modbus import ModbusClientPlc
from lineside.testing.plc.simulator import PlcSimulator
from soak_memory import growth, look

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Heard = tuple[int, int]  # the trigger's number that an answer was for, and the number of its reason

DRIFT_MIB = 20.0
_MIB = 1 << 20
_SAMPLES = 900
_STRICT = 20  # of so many parts one is of the product that fails, so that pictures are kept
_OPENING_S = 180.0
_TOLD = "memory.json"
_INSIDE = Path(__file__).with_name("soak_inside.py")


@dataclass(frozen=True, slots=True)
class Sample:
    """The line's process at one moment.

    Attributes:
        at_s: Seconds since the first part.
        memory_mib: Resident memory of it and its children.
        threads: Of them all.
        files: Open ones, sockets among them.
        spool_mib: What the outbox takes on disk.
        trace_mib: What the trace takes.
        parts: Answers that the control has acknowledged.
        split: What the memory of the process alone is made of, MiB by name; empty where it is not known.
        types: How many objects it has of each type.
    """

    at_s: float
    memory_mib: float
    threads: int
    files: int
    spool_mib: float
    trace_mib: float
    parts: int
    split: dict[str, float] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Log:
    """What the line says on stderr.

    Attributes:
        parts: How often each of the control's triggers was answered.
        events: How often each code was told.
        sentences: The latest of each, with its time of day.
        end: The last record; `None` before it.
    """

    parts: Counter[int | None] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    sentences: dict[str, str] = field(default_factory=dict)
    end: dict[str, object] | None = None

    def read(self, lines: Iterator[str]) -> None:
        """Take all of it."""
        for line in lines:
            if not line.startswith("{"):
                print(line, end="", file=sys.stderr)
                continue
            record = json.loads(line)
            match record["kind"]:
                case "part":
                    self.parts[record["trigger"]] += 1
                case "event":
                    self.events[record["code"]] += 1
                    self.sentences[record["code"]] = f"{record['at']} {record['sentence']}"
                case "end":
                    self.end = record


def sample(pid: int, folder: Path, at_s: float, parts: int) -> Sample:
    """The process now."""
    memory_kib, threads, files = 0, 0, 0
    for one in _family(pid):
        try:
            status = Path(f"/proc/{one}/status").read_text()
            files += sum(1 for _ in Path(f"/proc/{one}/fd").iterdir())
        except OSError:
            continue  # a child that ended meanwhile
        named = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        memory_kib += int(named.get("VmRSS", "0").split()[0])
        threads += int(named["Threads"])
    spool, trace = (_bytes(folder / name) / _MIB for name in ("outbox", "trace"))
    split, types = look(pid, folder / _TOLD)
    return Sample(at_s, memory_kib / 1024, threads, files, spool, trace, parts, split, types)


def _family(pid: int) -> Iterator[int]:
    """The process, its children and theirs."""
    yield pid
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in found:
        yield from _family(int(child))


def _bytes(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except OSError:
                continue  # it was sent and removed meanwhile
    return total


def judged(samples: Sequence[Sample], warm_up_s: float) -> tuple[dict[str, float], list[str]]:
    """How far the line grew after its warm-up, and what of it is too much.

    Memory is the median of the last fifth against that of the first one; threads and files are the fewest in each, because one that
    is left open stays, and one that is used comes and goes.
    """
    warm = [one for one in samples if one.at_s >= warm_up_s]
    if len(warm) < 10:
        return {}, [f"expected at least 10 samples after the warm-up; got {len(warm)}"]
    first, last = warm[: len(warm) // 5], warm[-(len(warm) // 5) :]
    grown = {
        "memory_mib": median(s.memory_mib for s in last) - median(s.memory_mib for s in first),
        "threads": min(s.threads for s in last) - min(s.threads for s in first),
        "files": min(s.files for s in last) - min(s.files for s in first),
    }
    faults = [
        f"{name} grew by {grown[name]:.1f}, at most {most:g} is right"
        for name, most in (("memory_mib", DRIFT_MIB), ("threads", 0), ("files", 0))
        if grown[name] > most
    ]
    return grown, faults


def unanswered(triggers: int, log: Log, heard: Sequence[Heard], folder: Path) -> list[str]:
    """What is wrong with the answers: to the control, in the log and in what was kept.

    A trigger that the link refused while the line was not ready is answered by the link, and is no part of the line's.
    """
    refused = [number for number, reason in heard if reason == REASON_CODES[Reason.TRIGGER_MISSED]]
    wanted = Counter(range(1, triggers + 1))
    faults = [
        f"{where}: {sum((due - got).values())} parts without an answer, {sum((got - due).values())} answers too many"
        for where, due, got in (
            ("the control", wanted, Counter(number for number, _ in heard)),
            ("the log", wanted - Counter(refused), log.parts),
        )
        if got != due
    ]
    keys = Counter(
        row["key"] for file in (folder / "tables").glob("*.csv") for row in csv.DictReader(file.open())
    )
    if twice := [key for key, times in keys.items() if times > 1]:
        faults.append(f"csv: {len(twice)} parts stand twice, the first is {twice[0]}")
    command = [sys.executable, "-m", "lineside.cli.app", "verify", str(folder / "trace")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        faults.append(f"the trace is not sound: {done.stdout}{done.stderr}")
    return faults


def control(plc: PlcSimulator, until_s: float) -> int:
    """The control's program: part after part, as fast as they are answered; how many there were."""
    number = 0
    while time.monotonic() < until_s:
        number += 1
        code = "strict" if number % _STRICT == 0 else "usual"
        plc.set(trigger_id=number, product=code, trigger=True, acknowledge=False)
        plc.answers.append(plc.results())
        plc.set(trigger=False, acknowledge=True)
        plc.wait(lambda status: status.ready and not status.trigger_acknowledged, "ready")
    plc.set(acknowledge=False)
    return number


def soak(
    folder: Path, seconds: float, warm_up_s: float, leak_bytes: int = 0
) -> tuple[list[Sample], Log, list[str]]:
    """Run it: samples, the line's log, and what is wrong."""
    from soak_line import write_line

    port = write_line(folder)
    every_s = max(seconds / 300, 0.5)
    command = [
        *(sys.executable, str(_INSIDE), str(every_s), str(leak_bytes), _TOLD),
        *("run", "line.toml", "--log", "json", "--parts"),
    ]
    log, samples, is_over = Log(), [], threading.Event()
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as line:
        assert line.stderr is not None
        reader = threading.Thread(target=log.read, args=(iter(line.stderr),))
        reader.start()
        try:
            plc, peer = _connected(port, line)
            start_s = time.monotonic()

            def watch() -> None:
                while not is_over.wait(max(seconds / _SAMPLES, 0.25)):
                    samples.append(sample(line.pid, folder, time.monotonic() - start_s, len(plc.answers)))

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                triggers = control(plc, start_s + seconds)
            finally:
                is_over.set()
                watcher.join()
                peer.close()
        finally:
            line.send_signal(signal.SIGTERM)
            line.wait(120)
            reader.join()
    _, faults = judged(samples, warm_up_s)
    faults += unanswered(triggers, log, [(said.answered_id, said.reason) for said in plc.answers], folder)
    if line.returncode:
        faults.append(f"the line left with {line.returncode}")
    return samples, log, faults


def _connected(port: int, line: subprocess.Popen[str]) -> tuple[PlcSimulator, ModbusClientPlc]:
    """The control, once the line is ready for its triggers."""
    until_s = time.monotonic() + _OPENING_S
    while line.poll() is None and time.monotonic() < until_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)  # it opens its model first
            continue
        peer = ModbusClientPlc()
        peer.attach(type("Link", (), {"port": port}))
        plc = PlcSimulator(peer, timeout_s=60)
        plc.wait(lambda status: status.ready, "ready")
        return plc, peer
    raise SystemExit("the line did not start")


def main() -> None:
    """Run, print the table, draw the curves."""
    from soak_curves import curves, table

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--warm-up", type=float, help="seconds; a third, 120 at most, unless set")
    parser.add_argument("--curves", type=Path, default=Path("soak.svg"), help="where the drawing goes")
    parser.add_argument(
        "--leak-bytes", type=int, default=0, help="the line keeps so much for each part: a fault to be found"
    )
    asked = parser.parse_args()
    warm_up_s = min(asked.seconds / 3, 120.0) if asked.warm_up is None else asked.warm_up
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="lineside-soak-") as folder:
        samples, log, faults = soak(Path(folder), asked.seconds, warm_up_s, asked.leak_bytes)
    print(f"{os.cpu_count()} cores, load before {load:.1f}; warm-up {warm_up_s:g} s")
    print(table(samples, log, judged(samples, warm_up_s)[0]))
    print("\n".join(growth(samples, warm_up_s)))
    asked.curves.write_text(curves(samples, warm_up_s))
    print(f"curves: {asked.curves}")
    for fault in faults:
        print(f"WRONG: {fault}")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
