from __future__ import annotations

import logging

import pytest

from lineside.core.errors import PluginError, SettingsError, UnknownNameError
from lineside.core.inspection import View
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judge, Judgement, open_rule
from lineside.testing.rules import StandInRule

NAMES = ("scratch", "dent", "stain")
FORBID = {"kind": "forbid", "classes": ["scratch", "dent"], "min_confidence": 0.4}


@pytest.fixture
def judge():
    return Judge([open_rule(FORBID, NAMES)], names=NAMES, cameras=("top", "side"))


def test_a_part_passes_when_every_camera_shows_nothing_forbidden(judge, see):
    said = judge([see("top"), see("side", ("stain", 0.9), ("scratch", 0.4))])
    assert (said.verdict, said.reason) == (Verdict.PASS, None)


def test_a_forbidden_class_fails_the_part_and_is_named(judge, see):
    said = judge([see("top"), see("side", ("dent", 0.83))])
    assert said.verdict is Verdict.FAIL
    assert said.detail == "side: dent 0.83"


def test_a_proven_defect_stays_one_when_another_camera_is_missing(judge, see):
    lost = View("top", reason=Reason.NO_FRAME, detail="the cable is out")
    said = judge([lost, see("side", ("dent", 0.83))])
    assert (said.verdict, said.reason) == (Verdict.FAIL, None)
    assert "the cable is out" in said.detail


def test_a_missing_view_is_never_a_pass(judge, see):
    said = judge([see("top")])
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.NO_FRAME)
    assert "side" in said.detail


@pytest.mark.parametrize("reason", Reason)
def test_a_view_that_is_not_known_gives_its_reason(judge, see, reason):
    said = judge([see("top"), View("side", reason=reason, detail="so it is")])
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, reason)
    assert said.detail == "side: so it is"


def test_truncated_detections_prove_a_defect_but_no_pass(judge, see):
    cut = see("side", ("stain", 0.9), truncated=True)
    said = judge([see("top"), cut])
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.TRUNCATED)
    assert judge([see("top"), see("side", ("dent", 0.9), truncated=True)]).verdict is Verdict.FAIL


def test_a_rule_that_fails_leaves_what_the_others_prove(see, caplog):
    caplog.set_level(logging.CRITICAL)
    rules = [open_rule(FORBID, NAMES), StandInRule(ZeroDivisionError("by nought"))]
    judge = Judge(rules, names=NAMES, cameras=["top"])
    said = judge([see("top")])
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.RULE_ERROR)
    assert "StandInRule" in said.detail
    assert "by nought" in said.detail
    assert judge([see("top", ("dent", 0.9))]).verdict is Verdict.FAIL


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
def test_a_rule_proves_nothing_where_nothing_was_seen(verdict):
    judge = Judge([StandInRule(Judgement(verdict, None, "sure"))], names=NAMES, cameras=["top"])
    said = judge([View("top", reason=Reason.LATE, detail="too late")])
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.LATE)
    assert "nothing was seen" in said.detail


def test_a_camera_that_no_rule_looks_at_is_refused():
    rule = open_rule({**FORBID, "cameras": ["top"]}, NAMES)
    with pytest.raises(SettingsError, match="no rule looks at the camera side"):
        Judge([rule], names=NAMES, cameras=["top", "side"])
    with pytest.raises(UnknownNameError, match=r'no camera "top".*"topp"'):
        Judge([rule], names=NAMES, cameras=["topp"])


def test_a_rule_for_one_camera_does_not_look_at_another(see):
    rules = [open_rule({**FORBID, "cameras": [name]}, NAMES) for name in ("top", "side")]
    rules[1] = open_rule({"kind": "forbid", "classes": ["stain"], "cameras": ["side"]}, NAMES)
    judge = Judge(rules, names=NAMES, cameras=["top", "side"])
    assert judge([see("top", ("stain", 0.9)), see("side", ("dent", 0.9))]).verdict is Verdict.PASS
    assert judge([see("top"), see("side", ("stain", 0.9))]).verdict is Verdict.FAIL


