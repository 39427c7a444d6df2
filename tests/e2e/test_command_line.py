from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from lineside import Size
from lineside.cli.app import COMMANDS
from lineside.core import plugins
from lineside.testing.graphs import (
    CATALOGUE,
    GraphSpec,
    dead_static_int8,
    draw_spots,
    poisoned,
    save_external,
    yolox,
)


def test_help_names_every_command(cli):
    text = cli("--help").stdout
    assert all(command in text for command in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(cli, command):
    assert "Usage" in cli(command, "--help").stdout


def test_help_names_every_family(cli):
    text = cli("detect", "--help").stdout
    assert all(name in text for name in plugins.own("lineside.models.families"))


def test_version(cli):
    assert cli("--version").stdout.startswith("lineside ")


def test_inspect_shows_the_card_and_its_reasons(cli, plant):
    text = cli("inspect", plant.model).stdout
    assert "yolov8" in text
    assert "red spot" in text
    assert "probe run" in text


def test_inspect_shows_what_goes_in_beside_the_picture(cli, tmp_path):
    (tmp_path / "sized.onnx").write_bytes(CATALOGUE["detr_sized"].build().SerializeToString())
    assert '"orig_target_sizes" int64: 160, 128' in cli("inspect", tmp_path / "sized.onnx").stdout


def test_inspect_writes_one_json_document(cli, plant):
    card = json.loads(cli("inspect", plant.model, "--json").stdout)
    assert card["family"] == "yolov8"
    assert card["names"] == ["red spot", "blue spot", "dark spot"]
    assert card["head"]["strides"] == [8]
    assert len(card["sha256"]) == 64


def test_inspect_takes_facts_by_hand(cli, plant):
    card = json.loads(
        cli("inspect", plant.model, "--json", "--classes", "a,b,c", "--family", "yolo11").stdout
    )
    assert card["names"] == ["a", "b", "c"]
    assert card["names_from"] == "by hand"
    assert "by hand" in card["evidence"][0]


def test_detect_finds_what_was_drawn(cli, plant):
    lines = cli("detect", plant.model, plant.folder / "parts", "--jsonl", "--confidence", 0.5).stdout
    results = [json.loads(line) for line in lines.splitlines()]
    assert [len(r["detections"]) for r in results] == list(plant.spots)
    assert [r["source"] for r in results] == [str(p) for p in plant.pictures]


def test_detect_shows_a_table_with_times(cli, plant):
    text = cli("detect", plant.model, *plant.pictures).stdout
    assert "nothing found" in text
    assert "3 pictures" in text
    assert "postprocess" in text


def test_detect_writes_json_and_csv_files_whole(cli, plant, tmp_path):
    cli("detect", plant.model, plant.folder / "parts", "--json", "--output", "all.json")
    cli("detect", plant.model, plant.folder / "parts", "--csv", "-o", "all.csv")
    assert len(json.loads((tmp_path / "all.json").read_text())) == 3
    rows = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
    assert {row["source"] for row in rows} == {str(p) for p in plant.pictures}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.csv", "all.json"]


def test_detect_saves_annotated_pictures(cli, plant, tmp_path):
    cli("detect", plant.model, plant.folder / "parts", "--save", "drawn")
    before, after = cv2.imread(str(plant.pictures[0])), cv2.imread(str(tmp_path / "drawn" / "part-0.png"))
    assert before.shape == after.shape
    assert (before != after).any()


def test_detect_follows_a_video_and_saves_it_annotated(cli, plant, tmp_path):
    clip = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 320))
    picture = cv2.imread(str(plant.pictures[0]))
    for _ in range(8):
        writer.write(picture)
    writer.release()
    lines = cli("detect", plant.model, clip, "--jsonl", "--save", "drawn").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == list(range(8))
    assert cv2.VideoCapture(str(tmp_path / "drawn" / "clip.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 8


def test_detect_reports_only_the_chosen_classes(cli, plant):
    lines = cli("detect", plant.model, plant.pictures[2], "--jsonl", "--classes", "Red Spot,2").stdout
    names = {d["name"] for d in json.loads(lines)["detections"]}
    assert names <= {"red spot", "dark spot"}


def test_a_bad_picture_is_told_and_the_others_go_on(cli, plant, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(plant.folder / "parts", folder)
    whole = cv2.imencode(".jpg", cv2.imread(str(plant.pictures[0])))[1].tobytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    done = cli("detect", plant.model, folder, "--jsonl", code=2)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == 4
    broken = [r for r in results if "error" in r]
    assert [r["error"]["code"] for r in broken] == ["image.file"]
    assert "detections" not in broken[0]
    assert "cut.jpg" in done.stderr


BAD_CALLS = {
    "a class that is not there": (["MODEL", "PARTS", "--classes", "red spott"], "red spot"),
    "a confidence above 1": (["MODEL", "PARTS", "--confidence", "40"], "0 to 1"),
    "an unknown NMS kind": (["MODEL", "PARTS", "--nms", "iuo"], "iou"),
    "two forms at once": (["MODEL", "PARTS", "--json", "--csv"], "one of"),
    "an output without a form": (["MODEL", "PARTS", "--output", "x"], "--jsonl"),
    "a source that is not there": (["MODEL", "part-7.png"], "part-7.png"),
    "a pattern without a match": (["MODEL", "*.jpeg"], "*.jpeg"),
    "a model that is not there": (["nowhere.onnx", "PARTS"], "nowhere.onnx"),
    "a family that is not there": (["MODEL", "PARTS", "--family", "yolov88"], "yolov8"),
    "a family that the graph contradicts": (["MODEL", "PARTS", "--family", "yolov5"], "contradicts"),
    "a size that the file does not allow": (["MODEL", "PARTS", "--size", "640"], "320x320"),
    "a size that is none": (["MODEL", "PARTS", "--size", "640x"], "WIDTHxHEIGHT"),
    "too few names": (["MODEL", "PARTS", "--names", "a,b"], "3 classes"),
    "no source at all": (["MODEL"], "SOURCE"),
    "an unknown option": (["MODEL", "PARTS", "--confidance", "0.4"], "--confidence"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_bad_call_is_refused_with_a_way_out(cli, plant, case):
    arguments, hint = BAD_CALLS[case]
    places = {"MODEL": plant.model, "PARTS": plant.folder / "parts"}
    done = cli("detect", *[places.get(a, a) for a in arguments], code=2)
    assert hint in done.stderr
    assert not done.stdout


def bad_models(folder, plant):
    """Bad model files by name, and a word that the refusal must hold."""
    whole = plant.model.read_bytes()
    (folder / "empty.onnx").touch()
    (folder / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    (folder / "text.onnx").write_text("no model at all, but long enough to look at")
    (folder / "dead.onnx").write_bytes(dead_static_int8().SerializeToString())
    (folder / "nan.onnx").write_bytes(poisoned(value=float("nan")).SerializeToString())
    (folder / "folder.onnx").mkdir()
    save_external(yolox(GraphSpec(classes=3)), folder / "out.onnx", location="w.bin", claim="../w.bin")
    save_external(yolox(GraphSpec(classes=3)), folder / "lost.onnx", location="w2.bin")
    (folder / "w2.bin").unlink()
    return {
        "empty": "empty",
        "cut": "cut short",
        "text": "ONNX",
        "dead": "DequantizeLinear",
        "nan": "NaN",
        "folder": "folder",
        "out": "outside",
        "lost": "missing",
    }


def test_every_bad_model_is_refused_by_its_reason(cli, plant, tmp_path):
    for name, word in bad_models(tmp_path, plant).items():
        done = cli("inspect", tmp_path / f"{name}.onnx", code=2)
        assert word in done.stderr, (name, done.stderr)
        assert f"{name}.onnx" in done.stderr


STRANGERS = {
    "objectness_computed": "YOLOX (decoded) or YOLOv6",
    "detr_first": "DETR",
    "two_pictures": "one picture input",
    "unknown_operator": "operator",
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_refused_by_name(cli, plant, tmp_path, name):
    (tmp_path / "stranger.onnx").write_bytes(CATALOGUE[name].build().SerializeToString())
    done = cli("detect", "stranger.onnx", plant.pictures[0], code=2)
    assert STRANGERS[name] in done.stderr
    assert "stranger.onnx" in done.stderr


def test_an_output_that_cannot_be_written_is_exit_4(cli, plant, tmp_path):
    (tmp_path / "taken").write_text("a file")
    assert "taken" in cli("detect", plant.model, plant.pictures[0], "--save", "taken", code=4).stderr
    assert (
        "taken" in cli("detect", plant.model, plant.pictures[0], "--csv", "-o", "taken/x.csv", code=4).stderr
    )
    assert (tmp_path / "taken").read_text() == "a file"


def test_no_runtime_is_exit_3_and_says_what_to_install(plant, tmp_path):
    # An empty package in front of the real one is what is left when a wheel was removed by halves.
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('no wheel')")
    done = subprocess.run(
        [sys.executable, "-m", "lineside.cli.app", "inspect", str(plant.model)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "pip install 'lineside[cpu]'" in done.stderr


def test_eval_without_its_extra_is_exit_2_and_says_what_to_install(cli, plant, tmp_path):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "set" / "labels").mkdir()
    shutil.copy(plant.pictures[0], tmp_path / "set" / "images" / "0.png")
    (tmp_path / "set" / "labels" / "0.txt").write_text("0 0.5 0.5 0.1 0.1")
    # A process looks into its own folder first.
    missing = 'raise ModuleNotFoundError("not installed", name="faster_coco_eval")'
    (tmp_path / "faster_coco_eval.py").write_text(missing)
    done = cli("eval", plant.model, "set", code=2)
    assert "pip install 'lineside[eval]'" in done.stderr


def test_a_16_bit_picture_needs_its_scale(cli, plant, tmp_path):
    picture = cv2.imread(str(plant.pictures[0])).astype(np.uint16) * 16
    cv2.imwrite(str(tmp_path / "deep.png"), picture)
    assert "scale_16bit" in cli("detect", plant.model, "deep.png", code=2).stderr
    line = cli(
        "detect", plant.model, "deep.png", "--jsonl", "--scale-16bit", 4080, "--confidence", 0.5
    ).stdout
    assert len(json.loads(line)["detections"]) == plant.spots[0]


def test_eval_judges_a_folder_of_yolo_labels(cli, plant, tmp_path):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "set" / "labels").mkdir()
    rng = np.random.default_rng(9)
    for number in range(12):
        drawn = draw_spots(rng, Size(height=320, width=320), number % 4)
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{number}.png"), drawn.image)
        centres = np.hstack(
            [(drawn.xyxy[:, :2] + drawn.xyxy[:, 2:]) / 2, drawn.xyxy[:, 2:] - drawn.xyxy[:, :2]]
        )
        rows = zip(drawn.class_id, centres, strict=True)
        lines = [f"{c} " + " ".join(f"{v / 320:.6f}" for v in b) for c, b in rows]
        (tmp_path / "set" / "labels" / f"{number}.txt").write_text("\n".join(lines))
    report = json.loads(cli("eval", plant.model, tmp_path / "set", "--report", "rep", "--json").stdout)
    assert json.loads((tmp_path / "rep" / "report.json").read_text()) == report
    assert (tmp_path / "rep" / "escape_overkill.png").stat().st_size > 1000
    assert report["dataset"]["pictures"] == 12
    assert report["map50"] > 0.99
    assert report["map50_95"] > 0.8


def test_the_plant_is_a_source_and_each_of_its_parts_has_a_name(cli, plant, tmp_path):
    source = "synthetic:disc?count=2&size=320x320"
    lines = cli("detect", plant.model, source, "--jsonl", "--save", "drawn").stdout.splitlines()
    assert [json.loads(line)["source"] for line in lines] == [
        f"synthetic:disc/{camera}-00000{part}" for camera in ("top", "side") for part in (0, 1)
    ]
    assert sorted(p.name for p in (tmp_path / "drawn").iterdir()) == [
        f"{camera}-00000{part}.png" for camera in ("side", "top") for part in (0, 1)
    ]


def test_a_plant_that_cannot_be_drawn_is_refused_with_the_near_names(cli, plant):
    for source, near in (("synthetic:disk", "disc"), ("synthetic:cap?cuont=3", "count")):
        assert f'did you mean "{near}"' in cli("detect", plant.model, source, code=2).stderr


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    """A picture of several slices, and its spots."""
    drawn = draw_spots(np.random.default_rng(8), Size(height=480, width=640), 10)
    path = tmp_path_factory.mktemp("board") / "board.png"
    cv2.imwrite(str(path), drawn.image)
    return path, drawn


def test_a_large_picture_is_looked_at_in_slices(cli, plant, board):
    path, drawn = board
    arguments = ["detect", plant.model, path, "--jsonl", "--confidence", 0.5, "--slices", 320]
    found = json.loads(cli(*arguments, "--overlap", 0.3, "--nms", "diou").stdout)
    assert (found["width"], found["height"]) == (640, 480)
    boxes = np.array([d["xyxy"] for d in found["detections"]])
    assert len(boxes) == 10
    assert np.abs(boxes[:, None] - drawn.xyxy).max(axis=2).min(axis=0).max() <= 2


BAD_SLICES = {
    "slices larger than the picture": (["--slices", "640"], "do not fit into a picture of 640x480"),
    "slices of nothing": (["--slices", "0"], "at least 1"),
    "slices that are none": (["--slices", "many"], "--slices: expected a number or WIDTHxHEIGHT"),
    "an overlap out of range": (["--slices", "320", "--overlap", "1.5"], "0 to 0.9"),
    "an overlap of nothing": (["--overlap", "0.2"], "--slices"),
    "the whole of nothing": (["--whole"], "--slices"),
    "NMS for other boxes": (["--nms", "probiou"], "oriented"),
    "an unknown setting of NMS": (["--nms", "soft?width=1"], "sigma"),
}


@pytest.mark.parametrize("case", BAD_SLICES)
def test_bad_slices_and_nms_are_refused_with_a_way_out(cli, plant, board, case):
    options, hint = BAD_SLICES[case]
    done = cli("detect", plant.model, board[0], *options, code=2)
    assert hint in done.stderr
    assert not done.stdout.strip()


def test_eval_in_slices_says_so_in_its_report(cli, plant, board, tmp_path):
    path, drawn = board
    for name in ("images", "labels"):
        (tmp_path / "set" / name).mkdir(parents=True)
    shutil.copy(path, tmp_path / "set" / "images" / "board.png")
    centres = np.hstack(
        [(drawn.xyxy[:, :2] + drawn.xyxy[:, 2:]) / 2, drawn.xyxy[:, 2:] - drawn.xyxy[:, :2]]
    ) / np.array([640, 480, 640, 480])
    lines = [f"{c} " + " ".join(f"{v:.6f}" for v in b) for c, b in zip(drawn.class_id, centres, strict=True)]
    (tmp_path / "set" / "labels" / "board.txt").write_text("\n".join(lines))
    options = ["--slices", 320, "--overlap", 0.3, "--nms", "wbf", "--report", "rep", "--json"]
    report = json.loads(cli("eval", plant.model, tmp_path / "set", *options).stdout)
    assert report["map50"] > 0.99
    assert (report["settings"]["nms"], report["settings"]["slices"]) == ("wbf", "320, overlap 0.3")
    assert "NMS wbf, in slices of 320, overlap 0.3." in (tmp_path / "rep" / "report.md").read_text()
