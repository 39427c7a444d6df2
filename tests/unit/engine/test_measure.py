"""Figures of a session: whose clock and memory are arguments, so that nothing here is timed."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from lineside.core.errors import UnsupportedModelError
from lineside.engine.measure import measure
from lineside.engine.memory import resident_bytes
from lineside.engine.providers.cpu import speed_hints

FEEDS = {"x": np.zeros((1, 3), np.float32)}


class Clock:
    """Each look takes one second more than the one before: 1, 3, 6, 10, …"""

    def __init__(self):
        self.now = 0.0
        self.step = 0.0

    def __call__(self):
        self.step += 1
        self.now += self.step
        return self.now


def test_a_model_is_loaded_run_once_and_then_counted(graphs):
    memory = count(1000, 24)
    got = measure({"a": graphs.relu()}, FEEDS, threads=1, runs=4, clock=Clock(), memory=lambda: next(memory))[
        "a"
    ]
    assert (got.threads, got.runs) == (1, 4)
    assert (got.load_s, got.first_run_s) == (2, 3)
    assert got.memory_bytes == 24
    # The runs took 5, 7, 9 and 11 seconds.
    assert got.p50_s == pytest.approx(8)
    assert got.p90_s == pytest.approx(10.4)
    assert got.p99_s == pytest.approx(10.94)


def test_models_take_turns(graphs):
    got = measure({"a": graphs.relu(), "b": graphs.relu()}, FEEDS, threads=1, runs=2, clock=Clock())
    # Three looks each at the start; then a and b, a and b.
    assert got["a"].p50_s == pytest.approx((8 + 12) / 2)
    assert got["b"].p50_s == pytest.approx((10 + 14) / 2)


def test_memory_that_is_not_told_is_not_made_up(graphs):
    got = measure({"a": graphs.relu()}, FEEDS, threads=1, runs=1, memory=lambda: None)
    assert got["a"].memory_bytes is None


def test_memory_that_shrank_is_no_cost(graphs):
    falling = count(1000, -1)
    got = measure({"a": graphs.relu()}, FEEDS, threads=1, runs=1, memory=lambda: next(falling))
    assert got["a"].memory_bytes == 0


def test_a_model_that_cannot_run_is_refused(graphs):
    with pytest.raises(UnsupportedModelError):
        measure({"a": graphs.relu()}, {"q": FEEDS["x"]}, threads=1, runs=1)


def test_resident_memory_grows_with_what_is_kept():
    before = resident_bytes()
    if before is None:
        pytest.skip("this system does not tell a process's memory in a file")
    kept = np.ones(8 << 20)
    assert resident_bytes() - before > kept.nbytes // 2


@pytest.mark.parametrize(
    ("flags", "is_told"),
    [
        ("flags\t\t: fpu sse4_2 avx2 avx512f", True),
        ("flags\t\t: fpu avx2 avx512_vnni", False),
        ("flags\t\t: fpu avx2 avx_vnni", False),
        ("Features\t: fp asimd asimddp", False),
        ("Features\t: fp asimd", True),
        ("model name\t: unknown", False),
    ],
)
def test_a_cpu_without_byte_products_says_that_static_int8_may_gain_little(flags, is_told, tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\n{flags}\n")
    assert bool(speed_hints("int8 (static)", info=info)) is is_told
    assert speed_hints("fp32", info=info) == ()


def test_a_system_that_lists_no_instructions_says_nothing(tmp_path):
    assert speed_hints("int8 (static)", info=tmp_path / "nothing") == ()
