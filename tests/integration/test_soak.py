"""The soak: what it takes for growth and for a wrong answer, and a short run of it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lineside.core.verdict import Reason
from lineside.outputs.plant.codes import REASON_CODES

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def soak(monkeypatch):
    pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return __import__("soak")


@pytest.fixture
def memory(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return __import__("soak_memory")


def steady(soak, count=100):
    """A process that takes 40 MiB while it warms up, and a little more and less after that."""
    return [
        soak.Sample(n, 200 + 4 * min(n, 10) + n % 3, 20 + n % 2, 24 + n % 4, 1.0, n / 10, 20 * n)
        for n in range(count)
    ]


def test_what_comes_and_goes_is_no_growth(soak):
    grown, faults = soak.judged(steady(soak), 20)
    assert faults == []
    assert (grown["threads"], grown["files"]) == (0, 0)


@pytest.mark.parametrize(("name", "a_second"), [("memory_mib", 0.5), ("threads", 0.05), ("files", 0.05)])
def test_what_grows_all_the_time_is_wrong(soak, name, a_second):
    samples = [replace(one, **{name: getattr(one, name) + int(a_second * one.at_s)}) for one in steady(soak)]
    _, faults = soak.judged(samples, 20)
    assert [fault.split()[0] for fault in faults] == [name]


@pytest.mark.parametrize(("minutes", "parts_a_minute"), [(30, 300), (5, 1200)])
def test_a_leak_of_20_kb_a_part_is_wrong(soak, minutes, parts_a_minute):
    """It is found in the long run at a slow rate, and in a short one at the rate of the soak."""
    samples = [
        replace(one, at_s=one.at_s * 60 * minutes / 100, memory_mib=one.memory_mib + leaked)
        for one in steady(soak)
        for leaked in [20e3 / 2**20 * parts_a_minute * minutes * one.at_s / 100]
    ]
    _, faults = soak.judged(samples, 120)
    assert [fault.split()[0] for fault in faults] == ["memory_mib"]


SMAPS = """
55d0a0000000-55d0a0200000 rw-p 00000000 00:00 0                          [heap]
Rss:                2048 kB
7f1000000000-7f1000400000 rw-p 00000000 00:00 0
Rss:                4096 kB
7f1000400000-7f1004000000 ---p 00000000 00:00 0
Rss:                   0 kB
7f1004100000-7f1004101000 ---p 00000000 00:00 0
Rss:                   0 kB
7f1004101000-7f1004901000 rw-p 00000000 00:00 0
Rss:                  64 kB
7f1005100000-7f1005a00000 rw-p 00000000 00:00 0
Rss:                9216 kB
7f1006000000-7f1006200000 r-xp 00000000 08:01 12                         /usr/lib/libonnx.so.1
Rss:                1024 kB
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
Rss:                  64 kB
"""


def test_memory_is_told_apart_by_what_it_is(memory):
    found = memory.split(SMAPS, {"python": 5.0, "native": 7.0, "python_in_use": 4.5})
    assert {name: found[name] for name in memory.PARTS} == {
        "python": 5.0,
        "native": 7.0,
        "other": 3.0,
        "stacks": 0.125,
        "files": 1.0,
    }
    assert found["python_in_use"] == 4.5


def test_what_grew_is_named(soak, memory):
    samples = [
        replace(
            one,
            split=dict.fromkeys([*memory.PARTS, *memory.INSIDE], 1.0) | {"python": 10 + one.at_s},
            types={"Frame": one.parts, "Sample": 40 if one.at_s % 7 else 900},
        )
        for one in steady(soak)
    ]
    told = "\n".join(memory.growth(samples, 20))
    assert "| Python's heap: its small objects | 37.5 | 101.5 | +64.0 |" in told
    assert "| the threads' stacks | 1.0 | 1.0 | +0.0 |" in told
    assert "objects that became more: Frame +1280\n" in told


def test_a_process_that_tells_nothing_is_said_to(soak, memory):
    assert "not known" in memory.growth(steady(soak), 20)[0]


def test_too_short_a_run_proves_nothing(soak):
    assert "10 samples" in soak.judged(steady(soak, 25), 20)[1][0]


@pytest.mark.parametrize(
    ("heard", "logged", "what"),
    [
        ([1, 2], [1, 2, 3], "the control: 1 parts without"),
        ([1, 2, 3, 3], [1, 2, 3], "the control: 0 parts without an answer, 1 answers too many"),
        ([1, 2, 3], [1, 2, 2], "the log: 1 parts without an answer, 1 answers too many"),
    ],
)
def test_a_part_without_its_one_answer_is_wrong(soak, tmp_path, heard, logged, what):
    (tmp_path / "trace").mkdir()
    log = soak.Log()
    log.parts.update(logged)
    assert what in soak.unanswered(3, log, [(number, 0) for number in heard], tmp_path)[0]


def test_a_trigger_that_the_link_refused_is_no_part(soak, tmp_path):
    (tmp_path / "trace").mkdir()
    log = soak.Log()
    log.parts.update([1, 3])
    refused = REASON_CODES[Reason.TRIGGER_MISSED]
    wrong = soak.unanswered(3, log, [(1, 0), (2, refused), (3, 0)], tmp_path)
    assert not [fault for fault in wrong if "the trace" not in fault]
    assert "the log: 1 parts without" in soak.unanswered(3, log, [(1, 0), (2, 0), (3, 0)], tmp_path)[0]


def run(folder, *arguments):
    """What a soak of some seconds says."""
    pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra database is not installed")
    if not Path("/proc/self/smaps").exists():
        pytest.skip("there is no /proc here")
    command = [sys.executable, str(BENCHMARKS / "soak.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_a_short_run_is_right_and_is_drawn(tmp_path):
    done = run(tmp_path, "--seconds", "8", "--warm-up", "3")
    # So early memory and threads may still grow; what was answered must be right from the first part on.
    wrong = [
        line for line in done.stdout.splitlines() if line.startswith("WRONG") and " grew by " not in line
    ]
    assert not wrong, done.stdout + done.stderr
    assert "grown after the warm-up" in done.stdout, done.stderr
    assert "| Python's heap: its small objects |" in done.stdout
    assert "<polyline" in (tmp_path / "soak.svg").read_text()


def test_a_line_that_leaks_is_found_out(tmp_path):
    """As much in these seconds as 20 kB a part are in half an hour, also on a machine that is busy."""
    done = run(tmp_path, "--seconds", "15", "--warm-up", "5", "--leak-bytes", "1500000")
    assert "WRONG: memory_mib grew by " in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
