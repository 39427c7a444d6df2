"""Fragile layers are found by what they alone do, and bounded in time."""

from __future__ import annotations

import pytest

from lineside.evaluation.quantising.sensitivity import measure_sensitivity

UNITS = tuple((f"conv{i}", f"act{i}") for i in range(60))
LAST = ("box", "score")


def planted(fragile, *, each=0.0005):
    """The damage of a set of nodes: a little for each layer, much for the fragile ones."""
    asked = []

    def damage(nodes):
        asked.append(nodes)
        return sum(0.5 if name in fragile else each for name in nodes if not name.startswith("act"))

    damage.asked = asked
    return damage


def search(damage, *, is_late=lambda: False, tolerance=0.03):
    return measure_sensitivity(LAST, UNITS, damage, tolerance=tolerance, is_late=is_late)


def names(kept):
    return {name for one in kept for name in one.group.nodes}


@pytest.mark.parametrize("fragile", ["conv0", "conv17", "conv59", "score"])
def test_a_planted_fragile_layer_stays_in_float_and_it_alone(fragile):
    found = search(planted({fragile}))
    kept = names(found.in_float(0.03))
    assert kept == ({fragile} if fragile == "score" else {fragile, fragile.replace("conv", "act")})


def test_two_fragile_layers_of_one_block_are_told_apart_from_their_neighbours():
    found = search(planted({"conv30", "conv33"}))
    assert names(found.in_float(0.03)) == {"conv30", "act30", "conv33", "act33"}


def test_every_node_is_in_one_group_and_in_one_only():
    found = search(planted({"conv5"}))
    every = [name for one in (*found.head, *found.body) for name in one.group.nodes]
    assert sorted(every) == sorted([*LAST, *(name for unit in UNITS for name in unit)])


def test_a_healthy_model_keeps_nothing_in_float_and_takes_one_measurement_a_group():
    damage = planted(set())
    assert search(damage).in_float(0.03) == ()
    assert len(damage.asked) == len(LAST) + 1 + 12


def test_without_time_the_last_layers_stay_in_float_and_the_rest_is_judged_as_a_whole():
    damage = planted({"conv5"})
    found = search(damage, is_late=lambda: True)
    assert not damage.asked
    assert found.timed_out
    assert names(found.in_float(0.03)) == set(LAST)


def test_a_fragile_block_stays_whole_where_the_time_ends_before_its_halves_are_measured():
    damage = planted({"conv3"})
    found = search(
        damage, is_late=lambda: len(damage.asked) >= 4
    )  # both last layers, the first, and one block
    kept = names(found.in_float(0.03))
    assert {"conv3", "conv1", "conv5"} <= kept
    assert found.timed_out


def test_a_lower_tolerance_keeps_more_in_float():
    found = search(planted({"conv9"}))
    assert names(found.in_float(0.03)) < names(found.in_float(0.001))


def test_a_model_of_last_layers_alone_has_no_body():
    found = measure_sensitivity(LAST, (), planted(set()), tolerance=0.03, is_late=lambda: False)
    assert found.body == ()
    assert found.nodes == set(LAST)
