"""Where a recipe's rules look, for people."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from lineside.core.detections import Detections
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import View
from lineside.core.verdict import Reason
from lineside.judge.outlines import Outlines
from lineside.judge.recipe import Recipe
from lineside.judge.recipe_tables import RecipeDocument
from lineside.judge.rule import RuleTable

SIZE = Size(height=100, width=200)
NAMES = ("cap", "scratch")
RULES = [
    {
        "kind": "forbid",
        "classes": ["scratch"],
        "region": {"rectangle": [0.1, 0.1, 0.5, 0.5], "unit": "share"},
    },
    {"kind": "forbid", "classes": ["scratch"]},
    {
        "kind": "all_of",
        "inner": {
            "kind": "require",
            "classes": ["cap"],
            "cameras": ["side"],
            "region": {"rectangle": [0, 0, 10, 10]},
        },
    },
    {
        "kind": "forbid",
        "classes": ["scratch"],
        "region": {"rectangle": [0, 0, 20, 10], "anchor": {"class": "cap"}},
    },
]


def outlines():
    tables = [
        rule if rule["kind"] != "all_of" else {"kind": "combine", "all": [rule["inner"]]} for rule in RULES
    ]
    rules = tuple(RuleTable.read(table, f"caps.toml: rule[{n}]") for n, table in enumerate(tables))
    document = RecipeDocument.model_validate(
        {"schema": 1, "code": "1", "model": {"path": "caps.onnx"}, "rule": tables, "end": {}}
    )
    recipe = Recipe(
        name="caps",
        file=Path("caps.toml"),
        sha256=hashlib.sha256(b"").hexdigest(),
        codes=("1",),
        title="",
        document=document,
        rules=rules,
    )
    return Outlines(recipe, recipe.about(recipe.planned(NAMES, {}), ("top", "side")))


def seen(camera, *classes):
    count = len(classes)
    boxes = np.tile(np.array([[50, 20, 90, 60]], np.float32), (count, 1)).reshape(count, 4)
    found = Detections(boxes, np.full(count, 0.9, np.float32), np.array(classes, np.int32), NAMES, SIZE)
    return View(camera, frame=Frame(np.zeros((*SIZE, 3), np.uint8), camera, 0), detections=found)


def test_each_region_has_its_outline_in_the_views_that_its_rule_looks_at():
    top = dict(outlines()(seen("top", 0)))
    assert set(top) == {"rule[0]", "rule[3]"}
    np.testing.assert_allclose(top["rule[0]"], [(20, 10), (100, 10), (100, 50), (20, 50)])
    side = dict(outlines()(seen("side", 0)))
    assert set(side) == {"rule[0]", "rule[2].all[0]", "rule[3]"}


def test_a_region_whose_anchor_is_not_there_has_no_place():
    assert [name for name, _ in outlines()(seen("top"))] == ["rule[0]"]


def test_where_nothing_is_known_of_a_view_nothing_is_drawn():
    assert outlines()(View("top", reason=Reason.LATE, detail="late")) == ()
    assert list(outlines()(seen("back", 0))) == []
