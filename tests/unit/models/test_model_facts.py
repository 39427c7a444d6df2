from __future__ import annotations

import json
import re
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from contracts.graph_edits import opaque, write
from lineside.core import plugins
from lineside.core.errors import ConventionError, LinesideError, SettingsError, UnknownNameError
from lineside.core.geometry import Fit, Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts, parse_names, parse_size
from lineside.models.recognise import PACKAGE, family
from lineside.models.spec import Conventions
from lineside.testing.graphs import GraphSpec, anchor_free, yolox

EVERY_KEY = """
family = "yolo11"
names = ["bolt", "nut", "washer"]
size = "160x128"
colour = "bgr"
scale = 1
mean = [0.485, 0.456, 0.406]
deviation = [0.229, 0.224, 0.225]
anchor = "corner"
rounding = "floor"
gain = "single"
pad_value = 0
[inputs]
"""


@pytest.fixture
def model(tmp_path):
    return write(anchor_free(), tmp_path / "best.onnx")


def test_a_file_beside_the_model_may_set_every_key(model):
    model.with_suffix(".toml").write_text(EVERY_KEY, encoding="utf-8")
    facts = ModelFacts.beside(model)
    unset = {field.name for field in fields(facts) if getattr(facts, field.name) is None}
    assert unset == {"anchors"}  # this head has none
    card = ModelCard.read(model, run=run_once)
    assert (card.family, card.names, card.names_from) == ("yolov8", ("bolt", "nut", "washer"), "by hand")
    fit = Fit(anchor="corner", rounding="floor", gain="single", pad_value=0)
    assert card.conventions == Conventions(
        colour="bgr", scale=1.0, fit=fit, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)
    )
    assert "family set by hand: yolo11" in card.evidence


def test_without_a_file_nothing_is_set(model):
    assert ModelFacts.beside(model) == ModelFacts()


def test_only_the_file_of_the_same_name_counts(model):
    (model.parent / "other.toml").write_text("colour = 'bgr'")
    (model.parent / "best.v2.toml").write_text("colour = 'bgr'")
    assert ModelFacts.beside(model) == ModelFacts()
    assert ModelFacts.beside(model.parent / "best.v2.onnx").colour == "bgr"


def test_arguments_go_before_the_file(model):
    model.with_suffix(".toml").write_text("colour = 'bgr'\npad_value = 0\n")
    card = ModelCard.read(model, facts=ModelFacts(colour="rgb"), run=run_once)
    assert (card.conventions.colour, card.conventions.fit.pad_value) == ("rgb", 0)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ('familly = "yolov8"', ['unknown key "familly"', 'did you mean "family"']),
        ('color = "bgr"', ['unknown key "color"', '"colour"']),
        ("classes = 3", ['unknown key "classes"']),
        ('family = "yolov88"', ['family: unknown "yolov88"', '"yolov8"']),
        ('family = "resnet"', ['family: unknown "resnet"', "known: classifier, ", "in all)"]),
        ("family = 8", ["family: expected a name", "8"]),
        ('names = "bolt, nut"', ["names: expected a list of strings", "bolt, nut"]),
        ("names = [1, 2]", ["names: expected a list of strings"]),
        ("names = []", ["names: expected at least one class name"]),
        ('names = ["bolt", ""]', ["names: expected a list of strings, none of them empty"]),
        ('names = ["bolt", "nut", "bolt"]', ["names: ", "twice: bolt"]),
        ("size = true", ["size: expected 640 or", "True"]),
        ("size = [640, 480]", ["size: expected 640 or"]),
        ("size = 0", ["size: ", "at least 1 px"]),
        ('size = "640x"', ["size: ", "640x480"]),
        ('size = "wide"', ["size: ", "wide"]),
        ('colour = "gbr"', ["colour: expected one of rgb, bgr", "'gbr'"]),
        ("colour = 1", ["colour: expected one of rgb, bgr"]),
        ("scale = 0", ["scale: ", "255 or 1"]),
        ("scale = -255", ["scale: "]),
        ("scale = nan", ["scale: "]),
        ("scale = inf", ["scale: "]),
        ('scale = "255"', ["scale: ", "'255'"]),
        ("scale = true", ["scale: "]),
        ("mean = 0.5", ["mean: expected a list of three numbers", "0.5"]),
        ("mean = [0.5, 0.5]", ["mean: expected a list of three numbers"]),
        ('mean = [0.5, 0.5, "0.5"]', ["mean: expected a list of three numbers"]),
        ("mean = [0.5, nan, 0.5]", ["mean: expected a list of three numbers"]),
        ("deviation = [0.2, 0.2, 0]", ["deviation: expected a list of three numbers above 0"]),
        ("deviation = [0.2, 0.2, true]", ["deviation: expected a list of three numbers above 0"]),
        ('anchor = "center"', ["anchor: expected one of centre, corner, stretch, crop"]),
        ('rounding = "ceil"', ["rounding: expected one of round, floor"]),
        ('gain = "double"', ["gain: expected one of per_axis, single"]),
        ("pad_value = 256", ["pad_value: expected a whole number from 0 to 255", "256"]),
        ("pad_value = -1", ["pad_value: "]),
        ("pad_value = 114.0", ["pad_value: "]),
        ("pad_value = false", ["pad_value: "]),
        ("[family]\nname = 'yolov8'", ["family: expected a name"]),
        ("family = ", ["not a TOML file"]),
        ("names = ['a'\nsize = 3", ["not a TOML file"]),
    ],
)
def test_a_wrong_key_is_named_with_its_file(line, parts, model):
    path = model.with_suffix(".toml")
    path.write_text(line, encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        ModelCard.read(model, run=run_once)
    assert str(refusal.value).startswith(f"{path}: ")
    assert all(part in str(refusal.value) for part in parts)


def test_a_wrong_name_keeps_its_class(model):
    model.with_suffix(".toml").write_text('family = "yolov88"')
    with pytest.raises(UnknownNameError):
        ModelFacts.beside(model)


def test_a_file_that_is_no_text_is_refused(model):
    model.with_suffix(".toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not a TOML file"):
        ModelFacts.beside(model)


def test_values_that_fit_only_another_model_are_refused_by_the_model(model):
    for text, error, part in (
        ("names = ['a', 'b']", ConventionError, "2 class names (by hand), but the head has 3 classes"),
        ("size = 640", ConventionError, "size 640x640 set by hand, but the file fixes its input at 160x128"),
        ("family = 'yolox'", ConventionError, "set by hand as yolox, but the graph contradicts it"),
    ):
        model.with_suffix(".toml").write_text(text)
        with pytest.raises(error) as refusal:
            ModelCard.read(model, run=run_once)
        assert part in str(refusal.value)


def test_the_family_of_an_ambiguous_graph_can_be_set_in_the_file(tmp_path):
    path = write(opaque(anchor_free(GraphSpec(metadata=False))), tmp_path / "best.onnx")
    with pytest.raises(LinesideError, match=r"family = in the .toml|--family"):
        ModelCard.read(path, run=run_once)
    path.with_suffix(".toml").write_text('family = "yolo12"')
    card = ModelCard.read(path, run=run_once)
    assert (card.family, card.sureness) == ("yolov8", 1.0)


def test_python_values_are_checked_the_same():
    assert ModelFacts(names=["a", "b"]).names == ("a", "b")
    assert ModelFacts(size=640).size == ModelFacts(size="640").size == Size(640, 640)
    assert ModelFacts(scale=1).scale == 1.0
    for wrong in (
        {"names": "ab"},
        {"size": (640, 480)},
        {"scale": "255"},
        {"pad_value": 1.5},
        {"colour": "RGB"},
    ):
        with pytest.raises(SettingsError):
            ModelFacts(**wrong)


def test_facts_survive_json():
    facts = ModelFacts(family="yolov8", names=("a",), size=Size(64, 96))
    assert json.loads(json.dumps(asdict(facts)))["size"] == [64, 96]


@pytest.mark.parametrize(
    ("text", "size"), [("640", Size(640, 640)), ("640x480", Size(480, 640)), ("640X480", Size(480, 640))]
)
def test_a_size_is_width_then_height(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "640x", "x480", "640x480x3", "6.4", "-640", "²", "٣", "9" * 5000, "640 480"]
)
def test_another_size_is_refused(text):
    with pytest.raises(SettingsError, match="size: expected a number or WIDTHxHEIGHT"):
        parse_size(text)


