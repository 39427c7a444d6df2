"""`lineside tune` as its user runs it: the winner keeps the answers, is used from then on, and goes when anything changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from lineside.testing.graphs import colour_spots, dead_static_int8
from lineside.testing.graphs.quantised import quantise_static

LONG = ("--deadline-ms", 5000, "--seconds", 3)


@pytest.fixture
def own(cli, tmp_path):
    """The command with a cache of its own, so that no other test finds its profile."""

    def run(*arguments, code=0):
        return cli(*arguments, code=code, own_cache=tmp_path / "cache")

    return run


def edited(path, change):
    """The spots' model with its first convolution's weights changed."""
    model = colour_spots()
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    weights = next(one for one in model.graph.initializer if one.name == first.input[1])
    changed = change(numpy_helper.to_array(weights))
    weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(changed), weights.name))
    onnx.save(model, path)
    return path


def test_the_chosen_setting_is_used_from_the_next_start_on(own, plant):
    done = own("tune", plant.model, *LONG, "--data", plant.folder / "parts", "--devices", "cpu", "--json")
    report = json.loads(done.stdout)
    assert report["chosen"].startswith("spots.onnx on cpu?intra_op_num_threads=")
    chosen = next(row for row in report["candidates"] if row["name"] == report["chosen"])
    assert chosen["p50_ms"] <= chosen["p99_ms"] <= 5000
    assert chosen["out"] is None
    assert report["pictures"] == 3

    found = own("detect", plant.model, *plant.pictures, "--jsonl")
    assert [len(json.loads(line)["detections"]) for line in found.stdout.splitlines()] == list(plant.spots)
    assert "tuned on" in found.stderr
    assert chosen["devices"] in found.stderr
    assert "tuned on" not in own("detect", plant.model, plant.pictures[0], "--devices", "cpu").stderr


def test_a_profile_goes_when_anything_that_it_was_measured_with_changes(own, plant):
    written = json.loads(own("tune", plant.model, *LONG, "--devices", "cpu", "--json").stdout)["profile"]
    profile = json.loads(Path(written).read_text(encoding="utf-8"))
    profile["fingerprint"]["onnxruntime"] = "1.2.3"
    Path(written).write_text(json.dumps(profile), encoding="utf-8")
    found = own("detect", plant.model, plant.pictures[0])
    assert "onnxruntime was 1.2.3, is " in found.stderr
    assert "Run lineside tune again" in found.stderr


@pytest.mark.parametrize("content", ["", "{", '{"form": 1}', '["a"]', '{"form": 1, "size": 3}'])
def test_a_profile_that_is_none_is_told_and_not_used(own, plant, content):
    written = json.loads(own("tune", plant.model, *LONG, "--devices", "cpu", "--json").stdout)["profile"]
    Path(written).write_text(content, encoding="utf-8")
    assert "tuned on" not in own("detect", plant.model, plant.pictures[0]).stderr


def test_other_forms_of_the_model_that_answer_otherwise_are_never_chosen(own, plant, tmp_path):
    swapped = edited(tmp_path / "swapped.onnx", lambda weights: weights[:, ::-1])
    broken = tmp_path / "broken-int8.onnx"
    broken.write_bytes(
        quantise_static(colour_spots(), top=0.1).SerializeToString()
    )  # ranges of dark pictures
    dead = tmp_path / "dead.onnx"
    dead.write_bytes(dead_static_int8().SerializeToString())
    also = [part for path in (swapped, broken, dead) for part in ("--also", path)]
    done = own(
        "tune", plant.model, *LONG, "--data", plant.folder / "parts", "--devices", "cpu", *also, "--json"
    )
    report = json.loads(done.stdout)
    assert report["chosen"].startswith("spots.onnx on ")
    out = {row["file"]: row["out"] for row in report["candidates"] if row["file"] != "spots.onnx"}
    assert out["swapped.onnx"].startswith("rejected: ")
    assert out["broken-int8.onnx"].startswith("rejected: ")
    assert out["dead.onnx"].startswith("cannot be opened: ")
    assert "[model.dead]" in out["dead.onnx"]


def test_a_file_that_answers_the_same_may_win_and_runs_then(own, plant, tmp_path):
    twin = edited(tmp_path / "twin.onnx", lambda weights: weights)
    model = onnx.load(twin)
    model.doc_string = "another file of the same network"
    onnx.save(model, twin)
    done = own(
        "tune",
        plant.model,
        *LONG,
        "--data",
        plant.folder / "parts",
        "--devices",
        "cpu",
        "--also",
        twin,
        "--json",
    )
    rows = json.loads(done.stdout)["candidates"]
    assert {row["file"] for row in rows if row["p50_ms"]} == {
        "spots.onnx",
        "twin.onnx",
    }


def test_without_pictures_only_what_computes_as_the_reference_is_compared(own, plant):
    done = own("tune", plant.model, *LONG, "--devices", "cpu,openvino", "--json")
    rows = json.loads(done.stdout)["candidates"]
    narrow = [row for row in rows if row["precision"] not in {"float32", None}]
    assert all("without pictures" in row["out"] for row in narrow)
    assert all(row["precision"] == "float32" for row in rows if row["p50_ms"] is not None)


def test_a_deadline_that_nothing_keeps_writes_nothing_and_says_what_could_be(own, plant, tmp_path):
    done = own("tune", plant.model, "--deadline-ms", 0.001, "--seconds", 2, "--devices", "cpu", code=2)
    assert "no candidate keeps 0.001 ms. The best, spots.onnx on cpu" in done.stderr
    assert "has a 99th percentile of" in done.stderr
    assert not list((tmp_path / "cache").glob("tuned/*.json"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--deadline-ms", -3), "--deadline-ms: expected more than 0"),
        (("--deadline-ms", 20, "--tolerance", 2), "--tolerance: expected 0 to 1"),
        (("--deadline-ms", 20, "--devices", "cuba:0"), 'unknown provider "cuba"; did you mean "cuda"'),
        (("--deadline-ms", 20, "--devices", "cpu?intra_op_num_thread=1"), "did you mean"),
        (("--deadline-ms", 20, "--data", "nowhere"), "no such file or folder"),
        (("--deadline-ms", 20, "--truth", "truth.json"), "--data"),
    ],
)
def test_bad_input_is_refused_before_anything_is_measured(own, plant, options, words):
    assert words in own("tune", plant.model, *options, code=2).stderr


def test_pictures_in_which_nothing_is_seen_prove_nothing(own, plant, tmp_path):
    import cv2

    folder = tmp_path / "grey"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((320, 320, 3), 128, np.uint8))
    done = own("tune", plant.model, *LONG, "--data", folder, "--devices", "cpu", code=2)
    assert "finds nothing above 0.25 in the 3 pictures" in done.stderr


def test_the_plot_shows_what_was_measured(own, plant, tmp_path):
    picture = tmp_path / "tune.png"
    own("tune", plant.model, *LONG, "--data", plant.folder / "parts", "--devices", "cpu", "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
