"""Every kind of rule: it passes what is proven, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core import plugins
from lineside.core.detections import Detections
from lineside.core.errors import SettingsError, UnknownNameError
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import KINDS, Judge, open_rule
from lineside.testing.rules import PICTURE, StandInRule, seen, unproven_parts

NAMES = ("cap", "label", "scratch")
CAP, LABEL = ("cap", 0.9, (200, 150, 400, 350)), ("label", 0.8, (260, 220, 340, 280))
SCRATCH = ("scratch", 0.7, (280, 230, 300, 250))
ZONE = {"marginal": [0.3, 0.6]}
ON_THE_CAP = {"rectangle": [-0.5, -0.5, 0.5, 0.5], "unit": "share", "anchor": {"class": "cap", **ZONE}}

# A table, a part that passes it, and one that fails it.
RULES = {
    "forbid": ({"classes": ["scratch"], **ZONE}, [CAP], [CAP, SCRATCH]),
    "forbid on an object": (
        {"kind": "forbid", "classes": ["scratch"], "region": ON_THE_CAP, **ZONE},
        [CAP, ("scratch", 0.9, (20, 20, 60, 60))],
        [CAP, SCRATCH],
    ),
    "require": ({"classes": ["cap", "label"], **ZONE}, [CAP, LABEL], [CAP]),
    "require in any": ({"kind": "require", "classes": ["cap"], "views": "any", **ZONE}, [CAP], [SCRATCH]),
    "count": ({"classes": ["cap", "label"], "exactly": 2, **ZONE}, [CAP, LABEL], [CAP, LABEL, LABEL]),
    "count each": (
        {"kind": "count", "classes": ["cap", "label"], "at_most": 1, "per_class": True, **ZONE},
        [CAP, LABEL],
        [CAP, LABEL, LABEL],
    ),
    "size": (
        {"classes": ["label"], "measure": "width", "at_least": 60, "at_most": 90, "margin": 5, **ZONE},
        [CAP, LABEL],
        [("label", 0.8, (260, 220, 300, 280))],
    ),
    "distance": (
        {"between": ["cap", "label"], "at_most": 30, "margin": 5, **ZONE},
        [CAP, LABEL],
        [CAP, ("label", 0.8, (20, 20, 60, 60))],
    ),
    "combine": (
        {"all": [{"kind": "forbid", "classes": ["scratch"], **ZONE}, {"kind": "require", "classes": ["cap"], **ZONE}]},
        [CAP],
        [SCRATCH],
    ),
    "combine any": (
        {
            "kind": "combine",
            "any": [{"kind": "require", "classes": [name], **ZONE} for name in ("cap", "label")],
        },
        [LABEL],
        [SCRATCH],
    ),
    "combine not": (
        {"kind": "combine", "not": {"kind": "count", "classes": ["scratch"], "at_least": 1, **ZONE}},
        [CAP],
        [SCRATCH],
    ),
}  # fmt: skip


def rule_of(title):
    table, good, bad = RULES[title]
    return open_rule({"kind": title, **table}, NAMES), good, bad


def judged(rule, *views):
    cameras = list(dict.fromkeys(view.camera for view in views))
    return Judge([rule], names=NAMES, cameras=cameras)(views)


def test_every_kind_of_the_folder_is_looked_at():
    assert set(plugins.own(KINDS)) <= set(RULES)


@pytest.mark.parametrize("title", RULES)
def test_it_passes_the_good_part_and_fails_the_bad_one(title):
    rule, good, bad = rule_of(title)
    assert judged(rule, seen("top", NAMES, *good)).verdict is Verdict.PASS
    assert judged(rule, seen("top", NAMES, *bad)).verdict is Verdict.FAIL
    both = judged(rule, seen("top", NAMES, *good), seen("side", NAMES, *bad))
    assert both.verdict is (Verdict.PASS if "in any" in title else Verdict.FAIL)


@pytest.mark.parametrize("title", RULES)
def test_nothing_passes_that_is_not_proven(title):
    rule, good, _ = rule_of(title)
    part = [seen("top", NAMES, *good), seen("side", NAMES, *good)]
    judge = Judge([rule], names=NAMES, cameras=["top", "side"])
    assert judge(part).verdict is Verdict.PASS
    for what, views in unproven_parts(part):
        said = judge(views)
        assert said.verdict is Verdict.UNKNOWN, what
        assert said.detail, what


@pytest.mark.parametrize("title", RULES)
def test_its_lowest_confidence_is_that_of_its_zone(title):
    assert rule_of(title)[0].min_confidence == 0.3


@pytest.mark.parametrize("title", RULES)
def test_a_class_or_camera_that_does_not_exist_is_refused_by_name(title):
    table, _, _ = RULES[title]
    with pytest.raises(UnknownNameError, match="did you mean"):
        open_rule({"kind": title, **table}, ("capp", "labels", "scratches"))
    with pytest.raises(SettingsError, match="no such key"):
        open_rule({"kind": title, **table, "clases": ["cap"]}, NAMES)


confidences = st.sampled_from([0.1, 0.31, 0.45, 0.59, 0.7, 0.95])
places = st.sampled_from(
    [CAP[2], LABEL[2], SCRATCH[2], (20, 20, 60, 60), (0, 100, 80, 180), (262, 222, 350, 282)]
)
things = st.lists(st.tuples(st.sampled_from(NAMES), confidences, places), max_size=5)


def resolved(detections, raised):
    """The same without its marginal objects, or with some of them surely there."""
    score = detections.confidence.copy()
    is_marginal = (score > np.float32(0.3)) & (score <= np.float32(0.6))
    rows = np.flatnonzero(is_marginal)
    score[rows] = np.where([raised[n % len(raised)] for n in range(len(rows))], 0.99, 0.01)
    order = np.argsort(-score, kind="stable")
    return Detections(
        detections.xyxy[order], score[order], detections.class_id[order], NAMES, PICTURE, detections.truncated
    )  # fmt: skip


@pytest.mark.parametrize("title", RULES)
@given(found=things, raised=st.lists(st.booleans(), min_size=1, max_size=5))
def test_what_is_proven_is_true_whatever_the_marginal_objects_are(title, found, raised):
    rule, _, _ = rule_of(title)
    view = seen("top", NAMES, *found)
    said = judged(rule, view).verdict
    if said is not Verdict.UNKNOWN:
        other = judged(rule, replace(view, detections=resolved(view.detections, raised))).verdict
        assert other in (said, Verdict.UNKNOWN)


@pytest.mark.parametrize("title", RULES)
@given(found=things, more=things)
def test_what_fails_though_more_was_cut_off_fails_with_it_too(title, found, more):
    rule, _, _ = rule_of(title)
    cut = judged(rule, seen("top", NAMES, *found, truncated=True))
    assert cut.verdict is not Verdict.PASS
    if cut.verdict is Verdict.FAIL:
        whole = judged(rule, seen("top", NAMES, *found, *more)).verdict
        assert whole is not Verdict.PASS


@pytest.mark.parametrize("fault", [ZeroDivisionError("by nought"), True, False, None, "", 0, ["dent"]])
def test_a_rule_that_fails_or_answers_nonsense_is_unknown_also_in_a_combination(fault):
    from lineside.judge.rules.combine import Combine

    broken = StandInRule(fault)
    said = judged(broken, seen("top", NAMES, CAP))
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.RULE_ERROR)
    for how in ("all", "any", "not"):
        said = judged(Combine((broken,), how), seen("top", NAMES, CAP))
        assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.RULE_ERROR)


def test_a_kind_that_is_no_kind_is_a_fault_of_the_plug_in(monkeypatch):
    import types

    from lineside.core.documents import Table
    from lineside.core.errors import PluginError

    half = types.SimpleNamespace(make=lambda settings, about: object())
    monkeypatch.setattr(plugins, "load", lambda *_: half)
    with pytest.raises(PluginError, match=r'the kind "odd" to have Settings and make'):
        open_rule({"kind": "odd"}, NAMES)
    half.Settings = Table
    with pytest.raises(PluginError, match="what it made has no min_confidence"):
        open_rule({"kind": "odd"}, NAMES)
