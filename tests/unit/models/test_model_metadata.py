from __future__ import annotations

import json

import pytest

from contracts.graph_edits import with_metadata, write
from lineside.core.errors import ConventionError, TaskNotBuiltError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.metadata import Metadata
from lineside.testing.graphs import GraphSpec, anchor_free, super_resolution

MODEL = anchor_free(GraphSpec(metadata=False))
NAMES = ("bolt", "nut", "Größe 8 'x'")


def _of(**entries) -> Metadata:
    return Metadata.of(with_metadata(MODEL, **entries))


@pytest.mark.parametrize(
    "text",
    [
        str(dict(enumerate(NAMES))),
        str(list(NAMES)),
        str(NAMES),
        json.dumps(NAMES),
        json.dumps({str(i): name for i, name in enumerate(NAMES)}),
        json.dumps(dict(enumerate(NAMES)), ensure_ascii=False, indent=2),
        str({2: NAMES[2], 0: NAMES[0], 1: NAMES[1]}),
        str({"1": NAMES[1], "2": NAMES[2], "0": NAMES[0]}),
        str({name: i for i, name in enumerate(NAMES)}),
        json.dumps([{"id": i, "name": name, "colour": "red"} for i, name in reversed([*enumerate(NAMES)])]),
        "\n".join(NAMES) + "\n",
        "\r\n".join(NAMES),
        ", ".join(NAMES),
    ],
)
def test_names_are_read_however_they_are_written(text, tmp_path):
    hints = _of(names=text)
    assert (hints.names, hints.warnings) == (NAMES, ())
    card = ModelCard.read(write(with_metadata(MODEL, names=text), tmp_path / "model.onnx"), run=run_once)
    assert (card.names, card.names_from) == (NAMES, "metadata")


def test_numbers_may_be_names():
    assert _of(names="{0: 4, 1: 5.5}").names == ("4", "5.5")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bolt",
        "bolt,,nut",
        "bolt\n\nnut",
        "[]",
        "{}",
        "3",
        "null",
        "{0: 'a'",
        "{0: 'a', 1: 'b'",
        "{'a': 'b'}",
        "{'a': 0, 'b': 0}",
        "{'0': 'a', 0: 'b'}",
        "[{'id': 0, 'label': 'a'}]",
        "{-1: 'a'}",
        "{1.5: 'a'}",
        "{True: 'a'}",
        "{999999: 'a'}",
        "{[]: 'a'}",
        "[['a'], ['b']]",
        "[null]",
        "__import__('os').getcwd()",
        "[" * 100_000,
        "(" * 3_000,
        "9" * 10_000,
        "\0",
        "a" * 2_000_000,
    ],
)
def test_names_that_cannot_be_read_are_no_names(text):
    hints = _of(names=text)
    assert hints.names is None
    assert hints.warnings == ("the metadata's class names cannot be read; the classes are numbered",)


def test_a_class_without_a_name_is_called_by_its_number():
    hints = _of(names="{0: 'bolt', 2: 'nut'}")
    assert hints.names == ("bolt", "class 1", "nut")
    assert "names no class 1" in hints.warnings[0]


def test_a_name_of_two_classes_is_told():
    hints = _of(names="['bolt', 'nut', 'bolt']")
    assert hints.names == ("bolt", "nut", "bolt")
    assert 'more than one class "bolt"' in hints.warnings[0]


@pytest.mark.parametrize(
    "key", ["class_names", "classes", "labels", "model.names", "id2label", "categories", "character"]
)
def test_names_stand_under_other_keys_too(key):
    assert _of(**{key: json.dumps(NAMES)}).names == NAMES
    assert _of(**{key: "bolt\nnut"}).names == ("bolt", "nut")


def test_what_is_called_names_goes_before_other_keys():
    assert _of(labels="['a', 'b']", names="['bolt', 'nut']").names == ("bolt", "nut")
    assert _of(labels="['a', 'b']", names="3").names == ("a", "b")


@pytest.mark.parametrize("text", ["80", "coco.txt", "{'count': 3.0}"])
def test_another_key_that_holds_no_names_is_no_fault(text):
    assert _of(classes=text) == Metadata(None, None, None, None, "", ())


