"""What the benchmarks call proven, and what they leave undecided."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def decision(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return __import__("decision")


@pytest.fixture
def outputs(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return __import__("outputs")


@pytest.mark.parametrize(
    ("count", "expected"), [(6, (0, 5)), (8, (0, 7)), (9, (1, 7)), (16, (3, 12)), (24, (6, 17))]
)
def test_the_interval_has_the_ranks_of_the_tables(decision, count, expected):
    """As in the tables of the sign test: one of 8 rounds is not enough to leave the ends out."""
    found = decision.interval(list(range(count)))
    assert (found.low, found.high) == expected
    assert found.middle == pytest.approx((count - 1) / 2)


def test_five_rounds_prove_nothing(decision):
    assert decision.interval([1.0] * 5) is None
    assert decision.sentence("it", [1.0] * 5, 9.0).startswith("undecided: it: 5 rounds, too few")


def test_the_interval_holds_the_median_as_often_as_it_says(decision):
    dice = random.Random(7)
    hits = 0
    for _ in range(2000):
        found = decision.interval([dice.expovariate(1.0) for _ in range(16)])
        hits += found.low <= np.log(2) <= found.high
    assert hits / 2000 >= 0.94


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([50.0] * 8, "PASS"),
        ([90.0] * 8, "FAIL"),
        ([50.0] * 4 + [90.0] * 4, "undecided"),
    ],
)
def test_a_goal_is_reached_missed_or_open(decision, rounds, said):
    line = decision.sentence("p50", rounds, 70.0, " ms")
    assert line.startswith(f"{said}: p50: ")
    assert line.endswith("goal: at most 70 ms")


def figures(p50, p99, spread, seed, count=24):
    dice = random.Random(seed)
    return [(p50 * dice.uniform(1, 1 + spread), p99 * dice.uniform(1, 1 + spread)) for _ in range(count)]


@pytest.mark.parametrize(
    ("p50", "p99", "said"),
    [(1.0, 10.0, ["PASS", "PASS"]), (1.2, 10.0, ["FAIL", "PASS"]), (1.0, 30.0, ["PASS", "FAIL"])],
)
def test_a_hung_sink_is_held_against_two_equal_runs(outputs, p50, p99, said):
    found = {
        outputs.WORKS: figures(1.0, 10.0, 0.05, 1),
        outputs.AGAIN: figures(1.0, 10.0, 0.05, 2),
        outputs.HANGS: figures(p50, p99, 0.05, 3),
    }
    assert [line.split(":")[0] for line in outputs.verdicts(found)] == said


def test_on_a_noisy_machine_nothing_is_called_proven(outputs):
    found = {
        name: figures(1.0, 10.0, 3.0, seed)
        for seed, name in enumerate((outputs.WORKS, outputs.AGAIN, outputs.HANGS))
    }
    assert outputs.verdicts(found)[0].startswith("undecided")