def test_names_come_from_a_list_or_a_file(tmp_path):
    assert parse_names("bolt, nut ,washer,") == ("bolt", "nut", "washer")
    assert parse_names("bolt") == ("bolt",)
    for name in ("names.txt", "parts.names"):
        (tmp_path / name).write_text("bolt\n\n nut, big \n", encoding="utf-8")
        assert parse_names(str(tmp_path / name)) == ("bolt", "nut, big")


def test_names_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "latin.txt").write_bytes("Größe".encode("latin-1"))
    (tmp_path / "empty.txt").write_text("\n")
    for text in (
        str(tmp_path / "missing.txt"),
        str(tmp_path / "latin.txt"),
        str(tmp_path / "empty.txt"),
        " , ,",
    ):
        with pytest.raises(SettingsError, match="names: "):
            parse_names(text)


def test_conventions_lie_over_the_familys_habit(tmp_path):
    path = write(yolox(), tmp_path / "best.onnx")
    card = ModelCard.read(path, facts=ModelFacts(colour="rgb", scale=255), run=run_once)
    habit = Fit(anchor="corner", rounding="floor", gain="single", pad_value=114)
    assert card.conventions == Conventions(colour="rgb", scale=255.0, fit=habit)


PAGE = Path(__file__).parents[3] / "docs" / "models.md"


def test_the_page_shows_every_key(tmp_path):
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL).group(1)
    (tmp_path / "best.toml").write_text(example, encoding="utf-8")
    facts = ModelFacts.beside(tmp_path / "best.onnx")
    assert facts.size == Size(height=480, width=640)
    assert all(getattr(facts, field.name) is not None for field in fields(facts))


@pytest.mark.parametrize("name", plugins.names(PACKAGE))
def test_the_page_names_every_family_with_its_aliases(name):
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` | ")
    ]
    assert len(rows) >= 2
    assert set(re.findall("`([^`]+)`", rows[-1])) == {name, *family(name).ALIASES}


def test_a_recipe_with_the_models_name_is_told_as_what_it_is(tmp_path):
    (tmp_path / "spots.toml").write_text('schema = 1\ncode = "a"\n[model]\npath = "spots.onnx"\n[end]\n')
    with pytest.raises(SettingsError, match=r"spots.toml: expected facts about spots.onnx.*it is a recipe"):
        ModelFacts.beside(tmp_path / "spots.onnx")
