"""Recipes on the command line: checked, shown, and used on pictures without a line."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from lineside.testing.graphs import GraphSpec, classification

SPOTS = '"red spot", "blue spot", "dark spot"'
RECIPE = """\
schema = 1
code = [12, "spots"]
title = "Plates"
[model]
path = "spots.onnx"
[[rule]]
kind = "count"
at_most = 3
min_confidence = 0.4
[[rule]]
kind = "forbid"
min_confidence = 0.4
region = { rectangle = [0, 0, 0.01, 0.01], unit = "share" }
[[golden]]
picture = "part-0.png"
verdict = "PASS"
[[golden]]
picture = "part-2.png"
verdict = "FAIL"
[end]
"""


@pytest.fixture
def recipe(plant, tmp_path):
    """A recipe beside its model and golden pictures, with 3, 0 and 5 spots."""
    for path in (plant.model, *plant.pictures):
        shutil.copy(path, tmp_path)
    file = tmp_path / "plates.toml"
    file.write_text(RECIPE)
    return file


def change(recipe, old, new):
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new, 1))


def test_each_picture_gets_its_verdict_with_its_grounds(cli, recipe, tmp_path):
    done = cli("judge", recipe, "part-0.png", "part-1.png", "part-2.png", "--json", "--save", "drawn", code=1)
    parts = json.loads(done.stdout)
    assert [one["verdict"] for one in parts] == ["PASS", "PASS", "FAIL"]
    assert "5 of objects, not 3 at most" in parts[2]["detail"]
    assert [len(one["views"][0]["detections"]) for one in parts] == [3, 0, 5]
    before, after = (
        cv2.imread(str(tmp_path / "part-2.png")),
        cv2.imread(str(tmp_path / "drawn" / "part-2.png")),
    )
    assert before.shape == after.shape
    assert (before != after).any()


def test_when_every_part_passes_the_exit_code_says_so(cli, recipe):
    done = cli("judge", recipe, "part-0.png", "part-1.png")
    assert "2 PASS, 0 FAIL, 0 UNKNOWN" in done.stdout


def test_a_picture_that_cannot_be_read_is_unknown_and_no_pass(cli, recipe, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "torn.png").write_bytes((tmp_path / "part-0.png").read_bytes()[:900])
    done = cli("judge", recipe, "bad", "part-1.png", "--json", code=1)
    first, second = json.loads(done.stdout)
    assert (first["verdict"], first["reason"]) == ("UNKNOWN", "image_unhealthy")
    assert second["verdict"] == "PASS"


def test_golden_pictures_are_compared_with_what_is_expected(cli, recipe):
    cli("judge", recipe, "--golden")
    change(recipe, "at_most = 3", "at_most = 2")
    done = cli("judge", recipe, "--golden", "--json", code=1)
    assert [one["as_expected"] for one in json.loads(done.stdout)] == [False, True]
    assert "1 not as expected" in cli("judge", recipe, "--golden", code=1).stdout


def test_a_missing_camera_is_unknown_and_two_together_pass(cli, recipe):
    change(recipe, "[end]", "[camera.top]\n[camera.side]\n[end]")
    assert "say which one" in cli("judge", recipe, "part-0.png", code=2).stderr
    cli("judge", recipe, "top=part-0.png,side=part-1.png")
    done = cli("judge", recipe, "top=part-0.png", "--json", code=1)
    (part,) = json.loads(done.stdout)
    assert (part["verdict"], part["reason"], part["detail"]) == ("UNKNOWN", "no_frame", "side: no view")
    assert 'no camera "tap"; did you mean "top"' in cli("judge", recipe, "tap=part-0.png", code=2).stderr


def test_a_second_model_looks_at_what_the_first_one_found(cli, recipe, tmp_path):
    spec = GraphSpec(classes=7, names=tuple("abcdefg"))
    (tmp_path / "kinds.onnx").write_bytes(classification(spec, ending="logits").SerializeToString())
    stage = f'[[stage]]\nname = "kind"\npath = "kinds.onnx"\non = [{SPOTS}]\nmin_confidence = 0.4\n\n[[rule]]'
    change(recipe, "[[rule]]", stage)
    kinds = ", ".join(f'"kind/{name}"' for name in "abcdefg")
    count = f'kind = "count"\nclasses = [{kinds}]\nat_least = 3\nmin_confidence = 0.1'
    change(recipe, 'kind = "count"\nat_most = 3\nmin_confidence = 0.4', count)
    done = cli("judge", recipe, "part-0.png", "part-1.png", "--json", code=1)
    some, none = json.loads(done.stdout)
    assert (some["verdict"], none["verdict"]) == ("PASS", "FAIL")
    found = some["views"][0]["detections"]
    spots = [one for one in found if not one["name"].startswith("kind/") and one["confidence"] > 0.4]
    kinds_of = [one for one in found if one["name"].startswith("kind/")]
    assert (len(spots), len(kinds_of)) == (3, 3 * 7)
    for spot in spots:  # its seven classes have its box, grown to whole pixels
        own = [one for one in kinds_of if np.allclose(one["xyxy"], spot["xyxy"], atol=1)]
        assert sum(one["confidence"] for one in own) == pytest.approx(1, abs=1e-3)


def test_the_plants_parts_are_judged_by_both_cameras_together(cli, recipe):
    change(recipe, "[end]", "[camera.top]\n[camera.side]\n[end]")
    change(recipe, "spots.onnx", "shipped:plant")
    change(recipe, "at_most = 3", "at_most = 0")
    parts = json.loads(cli("judge", recipe, "synthetic:disc?count=3&seed=3", "--json", code=1).stdout)
    assert [[view["camera"] for view in one["views"]] for one in parts] == [["top", "side"]] * 3
    assert [one["verdict"] for one in parts] == ["PASS", "FAIL", "PASS"]
    assert parts[1]["detail"].count("missing_hole") == 2
    done = cli("judge", recipe, "synthetic:disc?count=3&seed=3&camera=top", code=2)
    assert "say which one" in done.stderr


def test_pictures_are_adjusted_as_on_the_line_but_for_those_that_are_already(cli, recipe):
    change(
        recipe,
        "[end]",
        "[camera.top]\nadjust.crop = { left = 20, top = 10, width = 300, height = 300 }\n[end]",
    )
    (part,) = json.loads(cli("judge", recipe, "part-1.png", "--json").stdout)
    assert (part["views"][0]["width"], part["views"][0]["height"]) == (300, 300)
    (part,) = json.loads(cli("judge", recipe, "part-1.png", "--adjusted", "--json").stdout)
    assert part["views"][0]["width"] == 320
    cli("judge", recipe, "--golden")
    change(recipe, "left = 20", "left = 40")
    (part,) = json.loads(cli("judge", recipe, "part-0.png", "--json", code=1).stdout)
    assert part["verdict"] == "UNKNOWN"
    assert "crop" in part["detail"]
    change(recipe, "left = 40", "leftt = 40")
    told = cli("recipe", "check", recipe, code=2).stderr
    assert 'plates.toml: camera.top.adjust: crop.leftt: no such key; did you mean "left"' in told
    change(recipe, "leftt = 40", "left = 0")
    change(recipe, "[camera.top]", "[camera.top]\npicture = [320, 320]")
    assert (
        "expected the size of camera.top.picture, 320x320; got 300x300"
        in cli("recipe", "check", recipe, code=2).stderr
    )


def test_what_is_usual_in_pictures_is_checked_too(cli, recipe, tmp_path):
    change(recipe, "[end]", '[baseline.top]\nfile = "usual.json"\nhealth = { focus = 0.2 }\n[end]')
    assert "usual.json" in cli("recipe", "check", recipe, code=2).stderr
    change(recipe, 'file = "usual.json"\n', "")
    cli("recipe", "check", recipe)
    change(recipe, "focus = 0.2", "focuss = 0.2")
    assert (
        'baseline.top.health: focuss: no such key; did you mean "focus"'
        in cli("recipe", "check", recipe, code=2).stderr
    )


def test_pictures_or_golden_ones_and_nothing_else(cli, recipe):
    assert "--golden" in cli("judge", recipe, code=2).stderr
    assert "one of them" in cli("judge", recipe, "part-0.png", "--golden", code=2).stderr
    change(recipe, RECIPE[RECIPE.index("[[golden]]") : RECIPE.index("[end]")], "")
    assert "at least one table" in cli("judge", recipe, "--golden", code=2).stderr


def test_good_recipes_are_listed_and_every_fault_of_the_others_is_told(cli, recipe, tmp_path):
    assert "12, spots" in cli("recipe", "check", recipe).stdout
    folder = tmp_path / "recipes"
    folder.mkdir()
    for name in ("spots.onnx", "part-0.png", "part-2.png"):
        shutil.copy(tmp_path / name, folder)
    (folder / "a.toml").write_text(RECIPE)
    (folder / "b.toml").write_text(RECIPE)
    (folder / "c.toml").write_text(RECIPE.replace('[12, "spots"]', "13").replace("at_most", "at_mots"))
    classes = 'kind = "forbid"\nclasses = ["red sport"]'
    (folder / "d.toml").write_text(RECIPE.replace('[12, "spots"]', "14").replace('kind = "forbid"', classes))
    (folder / "e.toml").write_text(RECIPE.replace('[12, "spots"]', "15").replace("part-2", "part-9"))
    (folder / "f.toml").write_text(RECIPE.replace('[12, "spots"]', "16").replace("spots.onnx", "none.onnx"))
    done = cli("recipe", "check", folder, code=2)
    told = done.stderr.splitlines()
    assert len(told) == 5
    assert 'b.toml: code: "12" is that of a.toml already' in told[0]
    assert 'c.toml: rule[0]: at_mots: no such key; did you mean "at_most"' in told[1]
    assert 'd.toml: rule[1]: classes: the model has no class "red sport"; did you mean "red spot"' in told[2]
    assert "e.toml: golden[1]: expected a picture; there is no file" in told[3]
    assert "none.onnx" in told[4]
    assert "Plates" in done.stdout
    assert len(cli("recipe", "check", folder, "--no-models", code=2).stderr.splitlines()) == 3
    assert 'no camera "top"' not in cli("recipe", "check", recipe, "--cameras", "top,side").stderr


def test_a_recipe_is_shown_with_its_regions_drawn_into_its_golden_picture(cli, recipe, tmp_path):
    shown = cli("recipe", "show", recipe).stdout
    assert "rule[0]" in shown
    assert "at_most: 3" in shown
    change(recipe, "[0, 0, 0.01, 0.01]", "[0.25, 0.25, 0.75, 0.75]")
    cli("recipe", "show", recipe, "--save", "drawn")
    before, after = (
        cv2.imread(str(tmp_path / "part-0.png")),
        cv2.imread(str(tmp_path / "drawn" / "part-0.png")),
    )
    assert (after[80, 100:200] == 255).all()
    assert not (before[80, 100:200] == 255).all()
    anchored = '{ rectangle = [-1, -1, 1, 1], unit = "share", anchor = { class = "red spot" } }'
    change(recipe, '{ rectangle = [0.25, 0.25, 0.75, 0.75], unit = "share" }', anchored)
    done = cli("recipe", "show", recipe, "--picture", "part-1.png", "--save", "drawn")
    assert "notice: not drawn: camera: rule[1]: there is no red spot" in done.stderr


def test_a_checkerboard_becomes_a_calibration_that_a_recipe_takes(cli, recipe, tmp_path):
    squares = np.kron(np.indices((6, 8)).sum(axis=0) % 2, np.ones((30, 30))) * 200 + 30
    cv2.imwrite(str(tmp_path / "board.png"), np.pad(squares, 40, constant_values=230).astype(np.uint8))
    table = cli("recipe", "calibrate", "board.png", "--columns", 7, "--rows", 5, "--square-mm", 3).stdout
    change(recipe, "[end]", f"[camera.top.calibration]\n{table}\n[end]")
    cli("recipe", "check", recipe)
    done = cli("recipe", "calibrate", "part-1.png", "--columns", 7, "--rows", 5, "--square-mm", 3, code=2)
    assert "no checkerboard" in done.stderr
