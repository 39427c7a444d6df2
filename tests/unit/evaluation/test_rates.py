from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import SettingsError
from lineside.evaluation.rates import (
    PictureScore,
    Rates,
    escapes_by_class,
    rate_curve,
    score_pictures,
    trials_to_prove,
    upper_bound,
)

LOWEST = 2**-7  # a float32, too
confidences = st.one_of(st.none(), st.sampled_from([0.25, 0.5, 1.0]), st.floats(LOWEST, 1, width=32))
pictures = st.lists(
    st.builds(PictureScore, st.sampled_from(["bad", "good", "neither"]), confidences), max_size=25
)
BOX = [10, 10, 20, 20]


def brute_force(scores, threshold):
    """Escape and overkill by their definition, picture by picture."""
    escaped = overkilled = 0
    for score in scores:
        judged_bad = score.score is not None and score.score >= threshold
        escaped += score.quality == "bad" and not judged_bad
        overkilled += score.quality == "good" and judged_bad
    return escaped, overkilled


@given(pictures, st.floats(LOWEST, 1))
def test_the_curve_counts_as_the_definition_does_at_any_threshold(scores, threshold):
    curve = rate_curve(scores, LOWEST)
    for at in (threshold, LOWEST, 1.0, *(s.score for s in scores if s.score is not None)):
        rates = curve.at(at)
        assert (rates.escaped, rates.overkilled) == brute_force(scores, at)
    assert curve.bad + curve.good + curve.neither == len(scores)


@given(pictures)
def test_escape_never_falls_and_overkill_never_rises_along_the_curve(scores):
    curve = rate_curve(scores, LOWEST)
    assert (np.diff(curve.thresholds) > 0).all()
    assert (np.diff(curve.escaped) >= 0).all()
    assert (np.diff(curve.overkilled) <= 0).all()


@given(pictures)
def test_the_rates_are_the_same_all_over_the_range_of_a_step(scores):
    curve = rate_curve(scores, LOWEST)
    for step in range(len(curve.thresholds)):
        low, high = curve.range_of(step)
        inside = low + (high - low) / 2
        if low < inside:
            assert brute_force(scores, inside) == brute_force(scores, high)


def test_a_picture_without_detections_is_good_at_every_threshold():
    curve = rate_curve([PictureScore("bad", None), PictureScore("good", None)], 0.0)
    assert (curve.at(0.0).escaped, curve.at(0.0).overkilled) == (1, 0)


def test_rates_without_pictures_are_not_available():
    rates = rate_curve([PictureScore("bad", 0.5)], LOWEST).at(0.25)
    assert (rates.escape, rates.overkill, rates.overkill_bound) == (0.0, None, None)
    assert Rates(0.5, 0, 0, 1, 4).escape is None
    assert Rates(0.5, 0, 0, 1, 4).overkill == 0.25


def test_rates_below_the_lowest_confidence_are_not_known():
    with pytest.raises(SettingsError, match=r"thresholds 0\.0078125 to 1, not for 0\.005"):
        rate_curve([], LOWEST).at(0.005)


def test_a_picture_is_bad_by_its_true_boxes_of_defect_classes(examined):
    defects = np.array([True, False])
    many = [
        examined([(0, BOX)], []),
        examined([(1, BOX)], []),
        examined([], []),
        examined([(0, BOX, True)], []),
        examined([(0, BOX, True), (1, BOX)], []),
        examined([(0, BOX, True), (0, BOX)], []),
    ]
    qualities = [score.quality for score in score_pictures(many, defects)]
    assert qualities == ["bad", "good", "good", "neither", "neither", "bad"]


def test_a_picture_is_judged_by_its_surest_detection_of_a_defect_class_wherever_it_is(examined):
    one = examined([(0, BOX)], [(1, 0.9, BOX), (0, 0.5, [40, 40, 50, 48]), (0, 0.25, BOX)])
    assert score_pictures([one], np.array([True, False]))[0].score == 0.5
    assert score_pictures([one], np.array([True, True]))[0].score == pytest.approx(0.9)
    assert score_pictures([examined([], [(1, 0.9, BOX)])], np.array([True, False]))[0].score is None


def test_escapes_are_told_by_the_defects_in_the_picture(examined):
    many = [
        examined([(0, BOX), (0, BOX), (1, BOX)], [(0, 0.125, BOX)]),
        examined([(0, BOX), (1, BOX, True)], [(0, 0.5, BOX)]),
        examined([(2, BOX)], []),
    ]
    defects = np.array([True, True, False])
    escapes = escapes_by_class(many, score_pictures(many, defects), defects, 0.25)
    assert escapes.pictures.tolist() == [2, 1, 0]
    assert escapes.escaped.tolist() == [1, 1, 0]


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_where_so_few_events_are_seen_in_one_case_of_twenty(counts):
    events, trials = counts
    bound = upper_bound(events, trials)
    assert events / trials < bound <= 1 or events == trials
    if events < trials:
        seen = math.fsum(
            math.comb(trials, i) * bound**i * (1 - bound) ** (trials - i) for i in range(events + 1)
        )
        assert seen == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize(
    ("events", "trials", "bound"), [(0, 299, 0.00997), (0, 59, 0.0495), (1, 100, 0.0466)]
)
def test_the_bound_agrees_with_published_tables(events, trials, bound):
    assert upper_bound(events, trials) == pytest.approx(bound, abs=5e-5)


@given(st.floats(0.0005, 0.9))
def test_the_number_of_trials_to_prove_a_rate_is_the_least(rate):
    needed = trials_to_prove(rate)
    assert upper_bound(0, needed) <= rate + 1e-7
    if needed > 1:
        assert upper_bound(0, needed - 1) > rate - 1e-7
