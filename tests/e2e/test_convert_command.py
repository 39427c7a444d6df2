"""`lineside convert` and `lineside inspect --lint` as their user runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lineside import Detector
from lineside.testing.graphs import (
    CATALOGUE,
    GraphSpec,
    anchor_free,
    dead_static_int8,
    dynamic_int8,
    nms_inside,
    tensorrt_nms,
)


@pytest.fixture
def files(tmp_path):
    """Models by name, written into the folder that the command runs in."""
    builds = {
        "plain": anchor_free,
        "dynamic": dynamic_int8,
        "open": lambda: anchor_free(GraphSpec(dynamic_batch=True, dynamic_size=True)),
        "nms": nms_inside,
        "layer": tensorrt_nms,
        "dead": dead_static_int8,
    }
    for name, build in builds.items():
        (tmp_path / f"{name}.onnx").write_bytes(build().SerializeToString())
    return tmp_path


def test_a_file_is_rewritten_and_the_report_says_how(cli, files):
    text = cli("convert", "dynamic.onnx", "new.onnx").stdout
    assert "the int8 weights of 18 layers are uint8" in text
    assert "proven on 2 pictures: raw answers" in text
    assert "dynamic_int8" in text
    assert (files / "new.onnx").is_file()


def test_the_report_for_programs(cli, files):
    report = json.loads(cli("convert", "nms.onnx", "new.onnx", "--remove-nms", "--json").stdout)
    assert report["family"] == {"before": "yolov10", "after": "yolov8"}
    assert report["proof"]["detections"] > 20
    assert report["nms_inside_was"]["iou"] == 0.7
    assert [hint["code"] for hint in report["hints"]["before"] if hint["severity"] == "wrong"] == [
        "nms_inside"
    ]
    assert not [hint for hint in report["hints"]["after"] if hint["severity"] == "wrong"]
    assert report["output"] == "new.onnx"


def test_a_detector_finds_with_the_new_file_what_it_found_before(cli, plant, tmp_path, cache):
    cli("convert", plant.model, "new.onnx", "--opset", "17", "--fold", "--data", plant.folder / "parts")
    from lineside.capture.pictures import read_picture

    old, new = Detector(plant.model, cache=cache), Detector(tmp_path / "new.onnx", cache=cache)
    for path in plant.pictures:
        image = read_picture(path)
        np.testing.assert_allclose(new(image).xyxy, old(image).xyxy, atol=0.05)


def test_a_size_is_fixed_by_name(cli, files):
    report = json.loads(
        cli("convert", "open.onnx", "new.onnx", "--size", "320x256", "--batch", "1", "--json").stdout
    )
    assert [step["what"] for step in report["steps"]] == ["fixed: a size of 320x256 and one picture a run"]
    assert "320x256" in cli("inspect", "new.onnx").stdout


def test_a_layer_that_only_tensorrt_runs_is_taken_out(cli, files):
    assert "--remove-nms" in cli("inspect", "layer.onnx", code=2).stderr
    assert "was not run" in " ".join(cli("convert", "layer.onnx", "new.onnx", "--remove-nms").stdout.split())
    assert "yolov8" in cli("inspect", "new.onnx").stdout


BAD_CALLS = {
    "the model itself": (["plain.onnx", "plain.onnx"], "the model itself"),
    "the model by another way": (["plain.onnx", "../{here}/plain.onnx"], "the model itself"),
    "no .onnx file": (["plain.onnx", "new.pt"], "the name of an .onnx file"),
    "no such model": (["plan.onnx", "new.onnx"], "plain.onnx"),
    "a dead export": (["dead.onnx", "new.onnx"], "dead export"),
    "an operator set out of range": (["plain.onnx", "new.onnx", "--opset", "99"], "from 7 to 23"),
    "an operator set without a way": (["nms.onnx", "new.onnx", "--opset", "12"], "--opset: no way down"),
    "a batch of two": (["open.onnx", "new.onnx", "--batch", "2"], "--batch: expected 1"),
    "a size that the file does not allow": (["plain.onnx", "new.onnx", "--size", "640"], "160x128"),
    "a size that is none": (["open.onnx", "new.onnx", "--size", "big"], "WIDTHxHEIGHT"),
    "a size between the strides": (["open.onnx", "new.onnx", "--size", "330"], "32"),
    "no NMS inside": (["plain.onnx", "new.onnx", "--remove-nms"], "no NMS inside"),
    "pictures that are not there": (["plain.onnx", "new.onnx", "--data", "nowhere"], "nowhere"),
    "a picture that is none": (["plain.onnx", "new.onnx", "--data", "bad.png"], "bad.png"),
    "an unknown option": (["plain.onnx", "new.onnx", "--opsett", "17"], "--opset"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_bad_call_is_refused_and_writes_nothing(cli, files, case):
    (files / "bad.png").write_bytes(b"\x89PNG no picture")
    before = (files / "plain.onnx").read_bytes()
    arguments, hint = BAD_CALLS[case]
    done = cli("convert", *[a.format(here=files.name) for a in arguments], code=2)
    assert hint in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (files / "new.onnx").exists()
    assert (files / "plain.onnx").read_bytes() == before


def test_a_folder_that_cannot_be_written_to_is_an_output_error(cli, files):
    assert "[output.failed]" in cli("convert", "plain.onnx", "nowhere/new.onnx", code=4).stderr


def test_an_older_file_stays_where_the_conversion_fails(cli, files):
    (files / "new.onnx").write_bytes(b"older")
    cli("convert", "nms.onnx", "new.onnx", "--opset", "12", code=2)
    assert (files / "new.onnx").read_bytes() == b"older"
    assert not list(files.glob(".*part*"))


def test_lint_prints_the_hints_alone_and_fails_where_one_is_wrong(cli, files):
    assert cli("inspect", "plain.onnx", "--lint").stdout == "plain.onnx: no hints\n"
    assert "dynamic_int8_signed" in cli("inspect", "dynamic.onnx", "--lint").stdout
    text = cli("inspect", "nms.onnx", "--lint", code=1).stdout
    assert "nms_inside" in text
    assert "because" not in text
    document = json.loads(cli("inspect", "nms.onnx", "--lint", "--json", code=1).stdout)
    assert set(document["hints"][0]) == {"code", "severity", "seen", "why", "cure"}
    assert "one of --lint and --measure" in cli("inspect", "nms.onnx", "--lint", "--measure", code=2).stderr


def test_lint_looks_at_a_list_of_devices_as_well(cli, files):
    devices = "cpu?execution_mode=ORT_PARALLEL"
    text = cli("inspect", "plain.onnx", "--lint", "--devices", devices).stdout
    assert "parallel_execution" in text
    assert (
        "execution_mode" in cli("inspect", "plain.onnx", "--lint", "--devices", "cpu?mode=1", code=2).stderr
    )


def test_inspect_shows_hints_below_the_card_and_in_json(cli, files):
    text = cli("inspect", "nms.onnx").stdout
    assert "sureness" in text
    assert "lineside convert MODEL OUT.onnx --remove-nms" in text
    codes = [hint["code"] for hint in json.loads(cli("inspect", "dynamic.onnx", "--json").stdout)["hints"]]
    assert codes == ["dynamic_int8", "dynamic_int8_signed"]


def test_facts_by_hand_beside_the_model_are_named(cli, files):
    (files / "bare.onnx").write_bytes(CATALOGUE["anchor_free_bare"].build().SerializeToString())
    (files / "bare.toml").write_text('names = ["a", "b", "c"]\n')
    assert "bare.toml: copy it beside the new file" in cli("convert", "bare.onnx", "new.onnx").stdout
