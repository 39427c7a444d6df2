"""What every hint owes: a graph that it names and one that it does not, a reason, a cure, and its place in the manual."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from contracts.graph_edits import write
from hinted_graphs import NAMED, UNNAMED
from lineside import Detector, ModelCard
from lineside.core import plugins
from lineside.engine import run_once
from lineside.models.lint import PACKAGE, Hint, Severity, hint, in_order, named
from lineside.testing.graphs import anchor_free, dynamic_int8, nms_inside

HINTS = plugins.own(PACKAGE)
_PAGE = Path(__file__).parents[3] / "docs" / "lint.md"


def _hints(build, tmp_path):
    card = ModelCard.read(write(build(), tmp_path / "model.onnx"))
    return {each.code: each for each in card.hints}


def _cases(table):
    return [
        pytest.param(name, case, id=f"{name}-{n}")
        for name, all_ in table.items()
        for n, case in enumerate(all_)
    ]


def test_every_hint_of_the_folder_has_a_graph_that_it_names_and_one_that_it_does_not():
    assert sorted(NAMED) == sorted(UNNAMED) == list(HINTS)
    assert all(NAMED.values())
    assert all(UNNAMED.values())


@pytest.mark.parametrize(("name", "case"), _cases(NAMED))
def test_a_hint_names_what_it_saw(name, case, tmp_path):
    build, seen = case
    found = _hints(build, tmp_path)
    assert name in found
    assert seen in found[name].seen


@pytest.mark.parametrize(("name", "build"), _cases(UNNAMED))
def test_a_hint_is_silent_where_there_is_nothing_of_its_kind(name, build, tmp_path):
    assert name not in _hints(build, tmp_path)


@pytest.mark.parametrize("name", HINTS)
def test_a_hint_has_what_the_protocol_asks(name):
    kind = hint(name)
    assert kind.SEVERITY in Severity
    assert len(kind.WHY) > 40
    assert len(kind.CURE) > 10
    assert not any(text.endswith(".") for text in (kind.WHY, kind.CURE))


@pytest.mark.parametrize("name", HINTS)
def test_the_manual_gives_a_hint_as_its_file_does(name):
    section = re.search(
        rf"^## {name}\n(.*?)(?=^## |\Z)", _PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert section, f"docs/lint.md has no section {name}"
    text = " ".join(section[1].split())
    kind = hint(name)
    for part in (f"*{kind.SEVERITY}*", kind.WHY, kind.CURE):
        assert part[:1].upper() + part[1:] in text or part in text


def test_the_manual_gives_no_hint_that_is_not_there():
    sections = re.findall(r"^## (\w+)$", _PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in sections if name == name.lower()] == list(HINTS)


def test_a_plain_export_gives_no_hint(tmp_path):
    assert ModelCard.read(write(anchor_free(), tmp_path / "model.onnx"), run=run_once).hints == ()


def test_hints_come_worst_first():
    severities = [Severity.NOTE, Severity.WRONG, Severity.SLOW, Severity.WRONG]
    hints = [Hint(f"h{9 - n}", severity, "", "", "") for n, severity in enumerate(severities)]
    assert [each.code for each in in_order(hints)] == ["h6", "h8", "h7", "h9"]


def test_names_beyond_three_are_counted():
    assert named(["a", "b"]) == '"a", "b"'
    assert named(list("abcde")) == '"a", "b", "c" and 2 more'


def test_a_detector_gives_the_same_hints_from_the_file_and_from_its_cache(tmp_path):
    path = write(dynamic_int8(), tmp_path / "model.onnx")
    expected = ModelCard.read(path, run=run_once).hints
    for _ in range(2):
        assert Detector(path, cache=tmp_path / "cache").card.hints == expected
    assert [each.code for each in expected] == ["dynamic_int8", "dynamic_int8_signed"]


def test_hints_survive_json(tmp_path):
    hints = ModelCard.read(write(nms_inside(), tmp_path / "model.onnx")).hints
    again = [Hint.from_dict(each) for each in json.loads(json.dumps([dataclasses.asdict(h) for h in hints]))]
    assert tuple(again) == hints


def test_what_a_hint_says_is_no_warning_as_well(tmp_path):
    card = ModelCard.read(write(nms_inside(), tmp_path / "model.onnx"), run=run_once)
    assert not any("NMS" in warning for warning in card.warnings)
