"""The worked example of docs/how-to/rule-kind.md does what the page says."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from lineside.core.errors import SettingsError, UnknownNameError
from lineside.core.verdict import Verdict
from lineside.judge.judge import Judge

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "rule-kind.md"
NAMES = ("scratch", "dent", "stain")


@pytest.fixture
def kind(monkeypatch):
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("count_rule")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # a dataclass looks its module up
    exec(compile(code[1], str(PAGE), "exec"), module.__dict__)
    return module


def test_a_view_with_too_few_fails_and_says_how_many(kind, see):
    judge = Judge([kind.make({"class": "dent", "at_least": 2}, NAMES)], names=NAMES, cameras=["top"])
    said = judge([see("top", ("dent", 0.9), ("dent", 0.2))])
    assert (said.verdict, said.detail) == (Verdict.FAIL, "top: 1 of 2 dent")
    assert judge([see("top", ("dent", 0.9), ("dent", 0.3))]).verdict is Verdict.PASS


def test_wrong_settings_are_refused(kind):
    with pytest.raises(UnknownNameError, match='"dent"'):
        kind.make({"class": "dents"}, NAMES)
    with pytest.raises(SettingsError, match="at least 1"):
        kind.make({"class": "dent", "at_least": 0}, NAMES)
    with pytest.raises(UnknownNameError, match='"at_least"'):
        kind.make({"class": "dent", "atleast": 1}, NAMES)