def test_a_class_with_an_empty_name_is_called_by_its_number():
    hints = _of(names="['bolt', '', '  ', 'nut']")
    assert hints.names == ("bolt", "class 1", "class 2", "nut")
    assert hints.warnings == ("the metadata names no class 1, 2; they are called by their numbers",)


def test_many_missing_names_are_counted():
    assert "no class 0, 1, 2, 3, 4, … (99 in all);" in _of(names="{99: 'bolt'}").warnings[0]


def test_what_would_disturb_a_screen_is_left_out_of_a_name():
    hints = _of(names=json.dumps(["bolt\x1b[31m", "\u202enut", "two\nlines", " washer\r"]))
    assert hints.names == ("bolt [31m", "nut", "two lines", "washer")
    assert hints.warnings == (
        "the metadata's class names hold characters that cannot be shown; they are left out",
    )


@pytest.mark.parametrize("name", ["螺栓", "नट\u200dक", "🔩", "Größe ½"])
def test_names_of_any_script_stay_as_they_are(name):
    hints = _of(names=json.dumps([name]))
    assert (hints.names, hints.warnings) == ((name,), ())


def test_names_counted_from_one_are_refused_with_the_reason(tmp_path):
    model = with_metadata(MODEL, names="{1: 'bolt', 2: 'nut', 3: 'washer'}")
    with pytest.raises(ConventionError, match=r"4 class names .* has 3 classes; .* names no class 0"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)


@pytest.mark.parametrize("names", [("bolt", "nut"), ("bolt", "nut", "washer", "rivet")])
def test_another_number_of_names_by_hand_is_refused_with_both_numbers(names, tmp_path):
    path = write(MODEL, tmp_path / "model.onnx")
    with pytest.raises(ConventionError, match=rf"{len(names)} class names \(by hand\), but the head has 3"):
        ModelCard.read(path, facts=ModelFacts(names=names), run=run_once)


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        ("[128, 160]", (128, 160)),
        ("(128, 160)", (128, 160)),
        ("640", (640, 640)),
        ("true", None),
        ("[true, 3]", None),
        ("[128]", None),
        ("[128, 160, 3]", None),
        ("[0, 160]", None),
        ("-1", None),
        ("[128.0, 160]", None),
        ("wide", None),
        ("", None),
    ],
)
def test_a_size_is_one_or_two_whole_numbers(entry, size):
    assert _of(imgsz=entry).size == size


@pytest.mark.parametrize(
    ("entry", "stride"), [("32", 32), ("[8]", None), ("32.0", None), ("", None), ("³", None)]
)
def test_a_stride_is_a_whole_number(entry, stride):
    assert _of(stride=entry).stride == stride


def test_a_long_description_is_cut():
    assert _of(description="x" * 1000).description == "x" * 200
    model = with_metadata(MODEL)
    model.doc_string = "of the graph"
    assert Metadata.of(model).description == "of the graph"
    assert Metadata.of(MODEL) == Metadata(None, None, None, None, "", ())


@pytest.mark.parametrize("count", [1, 2, 4, 80])
def test_another_number_of_names_is_refused(count, tmp_path):
    model = with_metadata(MODEL, names=str([f"part {i}" for i in range(count)]))
    with pytest.raises(ConventionError) as refusal:
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert f"{count} class names (metadata), but the head has 3 classes" in str(refusal.value)
    assert "--names" in str(refusal.value)


def test_metadata_that_contradicts_the_graph_is_told(tmp_path):
    model = with_metadata(MODEL, imgsz="[640, 640]", task="segment")
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    texts = " ".join(card.warnings)
    assert "the metadata says 640x640, the graph takes 160x128; the graph rules" in texts
    assert 'the metadata says task "segment", the head answers "detect"; the head rules' in texts
    assert "the file names no classes; they are numbered" in texts
    assert card.names == ("class 0", "class 1", "class 2")


def test_a_head_that_nobody_knows_is_called_by_the_task_of_its_metadata(tmp_path):
    path = write(with_metadata(super_resolution(), task="depth"), tmp_path / "model.onnx")
    with pytest.raises(TaskNotBuiltError, match='model for "depth"'):
        ModelCard.read(path, run=run_once)
