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


def test_a_short_run_is_right_and_is_drawn(tmp_path):
    pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra database is not installed")
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc here")
    command = [sys.executable, str(BENCHMARKS / "soak.py"), "--seconds", "8", "--warm-up", "3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    # So early memory and threads may still grow; what was answered must be right from the first part on.
    wrong = [
        line for line in done.stdout.splitlines() if line.startswith("WRONG") and " grew by " not in line
    ]
    assert not wrong, done.stdout + done.stderr
    assert "grown after the warm-up" in done.stdout, done.stderr
    assert "<polyline" in (tmp_path / "soak.svg").read_text()
