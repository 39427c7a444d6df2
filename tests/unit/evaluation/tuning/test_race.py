"""The race gives every candidate its turn, lets the slow leave, and names the one that keeps the deadline."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.evaluation.tuning.race import Burst, Race


def run(race, models, *, drift=lambda turn: 1.0, seed=0, runs=10):
    """Let candidates race: each is a median in seconds and a function of a random number; returns the turns."""
    rng = np.random.default_rng(seed)
    turns = []
    for number, name in enumerate(race.turns()):
        median_s, tail = models[name]
        noise = rng.lognormal(0, 0.04, runs)
        slow = np.where(rng.random(runs) < tail, 5.0, 1.0)
        latencies = median_s * noise * slow * drift(number)
        race.add(name, Burst(tuple(latencies), runs, float(latencies.sum())))
        turns.append(name)
    return turns


def test_the_fastest_within_the_deadline_wins():
    race = Race(["slow", "fast", "middle"], deadline_s=0.02)
    run(race, {"slow": (0.018, 0), "fast": (0.008, 0), "middle": (0.012, 0)})
    assert race.winner() == "fast"


def test_a_fast_candidate_whose_tail_breaks_the_deadline_does_not_win():
    race = Race(["spiky", "steady"], deadline_s=0.02)
    run(race, {"spiky": (0.008, 0.05), "steady": (0.0085, 0)})
    assert race.figures()["spiky"].p99_s > 0.02
    assert race.winner() == "steady"


def test_nobody_wins_where_no_candidate_keeps_the_deadline():
    race = Race(["a", "b"], deadline_s=0.001)
    run(race, {"a": (0.01, 0), "b": (0.02, 0)})
    assert race.winner() is None


def test_the_slow_leave_early_and_keep_their_figures_and_the_reason():
    race = Race(["fast", "slow"], deadline_s=0.05)
    turns = run(race, {"fast": (0.01, 0), "slow": (0.03, 0)})
    assert turns.count("slow") < turns.count("fast")
    assert "slower than fast" in race.figures()["slow"].left
    assert race.figures()["slow"].p50_s == pytest.approx(0.03, rel=0.1)


def test_a_batch_that_waits_longer_but_judges_more_stays_in_the_race():
    race = Race(["one", "batch"], deadline_s=0.1, enough_runs=60)
    for name in race.turns():
        latency, pictures = (0.01, 1) if name == "one" else (0.02, 4)
        race.add(name, Burst((latency,) * 5, 5 * pictures, 5 * latency))
    assert race.figures()["batch"].left == ""
    assert race.winner() == "batch"


def test_a_machine_that_slows_down_is_unfair_to_no_candidate():
    race = Race(["a", "b"], deadline_s=1.0)
    run(race, {"a": (0.010, 0), "b": (0.0115, 0)}, drift=lambda turn: 1.0 + turn / 20)
    assert race.winner() == "a"


def test_a_candidate_that_fails_leaves_with_its_reason():
    race = Race(["good", "bad"], deadline_s=1.0, enough_runs=4)
    for name in race.turns():
        if name == "bad":
            race.drop("bad", "out of memory")
        else:
            race.add(name, Burst((0.01, 0.01), 2, 0.02))
    assert race.running == ("good",)
    assert "bad" not in race.figures()


@given(
    medians=st.lists(st.floats(0.001, 0.1), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
def test_the_best_never_leaves_whatever_the_noise(medians, seed):
    names = [str(i) for i in range(len(medians))]
    race = Race(names, deadline_s=10.0, enough_runs=80)
    run(race, {name: (median, 0.01) for name, median in zip(names, medians, strict=True)}, seed=seed)
    best = min(medians)
    chosen = race.winner()
    assert chosen is not None
    assert medians[int(chosen)] <= best * 1.05


@given(count=st.integers(1, 7))
def test_every_round_gives_each_that_is_left_one_turn(count):
    names = [str(i) for i in range(count)]
    race = Race(names, deadline_s=1.0, enough_runs=3)
    turns = []
    for name in race.turns():
        race.add(name, Burst((0.01,), 1, 0.01))
        turns.append(name)
    assert [sorted(turns[i : i + count]) for i in range(0, len(turns), count)] == [names] * 3
