"""Opening a model: facts beside it, and the preparation that is kept on disk."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lineside.core.errors import ConventionError, LinesideError, SettingsError
from lineside.core.geometry import Size
from lineside.detector.detector import Detector
from lineside.models.facts import ModelFacts
from lineside.testing.graphs import GraphSpec, anchor_free, save_external

NOISE = np.random.default_rng(0).integers(0, 256, (128, 160, 3), dtype=np.uint8)


@pytest.fixture
def model(tmp_path, small):
    """A model file of the test's own."""
    return shutil.copy(small, tmp_path / "best.onnx")


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "cache"


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_second_opening_uses_the_preparation_and_answers_the_same(model, kept):
    first = Detector(model, threads=1, cache=kept)
    second = Detector(model, threads=1, cache=kept)
    assert (first.from_cache, second.from_cache) == (False, True)
    assert second.card == first.card
    one, other = first(NOISE, confidence=0.05), second(NOISE, confidence=0.05)
    assert len(one)
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    np.testing.assert_array_equal(one.confidence, other.confidence)


def test_another_content_under_the_same_name_is_prepared_anew(model, kept):
    before = Detector(model, threads=1, cache=kept)(NOISE, confidence=0.05)
    model.write_bytes(anchor_free(GraphSpec(seed=1)).SerializeToString())
    changed = Detector(model, threads=1, cache=kept)
    assert not changed.from_cache
    after = changed(NOISE, confidence=0.05)
    assert len(after) != len(before) or not np.array_equal(after.xyxy, before.xyxy)


def test_other_facts_are_another_preparation(model, kept):
    assert not Detector(model, threads=1, cache=kept).from_cache
    named = Detector(model, threads=1, cache=kept, facts=ModelFacts(names=("a", "b", "c")))
    assert not named.from_cache
    assert named.names == ("a", "b", "c")
    assert Detector(model, threads=1, cache=kept).names == ("class0", "class1", "class2")
    assert len(entries(kept)) == 2


def test_facts_beside_the_file_are_read_each_time(model, kept):
    facts = model.with_suffix(".toml")
    facts.write_text('names = ["scratch", "dent", "stain"]\npad_value = 0\n')
    first = Detector(model, threads=1, cache=kept)
    assert first.names == ("scratch", "dent", "stain")
    assert first.card.conventions.fit.pad_value == 0
    assert Detector(model, threads=1, cache=kept).from_cache
    facts.write_text('names = ["scratch", "dent", "rust"]\n')
    second = Detector(model, threads=1, cache=kept)
    assert not second.from_cache
    assert second.names == ("scratch", "dent", "rust")
    facts.unlink()
    assert Detector(model, threads=1, cache=kept).names == ("class0", "class1", "class2")


def test_facts_of_the_call_go_before_those_beside_the_file(model, kept):
    model.with_suffix(".toml").write_text('names = ["x", "y", "z"]\npad_value = 7\n')
    opened = Detector(model, threads=1, cache=kept, facts=ModelFacts(pad_value=9))
    assert opened.names == ("x", "y", "z")
    assert opened.card.conventions.fit.pad_value == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names = [", "not a TOML file"),
        ("colour = 3", "colour: expected"),
        ('color = "rgb"', 'unknown key "color"; did you mean "colour"'),
    ],
)
def test_bad_facts_beside_the_file_are_refused_with_the_file_and_the_key(model, kept, text, said):
    model.with_suffix(".toml").write_text(text)
    with pytest.raises(SettingsError, match=said) as refusal:
        Detector(model, threads=1, cache=kept)
    assert "best.toml" in str(refusal.value)


def test_facts_that_contradict_the_graph_are_refused(model, kept):
    with pytest.raises(ConventionError, match="3 classes"):
        Detector(model, threads=1, cache=kept, facts=ModelFacts(names=("one",)))


def test_the_padding_set_by_hand_is_what_the_model_sees(model, kept):
    wide = NOISE[:40]
    habit = Detector(model, threads=1, cache=kept)
    black = Detector(model, threads=1, cache=kept, facts=ModelFacts(pad_value=0))
    by_hand = np.zeros((128, 160, 3), np.uint8)
    by_hand[44:84] = wide
    found = black(wide, confidence=0.02).confidence
    np.testing.assert_array_equal(found, habit(by_hand, confidence=0.02).confidence)
    assert not np.array_equal(found, habit(wide, confidence=0.02).confidence)


