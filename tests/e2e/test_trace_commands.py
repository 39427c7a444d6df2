"""`lineside verify` and `lineside replay` on the trace of parts that a real model judged."""

from __future__ import annotations

import json
import shutil
import time

import cv2
import onnx
import pytest

from lineside.cli.recipe_models import RecipeModels
from lineside.core.frame import Frame
from lineside.core.inspection import Inspection
from lineside.core.verdict import Reason, Verdict
from lineside.evaluation.dataset import open_dataset
from lineside.judge.recipe import Recipe
from lineside.outputs.keeping import Keep
from lineside.outputs.trace.late import Late
from lineside.outputs.trace.segments import segment_files
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.trace.writer import TraceWriter
from peers import until

RECIPE = """\
schema = 1
code = [12]
[model]
path = "spots.onnx"
[[rule]]
kind = "count"
at_most = 3
min_confidence = 0.4
[end]
"""
SPOTS = (3, 0, 5)


@pytest.fixture
def trace(plant, tmp_path, cache, monkeypatch):
    """Six parts: their spots are 3, 0, 5, 3, 0, 5; the last came too late. Its model and recipe lie in `line/`."""
    monkeypatch.setenv("LINESIDE_CACHE", str(cache))
    return traced(plant, tmp_path, RECIPE)


def traced(plant, tmp_path, text, *, days=1, **limits):
    """A trace of so many days, with a run of six parts each; it begins two days before now."""
    home = tmp_path / "line"
    home.mkdir()
    shutil.copy(plant.model, home)
    (home / "plates.toml").write_text(text)
    recipe = Recipe.read(home / "plates.toml")
    models = RecipeModels.opened(recipe)
    about = {
        "line": "plates",
        "run": "r1",
        "model": {
            "path": recipe.model_path,
            "sha256": models.first.card.sha256,
            "names": list(models.first.names),
        },
        "recipe": {"name": recipe.name, "sha256": recipe.sha256, "file": str(recipe.file)},
    }
    settings = TraceSettings(keep=Keep(format="png", annotated=False, every=1), min_free_bytes=0, **limits)
    for day in range(days):
        at_s = time.time() + (day - 2) * 86_400
        told = about | {"run": f"r{day + 1}"}
        with TraceWriter(tmp_path / "trace", told, settings=settings, wall=lambda at_s=at_s: at_s) as writer:
            write_parts(writer, plant, models)
            if day:  # retention follows the parts
                assert until(
                    lambda day=day: (
                        len(segment_files(tmp_path / "trace")) <= (settings.record_days or day + 1)
                    )
                )
    return tmp_path / "trace"


def write_parts(writer, plant, models):
    for part in range(6):
        image = cv2.imread(str(plant.pictures[part % 3]))
        view = models.view("camera", Frame(image, "camera", part, part=part))
        said = models.judge([view])
        verdict, reason, detail = said.verdict, said.reason, said.detail
        if part == 5:
            verdict, reason, detail = Verdict.UNKNOWN, Reason.LATE, "too late"
        inspection = Inspection(part, verdict, reason, detail, (view,), 1.0, 1.01, 2.0)
        assert writer.append(inspection, {"serial": f"S{part}"})
    writer.append_late(Late(5, "camera", "", view.detections, "cpu", 0.04, None, "S5", "UNKNOWN (late)"))


def test_a_sound_trace_is_told_so_and_a_changed_record_is_named(cli, trace):
    assert "the trace is sound" in cli("verify", trace).stdout
    (segment,) = segment_files(trace)
    segment.write_bytes(segment.read_bytes().replace(b'"verdict":"FAIL"', b'"verdict":"PASS"', 1))
    done = cli("verify", trace, code=1)
    assert "NOT sound" in done.stdout
    told = json.loads(cli("verify", trace, "--json", code=1).stdout)
    (finding,) = told["findings"]
    assert (finding["fault"], finding["segment"], finding["line"], finding["part"]) == (
        "changed",
        segment.name,
        4,
        2,
    )
    assert str(finding["line"]) in done.stdout


def test_what_was_seen_too_late_explains_the_part_afterwards(cli, trace):
    assert "6 parts, 1 late results" in cli("verify", trace).stdout
    assert (
        "part 5, camera: 5 objects were seen 40 ms after its answer, UNKNOWN (late)"
        in cli("replay", trace, "S5").stdout
    )
    (late,) = json.loads(cli("replay", trace, "all", "--json").stdout)["late"]
    assert (late["part"], late["serial"], len(late["detections"])) == (5, "S5", 5)
    assert json.loads(cli("replay", trace, "S1", "--json").stdout)["late"] == []


def test_a_span_and_the_pictures_can_be_left_out(cli, trace):
    for picture in (trace / "pictures").rglob("*.png"):
        picture.unlink()
    assert "picture missing" in cli("verify", trace, code=1).stdout
    cli("verify", trace, "--no-pictures")
    assert json.loads(cli("verify", trace, "--from", "2999-01-01", "--json").stdout)["records"] == 0
    assert (
        "--from: expected a day or moment as 2026-11-28"
        in cli("verify", trace, "--from", "today", code=2).stderr
    )


def test_what_is_no_trace_is_refused(cli, tmp_path):
    assert "expected the folder of a trace" in cli("verify", tmp_path, code=4).stderr
    assert "expected the folder of a trace" in cli("replay", tmp_path, "all", code=4).stderr


