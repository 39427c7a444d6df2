"""`lineside study` as its user calls it."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

RECIPE = """\
schema = 1
code = "spots"
[model]
path = "spots.onnx"
[[rule]]
kind = "count"
at_most = 3
min_confidence = 0.4
[camera.top]
calibration = { mm_per_px = 0.1 }
[end]
"""
LINE = """
schema = 1
[line]
name = "caps"
deadline_ms = 20000
parts_per_minute = 1200
[[camera]]
id = "top"
source = "folder:{folder}"
features = {{ play = "loop" }}
health = {{ enabled = false }}
trigger = "software"
timeout_s = 60.0
[model]
path = "spots.onnx"
[[rule]]
kind = "count"
at_most = 3
min_confidence = 0.4
"""


@pytest.fixture
def recipe(plant, tmp_path):
    for path in (plant.model, *plant.pictures):
        shutil.copy(path, tmp_path)
    (tmp_path / "plates.toml").write_text(RECIPE)
    return "plates.toml"


@pytest.fixture
def line(recipe, tmp_path):
    def write(*pictures):
        (tmp_path / "taken").mkdir()
        for name in pictures:
            shutil.copy(tmp_path / name, tmp_path / "taken")
        (tmp_path / "line.toml").write_text(LINE.format(folder=tmp_path / "taken"))
        return "line.toml"

    return write


def test_a_picture_that_is_judged_again_and_again_agrees_and_does_not_spread(cli, recipe, tmp_path):
    done = cli("study", recipe, "part-0.png", "part-2.png", "--times", 5, "--json", "--plot", "study.svg")
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert [(part["looks"], part["verdicts"][0]["verdict"]) for part in told["parts"]] == [
        (5, "PASS"),
        (5, "FAIL"),
    ]
    assert [len(part["objects"]) for part in told["parts"]] == [3, 5]
    for one in (one for part in told["parts"] for one in part["objects"]):
        assert one["seen"] == 5
        assert {edge["std"] for edge in one["edges_px"].values()} == {0}
        assert one["sides_mm"]["width"]["mean"] == pytest.approx(
            one["sides_px"]["width"]["mean"] / 10, rel=1e-3
        )
    assert "part-0.png: 5 of 5 looks agree" in (tmp_path / "study.svg").read_text()


def test_takes_of_one_part_spread_as_they_were_moved(cli, recipe, tmp_path):
    picture = cv2.imread(str(tmp_path / "part-0.png"))
    for number in range(6):
        moved = np.roll(picture, number, axis=1)
        cv2.imwrite(str(tmp_path / f"take-{number}.png"), moved)
    arguments = ("study", recipe, "take-*.png", "--takes", "--tolerance", 4, "--unit", "mm")
    (part,) = json.loads(cli(*arguments, "--json").stdout)["parts"]
    assert part["looks"] == 6
    for one in part["objects"]:
        assert one["seen"] == 6
        assert one["edges_px"]["left"]["std"] == pytest.approx(np.std(range(6), ddof=1), abs=0.5)
        assert one["edges_std_mm"]["left"] == pytest.approx(np.std(range(6), ddof=1) / 10, abs=0.05)
        assert one["cg"]["width"] > 0.2 * 4 / 6  # its width moves less than its edges
    table = cli(*arguments).stdout
    assert "6 PASS; 100.0% agree, at least 60.7% with 95 % sureness" in table
    assert "Cg of width, height" in table


def test_takes_with_other_verdicts_are_exit_1(cli, recipe):
    done = cli("study", recipe, "part-0.png", "part-2.png", "--takes", "--json", code=1)
    (part,) = json.loads(done.stdout)["parts"]
    assert part["is_repeatable"] is False
    assert part["agreement"] == 0.5


def test_a_line_judges_the_part_that_lies_in_it(cli, line):
    told = json.loads(cli("study", line("part-0.png"), "--times", 8, "--json").stdout)
    assert told["faults"] == []
    (part,) = told["parts"]
    assert (part["looks"], part["agreement"], len(part["objects"])) == (8, 1, 3)


def test_a_line_whose_parts_are_not_the_same_is_exit_1(cli, line):
    told = json.loads(cli("study", line("part-0.png", "part-2.png"), "--times", 6, "--json", code=1).stdout)
    assert {one["verdict"]: one["looks"] for one in told["parts"][0]["verdicts"]} == {"PASS": 3, "FAIL": 3}


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("plates.toml",), "expected pictures"),
        (("plates.toml", "part-0.png", "--parts", 2), "no --parts"),
        (("line.toml", "part-0.png"), "expected no pictures"),
        (("nowhere.toml", "part-0.png"), "nowhere.toml"),
        (("plates.toml", "nowhere.png"), "nowhere.png"),
    ],
)
def test_what_does_not_go_together_is_exit_2(cli, line, arguments, hint):
    line("part-0.png")
    assert hint in cli("study", *arguments, code=2).stderr
