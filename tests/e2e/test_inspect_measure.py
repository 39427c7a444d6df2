"""`lineside inspect --measure`, and a size by hand, as their user runs them."""

from __future__ import annotations

import json

import pytest

from lineside.testing.graphs import GraphSpec, anchor_free, dynamic_int8


@pytest.fixture
def int8(tmp_path):
    path = tmp_path / "int8.onnx"
    path.write_bytes(dynamic_int8().SerializeToString())
    return path


def test_the_table_holds_the_file_and_its_network_in_float32(cli, int8):
    text = cli("inspect", int8, "--measure", "--runs", 3).stdout
    assert "on this machine" in text
    assert "dynamic int8 gains no speed on a CPU" in text
    rows = [line.split() for line in text.splitlines() if " ms " in line]
    assert (
        len([row for row in rows if "(dynamic)" in row])
        == len([row for row in rows if "float32" in row])
        >= 1
    )
    assert "the same network in float32" in text


def test_the_document_holds_the_card_and_the_figures(cli, int8):
    document = json.loads(cli("inspect", int8, "--measure", "--runs", 2, "--json").stdout)
    assert document["family"] == "yolov8"
    measured = document["measured"]
    for rows in (measured["as_is"], measured["in_float32"]):
        assert rows[-1]["threads"] == 1
        assert all(row["runs"] == 2 and 0 < row["p50_s"] <= row["p99_s"] for row in rows)
    assert measured["advice"]


def test_runs_without_measure_are_refused(cli, plant):
    done = cli("inspect", plant.model, "--runs", 3, code=2)
    assert "--runs: expected together with --measure [settings.invalid]" in done.stderr
    assert "Invalid value" in cli("inspect", plant.model, "--measure", "--runs", 0, code=2).stderr


@pytest.mark.parametrize("command", ["inspect", "detect", "eval"])
def test_a_size_between_two_is_refused_with_both(cli, plant, tmp_path, command):
    path = tmp_path / "open.onnx"
    spec = GraphSpec(dynamic_size=True, dynamic_batch=True, metadata=False)
    path.write_bytes(anchor_free(spec).SerializeToString())
    truth = plant.folder / "parts"
    if command == "eval":
        (tmp_path / "set" / "images").mkdir(parents=True)
        truth = tmp_path / "set"
    arguments = [command, path, *([truth] if command != "inspect" else []), "--size", "100x64"]
    text = cli(*arguments, code=2).stderr
    assert "size 100x64: both sides must be multiples of the stride, 32; the nearest: 96x64 or 128x64" in text
    assert "[settings.invalid]" in text


def test_a_size_by_hand_is_the_size_of_the_card(cli, tmp_path):
    path = tmp_path / "open.onnx"
    path.write_bytes(anchor_free(GraphSpec(dynamic_size=True, dynamic_batch=True)).SerializeToString())
    card = json.loads(cli("inspect", path, "--size", "192x96", "--json").stdout)
    assert card["input"]["size"] == {"height": 96, "width": 192}