def test_the_same_model_judges_every_part_the_same(cli, trace):
    told = json.loads(cli("replay", trace, "all", "--json").stdout)
    assert [one["now"]["verdict"] for one in told["parts"]] == ["PASS", "PASS", "FAIL"] * 2
    assert [one["comparable"] for one in told["parts"]] == [True] * 5 + [False]
    assert not any(one["differs"] for one in told["parts"])
    assert all(
        view == {"camera": "camera", "lost": 0, "gained": 0, "most": 0.0}
        for one in told["parts"]
        for view in one["views"]
    )
    shown = cli("replay", trace, "all").stdout
    assert "0 of 6 parts are judged otherwise" in shown
    assert "1 were not judged by their pictures then" in shown


def test_pictures_that_the_recipe_had_cropped_are_not_cropped_again(cli, plant, tmp_path, cache, monkeypatch):
    monkeypatch.setenv("LINESIDE_CACHE", str(cache))
    crop = "[camera.camera]\nadjust.crop = { left = 20, top = 10, width = 290, height = 300 }\n[end]"
    trace = traced(plant, tmp_path, RECIPE.replace("[end]", crop))
    told = json.loads(cli("replay", trace, "0..4", "--json").stdout)
    changes = [view for one in told["parts"] for view in one["views"]]
    assert len(changes) == 5
    assert all((c["lost"], c["gained"], c["most"]) == (0, 0, 0.0) for c in changes)


def test_another_recipe_shows_what_it_would_have_changed(cli, trace, tmp_path):
    (tmp_path / "line" / "looser.toml").write_text(RECIPE.replace("at_most = 3", "at_most = 5"))
    done = cli("replay", trace, "all", "--recipe", "line/looser.toml", "--save", "otherwise", code=1)
    assert "1 of 6 parts are judged otherwise" in done.stdout
    (picture,) = (tmp_path / "otherwise").iterdir()
    assert picture.name == "000002-camera.png"
    told = json.loads(cli("replay", trace, "S2", "--recipe", "line/looser.toml", "--json", code=1).stdout)
    (part,) = told["parts"]
    assert (part["was"]["verdict"], part["now"]["verdict"], part["serial"]) == ("FAIL", "PASS", "S2")


def test_a_model_that_is_another_file_now_takes_consent(cli, trace, tmp_path):
    path = tmp_path / "line" / "spots.onnx"
    model = onnx.load(path)
    model.doc_string = "made anew"
    onnx.save(model, path)
    assert "it is not the model that was recorded" in cli("replay", trace, "0..2", code=2).stderr
    assert "0 of 3 parts" in cli("replay", trace, "0..2", "--model", path).stdout


def test_pictures_that_are_not_those_that_were_judged_are_refused(cli, trace):
    files = sorted((trace / "pictures").rglob("*.png"))
    shutil.copy(files[0], files[1])
    assert "not the picture that was recorded" in cli("replay", trace, "all", code=2).stderr
    for file in files:
        file.unlink()
    assert "the picture is gone" in cli("replay", trace, "all", code=2).stderr


def test_a_recipe_that_the_trace_does_not_keep_must_be_named(cli, trace):
    for kept in (trace / "recipes").iterdir():
        kept.unlink()
    assert "--recipe" in cli("replay", trace, "0", code=2).stderr
    cli("replay", trace, "0", "--recipe", "line/plates.toml")


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_doubtful_pictures_are_a_data_set_that_can_be_read(cli, trace, tmp_path, form):
    done = cli(
        "replay", trace, "all", "--export", "doubtful", "--form", form, "--threshold", 1, "--margin", 0.9
    )
    assert "2 pictures to look at" in done.stdout, (
        "the same picture is there once, and those without objects are not doubtful"
    )
    place = tmp_path / "doubtful"
    data = open_dataset(place / "annotations.json" if form == "coco" else place)
    assert sorted(len(one.truth.class_index) for one in data.pictures) == [3, 5]
    assert data.names[:1] == ("red spot",)
    assert (
        "expected an empty folder"
        in cli(
            "replay", trace, "all", "--export", "doubtful", "--margin", 0.9, "--threshold", 1, code=4
        ).stderr
    )


def test_what_is_judged_otherwise_by_another_recipe_can_be_exported(cli, trace, tmp_path):
    (tmp_path / "line" / "looser.toml").write_text(RECIPE.replace("at_most = 3", "at_most = 5"))
    cli("replay", trace, "all", "--recipe", "line/looser.toml", "--export", "other", "--margin", 0, code=1)
    told = json.loads((tmp_path / "other" / "annotations.json").read_text())
    assert [image["reasons"] for image in told["images"]] == [["judged otherwise now"]]
    assert (
        "none of 6 parts with pictures is doubtful"
        in cli("replay", trace, "all", "--export", "no", "--margin", 0, code=2).stderr
    )


def test_a_trace_whose_old_records_went_is_verified_replayed_and_exported(
    cli, plant, tmp_path, cache, monkeypatch
):
    monkeypatch.setenv("LINESIDE_CACHE", str(cache))
    trace = traced(plant, tmp_path, RECIPE, days=4, record_days=2)
    assert len(list((trace / "pictures").iterdir())) == 2
    done = cli("verify", trace)
    assert "12 parts, 2 late results" in done.stdout
    assert "were removed by retention" in done.stdout
    told = json.loads(cli("verify", trace, "--json").stdout)
    assert told["retired"] == told["first"] > 0
    parts = json.loads(cli("replay", trace, "all", "--json").stdout)["parts"]
    assert [one["now"]["verdict"] for one in parts] == ["PASS", "PASS", "FAIL"] * 4
    assert "begins with record" in cli("replay", trace, "all", "--run", "r1", code=2).stderr
    assert "pictures to look at" in cli("replay", trace, "all", "--export", "doubtful", "--margin", 1).stdout
    segment_files(trace)[0].unlink()
    done = cli("verify", trace, code=1)
    assert "missing" in done.stdout
    assert "were removed by retention" not in done.stdout
