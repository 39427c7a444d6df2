"""The examples of docs/judge.md and docs/recipes.md are accepted, and do what the pages say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from lineside import Size
from lineside.core.plugins import own
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import KINDS, Judge, open_rule
from lineside.judge.recipe import Recipe
from lineside.judge.recipe_tables import RecipeDocument
from lineside.judge.rule import About
from lineside.testing.rules import seen

DOCS = Path(__file__).resolve().parents[3] / "docs"
PLANT = ("scratch", "dent", "missing_hole", "stain", "misprint", "crack")
NAMES = ("cap", "label", "hole", "scratch", "dent", "stain")
JUDGE, RECIPES = ((DOCS / name).read_text(encoding="utf-8") for name in ("judge.md", "recipes.md"))


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def about():
    from lineside.judge.calibration import CalibrationTable

    plane = CalibrationTable(mm_per_px=0.1).plane()
    return About(NAMES, ("top",), {"top": Size(height=480, width=640)}, {"top": plane})


@pytest.mark.parametrize("text", blocks(JUDGE, "toml"))
def test_the_rules_of_the_page_are_rules(text):
    rules = [open_rule(table, about()) for table in tomllib.loads(text)["rule"]]
    judge = Judge(rules, names=NAMES, cameras=["top"])
    assert judge([seen("top", NAMES, truncated=True)]).verdict is not Verdict.PASS


def test_the_page_tells_of_every_kind():
    for kind in own(KINDS):
        assert f"### `{kind}`" in JUDGE


def test_the_pages_code_runs(monkeypatch, tmp_path):
    (code,) = blocks(JUDGE, "python")
    made: dict[str, object] = {}
    exec(code, made)
    assert made["judge"].min_confidence == 0.4
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "discs.toml").write_text(blocks(RECIPES, "toml")[0])
    monkeypatch.chdir(tmp_path)
    exec(blocks(RECIPES, "python")[0], made)
    assert made["recipe"].title == "Discs, 40 mm"


def test_the_pages_recipe_judges_as_its_comments_say():
    recipe = Recipe.of(blocks(RECIPES, "toml")[0].encode(), Path("discs.toml"))
    assert recipe.codes == ("4711", "DISC-40")
    judge = recipe.judge(recipe.planned(PLANT), ["top"])

    def said(*found):
        return judge([seen("top", PLANT, *found)])

    assert said().verdict is Verdict.PASS
    assert said(("stain", 0.9, (100, 100, 120, 110))).verdict is Verdict.PASS
    assert said(("stain", 0.9, (100, 100, 140, 110))).verdict is Verdict.FAIL
    assert said(("stain", 0.9, (100, 100, 131, 110))).reason is Reason.MARGINAL
    assert said(("dent", 0.4, (100, 100, 140, 110))).reason is Reason.MARGINAL
    assert said(("dent", 0.6, (100, 100, 140, 110))).verdict is Verdict.FAIL


def test_the_stage_of_the_page_is_one():
    recipe, stage = blocks(RECIPES, "toml")[:2]
    head, tail = recipe.split("[[rule]]", 1)
    read = Recipe.of(f"{head}{stage}[[rule]]{tail}".encode(), Path("discs.toml"))
    plan = read.planned((*PLANT, "label"), {"label": ("ok", "torn")})
    assert plan.names[-2:] == ("label/ok", "label/torn")


def test_the_page_tells_of_every_table():
    for name, field in RecipeDocument.model_fields.items():
        key = field.alias or name
        assert re.search(rf"`\[*{key}(\.ID)?\]*`", RECIPES), key