@pytest.mark.parametrize("damage", ["model.onnx", "card.json"])
def test_a_damaged_preparation_is_made_again(model, kept, damage, caplog):
    expected = Detector(model, threads=1, cache=kept)(NOISE, confidence=0.05)
    (entry,) = kept.iterdir()
    content = bytearray((entry / damage).read_bytes())
    content[len(content) // 2] ^= 1
    (entry / damage).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = Detector(model, threads=1, cache=kept)
    assert not again.from_cache
    assert "damaged" in caplog.text
    np.testing.assert_array_equal(again(NOISE, confidence=0.05).xyxy, expected.xyxy)
    assert Detector(model, threads=1, cache=kept).from_cache


def test_without_a_place_for_the_preparation_the_model_opens_all_the_same(model, tmp_path, caplog):
    (tmp_path / "file").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        opened = Detector(model, threads=1, cache=tmp_path / "file")
    assert not opened.from_cache
    assert "cannot be kept" in caplog.text
    assert len(opened(NOISE, confidence=0.05))


@pytest.mark.parametrize(
    "arguments", [{"path": None}, {"path": 7}, {"facts": {"family": "yolov8"}}, {"cache": 7}]
)
def test_arguments_of_another_type_are_refused(model, kept, arguments):
    given = {"path": model, "cache": kept} | arguments
    with pytest.raises(LinesideError):
        Detector(given.pop("path"), threads=1, **given)


def test_the_folder_of_preparations_may_be_a_string(model, kept):
    Detector(model, threads=1, cache=str(kept))
    assert Detector(model, threads=1, cache=str(kept)).from_cache


def test_changed_external_data_is_another_model(tmp_path, kept):
    path = tmp_path / "best.onnx"
    save_external(anchor_free(GraphSpec()), path)
    assert not Detector(path, threads=1, cache=kept).from_cache
    assert Detector(path, threads=1, cache=kept).from_cache
    weights = path.with_name("weights.bin")
    content = np.frombuffer(weights.read_bytes(), np.float32) * np.float32(1.01)
    weights.write_bytes(content.tobytes() + b"\0" * 4)
    assert not Detector(path, threads=1, cache=kept).from_cache


def test_a_dynamic_model_is_prepared_for_each_size(tmp_path, kept):
    path = tmp_path / "best.onnx"
    path.write_bytes(anchor_free(GraphSpec(dynamic_size=True)).SerializeToString())
    for size in (Size(96, 96), Size(128, 192)):
        opened = Detector(path, threads=1, cache=kept, facts=ModelFacts(size=size))
        assert opened.card.input.size == size
        opened(NOISE)
    assert len(entries(kept)) == 2


def test_a_file_name_that_is_no_text_opens(small, tmp_path, kept):
    path = tmp_path / "teil\udcfc.onnx"
    try:
        shutil.copy(small, path)
    except OSError:
        pytest.skip("this file system takes text only")
    assert not Detector(path, threads=1, cache=kept).from_cache
    assert Detector(path, threads=1, cache=kept).from_cache


OPEN = """
import sys
from pathlib import Path
from lineside import Detector
detector = Detector(sys.argv[1], threads=1, cache=Path(sys.argv[2]))
heavy = {"onnx", "matplotlib", "pydantic", "typer", "faster_coco_eval", "google.protobuf"}
print(detector.from_cache, sorted(heavy & set(sys.modules)))
"""


def test_the_second_opening_reads_no_onnx(model, kept):
    Detector(model, threads=1, cache=kept)
    result = subprocess.run(
        [sys.executable, "-c", OPEN, model, kept], capture_output=True, text=True, check=True
    )
    assert result.stdout.split(maxsplit=1) == ["True", "[]\n"]


OWN_FAMILY = """
import sys
from lineside import Detector, ModelFacts
detector = Detector(sys.argv[1], threads=1, cache=sys.argv[2], facts=ModelFacts(family="own_grid"))
print(detector.card.family, detector.from_cache)
"""


def test_another_version_of_a_package_that_brought_the_family_reads_the_model_again(model, tmp_path, kept):
    facts = tmp_path / "acme_heads-1.0.dist-info"
    facts.mkdir()
    (facts / "entry_points.txt").write_text("[lineside.models.families]\nown_grid = own_grid\n")
    (tmp_path / "own_grid.py").write_text("from lineside.models.families.yolov8 import *\nALIASES = ()\n")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))

    def opened(version):
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-heads\nVersion: {version}\n")
        command = [sys.executable, "-c", OWN_FAMILY, model, kept]
        environment = os.environ | {"PYTHONPATH": paths}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    answers = [opened(version).strip() for version in ("1.0", "1.0", "1.1", "1.1")]
    assert answers == ["own_grid False", "own_grid True", "own_grid False", "own_grid True"]
    assert len(entries(kept)) == 1


ENVIRONMENT = """
import sys
from lineside import Detector
Detector(sys.argv[1], threads=1)
"""


def test_the_environment_names_the_cache(model, tmp_path):
    subprocess.run(
        [sys.executable, "-c", ENVIRONMENT, model],
        env={"LINESIDE_CACHE": str(tmp_path / "named")},
        check=True,
    )
    assert len(entries(tmp_path / "named")) == 1
