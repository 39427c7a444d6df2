from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.evaluation.rates import PictureScore, rate_curve
from lineside.evaluation.suggestion import suggest

LOWEST = 0.001
scores_of = st.lists(
    st.one_of(st.none(), st.floats(2**-8, 1, width=32), st.sampled_from([0.25, 0.5])), max_size=12
)


def _pictures(bad, good, neither=()):
    kinds = (("bad", bad), ("good", good), ("neither", neither))
    return [PictureScore(kind, score) for kind, scores in kinds for score in scores]


def _counts(bad, good, threshold):
    """Escapes and overkills, compared in float32 like a detector's."""
    limit = np.float32(threshold)
    escaped = sum(score is None or np.float32(score) < limit for score in bad)
    overkilled = sum(score is not None and np.float32(score) >= limit for score in good)
    return escaped, overkilled


@given(scores_of.filter(len), scores_of, st.sampled_from([0.0, 0.01, 0.1, 0.3]))
def test_no_threshold_is_better_by_the_rule(bad, good, max_escape):
    suggestion = suggest(rate_curve(_pictures(bad, good), LOWEST), max_escape)
    chosen = suggestion.rates
    every = {s for s in (*bad, *good) if s is not None} | {LOWEST, 1.0}
    counts = [_counts(bad, good, threshold) for threshold in every]
    kept = [c for c in counts if c[0] / len(bad) <= max_escape]
    assert suggestion.meets == bool(kept)
    if not kept:
        least = min(escaped for escaped, _ in counts)
        best = (least, min(overkilled for escaped, overkilled in counts if escaped == least))
    elif good:
        least = min(overkilled for _, overkilled in kept)
        best = (min(escaped for escaped, overkilled in kept if overkilled == least), least)
    else:
        best = (max(escaped for escaped, _ in kept), 0)
    assert (chosen.escaped, chosen.overkilled) == best
    assert _counts(bad, good, chosen.threshold) == best


def test_the_threshold_stands_in_the_middle_of_its_range_in_few_decimals():
    suggestion = suggest(rate_curve(_pictures([0.7, 0.8, 0.9], [0.1, 0.3]), LOWEST), 0.01)
    assert suggestion.rates.threshold == 0.5
    assert (suggestion.equal_from, suggestion.equal_to) == (0.3, 0.7)
    suggestion = suggest(rate_curve(_pictures([0.30019], [0.3001]), LOWEST), 0.01)
    assert suggestion.rates.threshold == pytest.approx(0.30014, abs=2e-5)


def test_a_limit_that_cannot_be_kept_is_said_and_not_hidden():
    suggestion = suggest(rate_curve(_pictures([None, 0.5, 0.6], [0.2]), LOWEST), 0.01)
    assert not suggestion.meets
    assert suggestion.rule.startswith(
        "No threshold keeps the escape rate at 1 % or less: 1 of 3 bad pictures"
    )
    assert (suggestion.rates.escaped, suggestion.rates.overkilled) == (1, 0)


def test_without_bad_pictures_nothing_is_suggested():
    suggestion = suggest(rate_curve(_pictures([], [0.5], [0.4]), LOWEST), 0.01)
    assert suggestion.rates is None
    assert "no bad picture" in suggestion.rule
    assert suggestion.grounds[0] == (
        "All rests on 0 bad and 1 good pictures; 1 more count neither way, their defects are ignored."
    )


def test_without_good_pictures_overkill_is_not_available_and_said_so():
    suggestion = suggest(rate_curve(_pictures([0.5, 0.75], []), LOWEST), 0.5)
    assert suggestion.rates.threshold == 0.62
    assert "without good pictures" in suggestion.rule
    assert "Overkill is not available: the data set holds no good picture." in suggestion.grounds


def test_the_grounds_say_on_how_many_pictures_it_rests_and_what_that_proves():
    suggestion = suggest(rate_curve(_pictures([0.9] * 40, [0.1] * 20), LOWEST), 0.01)
    text = " ".join(suggestion.grounds)
    assert "All rests on 40 bad and 20 good pictures." in text
    assert "0 of 40 bad pictures escape: with 95 % confidence the true escape rate is at most 7.3 %." in text
    assert "too few bad pictures to prove 1 % or less: it takes 299 without an escape" in text
    assert "chosen on these very pictures" in text


def test_enough_pictures_are_not_called_too_few():
    suggestion = suggest(rate_curve(_pictures([0.9] * 300, [0.1]), LOWEST), 0.01)
    assert "too few" not in " ".join(suggestion.grounds)


def test_escapes_within_the_limit_do_not_prove_it():
    suggestion = suggest(rate_curve(_pictures([0.2, *[0.9] * 20], [0.5]), LOWEST), 0.05)
    assert "That does not prove 5 % or less." in suggestion.grounds
