from __future__ import annotations

import os

import numpy as np
import onnx
import pytest

from lineside.core.errors import ModelFileError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.file import ModelFile, external_digest
from lineside.models.reading import read_model
from lineside.testing.graphs import anchor_free, save_external


@pytest.fixture
def path(tmp_path):
    return tmp_path / "models" / "model.onnx"


@pytest.fixture
def weights(path):
    path.parent.mkdir()
    return save_external(anchor_free(), path)


def _refusal(path) -> str:
    with pytest.raises(ModelFileError) as refusal:
        ModelCard.read(path)
    return str(refusal.value)


def _set(path, key, value):
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == key:
                entry.value = value
    path.write_bytes(model.SerializeToString())


def test_weights_beside_the_model_are_read(path, weights, tmp_path):
    whole = tmp_path / "whole.onnx"
    whole.write_bytes(anchor_free().SerializeToString())
    one, other = (read_model(ModelFile.read(p), run=run_once) for p in (whole, path))
    assert np.array_equal(one.answer[0], other.answer[0])
    assert one.match.spec == other.match.spec


def test_missing_weights_are_named(path, weights):
    weights.unlink()
    assert 'the external data file "weights.bin" is missing; copy it beside the model' in _refusal(path)


@pytest.mark.parametrize("cut", [1, 100, 10_000])
def test_short_weights_are_refused(path, weights, cut):
    weights.write_bytes(weights.read_bytes()[:-cut])
    assert "the copy was cut short" in _refusal(path)


@pytest.mark.parametrize(
    "location",
    [
        "../weights.bin",
        "sub/../../weights.bin",
        "/etc/passwd",
        "C:\\weights.bin",
        "\\\\server\\weights.bin",
        "",
        "a\0b",
        "x" * 5000,
        ".",
        "..",
    ],
)
def test_weights_outside_the_folder_are_refused(path, weights, location):
    (path.parent.parent / "weights.bin").write_bytes(weights.read_bytes())
    _set(path, "location", location)
    assert str(path) in _refusal(path)


def test_a_link_that_leaves_the_folder_is_refused(path, weights, tmp_path):
    weights.rename(tmp_path / "elsewhere.bin")
    weights.symlink_to(tmp_path / "elsewhere.bin")
    assert "outside the model's folder" in _refusal(path)


def test_links_within_the_folder_are_followed(path, weights):
    real = weights.rename(weights.with_name("real.bin"))
    weights.symlink_to(real)
    assert ModelCard.read(path).family == "yolov8"
    weights.unlink()
    os.link(real, weights)
    assert ModelCard.read(path).family == "yolov8"


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("offset", "-4", "from -4"),
        ("offset", "many", "no numbers"),
        ("offset", "999999999", "cut short"),
        ("length", "12", "names 12 bytes"),
        ("length", "", None),
    ],
)
def test_a_place_that_cannot_be_is_refused(path, weights, key, value, text):
    _set(path, key, value)
    if text is None:
        assert ModelCard.read(path).family == "yolov8"
    else:
        assert text in _refusal(path)


def test_the_digest_follows_the_weights(path, weights):
    once = external_digest(ModelFile.read(path))
    assert once == external_digest(ModelFile.read(path))
    weights.write_bytes(weights.read_bytes() + b"\0")
    longer = external_digest(ModelFile.read(path))
    assert longer != once
    weights.unlink()
    assert external_digest(ModelFile.read(path)) not in {once, longer}


@pytest.mark.parametrize("name", ["w", "weights of a line.bin", "n" * 120, "n" * 200])
def test_the_digest_reads_the_whole_name(path, weights, name):
    own = weights.rename(weights.with_name(name))
    _set(path, "location", name)
    once = external_digest(ModelFile.read(path))
    own.write_bytes(own.read_bytes() + b"\0")
    assert external_digest(ModelFile.read(path)) != once


@pytest.mark.parametrize("location", ["x" * 5000, "a\0b", ".."])
def test_the_digest_of_a_bad_place_is_no_crash(path, weights, location):
    _set(path, "location", location)
    assert external_digest(ModelFile.read(path))


def test_a_model_without_external_data_has_no_digest(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(anchor_free().SerializeToString())
    assert external_digest(ModelFile.read(path)) == ""
