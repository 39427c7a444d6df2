"""The worked example of docs/how-to/rule-kind.md does what the page says."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from lineside.core.documents import parsed
from lineside.core.errors import SettingsError, UnknownNameError
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judge
from lineside.judge.rule import About
from lineside.testing.rules import seen

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "rule-kind.md"
NAMES = ("cap", "bottle", "stain")
BOX = (10, 10, 50, 50)


@pytest.fixture
def page(monkeypatch):
    """The page's two pieces of code: the kind, and the test of it."""
    pieces = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    modules = []
    for number, code in enumerate(pieces):
        module = types.ModuleType(f"rule_page_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)  # a dataclass looks its module up
        exec(compile(code, str(PAGE), "exec"), module.__dict__)
        modules.append(module)
    return modules


def rule_of(kind, **table):
    return kind.make(parsed(kind.Settings, table, "paired"), About(NAMES, where="paired"))


def test_as_many_of_both_pass_and_others_fail_with_their_numbers(page):
    judge = Judge([rule_of(page[0], of=["cap", "bottle"])], names=NAMES, cameras=["top"])
    assert judge([seen("top", NAMES, ("cap", 0.9, BOX), ("bottle", 0.9, BOX))]).verdict is Verdict.PASS
    said = judge([seen("top", NAMES, ("cap", 0.9, BOX), ("stain", 0.9, BOX))])
    assert (said.verdict, said.detail) == (Verdict.FAIL, "top: 1 of cap, 0 of bottle")


def test_a_marginal_cap_is_unknown(page):
    judge = Judge([rule_of(page[0], of=["cap", "bottle"], marginal=[0.2, 0.6])], names=NAMES, cameras=["top"])
    said = judge([seen("top", NAMES, ("cap", 0.5, BOX), ("bottle", 0.9, BOX))])
    assert (said.verdict, said.reason) == (Verdict.UNKNOWN, Reason.MARGINAL)


def test_the_pages_own_test_holds(page):
    kind, test = page
    test.test_nothing_passes_that_is_not_proven(rule_of(kind, of=["cap", "bottle"]), NAMES)


def test_wrong_settings_are_refused(page):
    with pytest.raises(UnknownNameError, match='"bottle"'):
        rule_of(page[0], of=["cap", "bottles"])
    with pytest.raises(SettingsError, match=r"of: .*missing"):
        rule_of(page[0])
    with pytest.raises(SettingsError, match='"cameras"'):
        rule_of(page[0], of=["cap", "bottle"], camera=["top"])