def test_every_shot_of_a_camera_is_looked_at_and_other_cameras_are_not(see):
    judge = Judge([open_rule(FORBID, NAMES)], names=NAMES, cameras=["top"])
    assert judge([see("top"), see("top", ("dent", 0.9))]).verdict is Verdict.FAIL
    assert judge([see("top"), see("side", ("dent", 0.9))]).verdict is Verdict.PASS
    assert judge([see("side")]).reason is Reason.NO_FRAME


def test_a_marginal_object_is_neither_there_nor_away(see):
    forbid = open_rule({"kind": "forbid", "classes": ["dent"], "marginal": [0.25, 0.4]}, NAMES)
    require = open_rule({"kind": "require", "classes": ["dent"], "marginal": [0.25, 0.4]}, NAMES)
    for rule, above, below in ((forbid, Verdict.FAIL, Verdict.PASS), (require, Verdict.PASS, Verdict.FAIL)):
        judge = Judge([rule], names=NAMES, cameras=["top"])
        assert judge([see("top", ("dent", 0.41))]).verdict is above
        assert judge([see("top", ("dent", 0.25))]).verdict is below
        for inside in (0.26, 0.4):
            said = judge([see("top", ("dent", inside))])
            assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.MARGINAL)
            assert said.detail == f"top: dent {inside:.2f} may be there, or not"


def test_rules_are_not_applied_to_another_models_classes(judge, see):
    other = see("side", ("paint", 0.9), names=("paint", "dent", "stain"))
    said = judge([see("top"), other])
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.MODEL_UNHEALTHY)


def test_the_lowest_confidence_of_the_rules_is_told():
    rules = [open_rule(FORBID, NAMES), open_rule({"kind": "forbid", "min_confidence": 0.15}, NAMES)]
    assert Judge(rules, names=NAMES, cameras=["top"]).min_confidence == 0.15


def test_a_judge_without_rules_or_cameras_is_refused():
    with pytest.raises(SettingsError, match="every part would pass"):
        Judge([], names=NAMES, cameras=["top"])
    rule = open_rule(FORBID, NAMES)
    for cameras in ([], ["top", "top"]):
        with pytest.raises(SettingsError, match="cameras"):
            Judge([rule], names=NAMES, cameras=cameras)


def test_a_rule_of_no_kind_or_an_unknown_kind_is_refused():
    with pytest.raises(SettingsError, match="forbid"):
        open_rule({"classes": ["dent"]}, NAMES)
    with pytest.raises(PluginError, match='did you mean "forbid"'):
        open_rule({"kind": "forbidd"}, NAMES)


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ({"classes": ["scrath"]}, '"scratch"'),
        ({"classes": []}, "at least 1 entry"),
        ({"classes": "dent"}, "expected a list"),
        ({"min_confidence": 40}, "less than or equal to 1; got 40"),
        ({"min_confidence": True}, "expected a number; got True"),
        ({"min_confidence": float("nan")}, "got nan"),
        ({"marginal": [0.4, 0.2]}, "marginal to rise"),
        ({"marginal": [0.2, 0.4], "min_confidence": 0.3}, "not both"),
        ({"cameras": []}, "at least 1 entry"),
        ({"clases": ["dent"]}, '"classes"'),
    ],
)
def test_a_wrong_setting_of_forbid_is_refused_with_a_way_out(setting, word):
    with pytest.raises(SettingsError, match=word):
        open_rule({"kind": "forbid", **setting}, NAMES)


def test_a_class_that_the_model_does_not_know_is_never_silently_dropped():
    with pytest.raises(UnknownNameError, match='no class "crack"'):
        open_rule({"kind": "forbid", "classes": ["dent", "crack"]}, NAMES)


def test_many_forbidden_objects_are_counted(judge, see):
    said = judge([see("top", *[("dent", 0.9)] * 5), see("side")])
    assert said.detail == "top: dent 0.90, dent 0.90, dent 0.90 and 2 more"
