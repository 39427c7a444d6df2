"""`lineside demo` as its user runs it. The stand-in model is so unsure that healthy parts pass."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from lineside.capture.plant.defects import DEFECTS
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from lineside.core.geometry import Size
from lineside.evaluation.coco_truth import read_coco

SMALL = ("--size", "320x320", "--product", "disc", "--deadline-ms", 5000)
LENIENT = ("--confidence", 0.999)


def report_of(tmp_path, name="demo-report"):
    return json.loads((tmp_path / name / "report.json").read_text())


def check_once(report):
    """Every part that was triggered was answered exactly once."""
    assert Counter(p["part"] for p in report["parts"]) == Counter(range(report["triggered"]))
    assert report["triggered"] == report["answered"] > 0
    assert report["kept"]


def test_a_healthy_line_is_shown_and_reported(cli, plant, tmp_path):
    text = cli("demo", "--seconds", 2, "--model", plant.model, *SMALL, *LENIENT).stdout
    assert "parts/min" in text
    assert "report.html" in text
    report = report_of(tmp_path)
    check_once(report)
    assert report["triggered"] == 6
    assert report["verdicts"] == {"PASS": 6, "FAIL": 0, "UNKNOWN": 0}
    assert report["truth"]["escapes"] == report["truth"]["bad"]
    assert set(report["stages_ms"]) == {"capture", "preprocess", "run", "postprocess", "judge", "total"}
    assert (tmp_path / "demo-report" / "report.md").exists()


def test_what_a_model_sees_fails_parts_and_is_drawn(cli, plant, tmp_path):
    cli("demo", "--seconds", 2, "--model", plant.model, *SMALL, "--confidence", 0.01, "--folder", "r")
    report = report_of(tmp_path, "r")
    check_once(report)
    assert report["verdicts"]["FAIL"] == len(report["pictures"]) > 0
    page = (tmp_path / "r" / "report.html").read_text()
    for picture in report["pictures"]:
        assert (tmp_path / "r" / picture).stat().st_size > 1000
        assert picture in page


FAULTS = {"camera": "no_frame", "device": "device_lost", "model": "model_unhealthy"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_lets_no_part_pass_and_the_line_recovers(cli, plant, tmp_path, fault):
    # A part waits for a device until its deadline: with a long one it would be judged after the fault.
    run = ("--seconds", 6, "--rate", 300, "--fault", fault)
    text = cli("demo", *run, "--model", plant.model, *SMALL, "--deadline-ms", 700, *LENIENT).stdout
    assert "broken " not in text.replace("the broken", "")
    report = report_of(tmp_path)
    check_once(report)
    begin_s, end_s = report["fault"]["begin_s"], report["fault"]["end_s"]
    inside = [p for p in report["parts"] if begin_s + 0.2 < p["at_s"] < (begin_s + end_s) / 2]
    assert {(p["verdict"], p["reason"]) for p in inside} == {("UNKNOWN", FAULTS[fault])}
    before, after = (
        [p for p in report["parts"] if p["at_s"] < begin_s],
        [p for p in report["parts"] if p["at_s"] > end_s],
    )
    assert "PASS" in {p["verdict"] for p in before}
    assert "PASS" in {p["verdict"] for p in after}
    assert any(e["code"].endswith(".back") for e in report["events"])


def test_a_device_that_fails_costs_no_part_while_another_lives(cli, plant, tmp_path):
    run = ("--seconds", 4, "--rate", 300, "--fault", "device", "--devices", "cpu:0,cpu:1")
    cli("demo", *run, "--model", plant.model, *SMALL, *LENIENT)
    report = report_of(tmp_path)
    check_once(report)
    assert report["reasons"] == {}
    begin_s, end_s = report["fault"]["begin_s"], report["fault"]["end_s"]
    inside = [p for p in report["parts"] if begin_s < p["at_s"] < end_s]
    assert {p["verdict"] for p in inside} == {"PASS"}
    rows = {device["name"]: device for device in report["devices"]}
    assert rows["cpu:0"]["faults"] > 0
    assert rows["cpu:0"]["frames"] > 0
    assert rows["cpu:1"]["frames"] >= len(inside) > 0  # of two views each: one may have met no fault yet
    assert any(e["code"] == "device.quarantined" for e in report["events"])


@pytest.fixture
def heard_key():
    """The interrupt key is not ignored, as it is in whatever a shell starts in the background; whoever is started inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_key")
def test_the_interrupt_key_ends_the_run_with_its_report(plant, cache, tmp_path):
    call = [sys.executable, "-m", "lineside.cli.app", "demo", "--seconds", "600", "--model", plant.model]
    with subprocess.Popen(
        [*map(str, call), *map(str, SMALL)],
        cwd=tmp_path,
        env=os.environ | {"LINESIDE_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        while "parts/min" not in run.stdout.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        rest = run.communicate(timeout=60)[0]
    assert run.returncode == 0, rest
    report = report_of(tmp_path)
    check_once(report)
    assert report["elapsed_s"] < 60


BAD_CALLS = {
    "a product that is not there": (["--product", "disk"], "disc"),
    "a lighting that is not there": (["--lighting", "dai"], "day"),
    "a fault that is not there": (["--fault", "gate"], "camera"),
    "no time at all": (["--seconds", 0], "seconds"),
    "a rate of nothing": (["--rate", 0], "parts_per_minute"),
    "a deadline before the trigger": (["--deadline-ms", -5], "deadline_s"),
    "a confidence above 1": (["--confidence", 40], "less than or equal to 1"),
    "a size that is none": (["--size", "640x"], "WIDTHxHEIGHT"),
    "a model that is not there": (["--model", "nowhere.onnx"], "nowhere.onnx"),
    "a model that is not shipped": (["--model", "shipped:plnt"], "shipped:plnt"),
    "pictures for no data set": (["--pictures", 5], "--export-dataset"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_bad_call_is_refused_with_a_way_out(cli, plant, case):
    arguments, hint = BAD_CALLS[case]
    done = cli("demo", "--model", plant.model, *SMALL, *arguments, code=2)
    assert hint in done.stderr


def test_a_report_that_cannot_be_written_is_exit_4_before_anything_runs(cli, plant, tmp_path):
    (tmp_path / "taken").write_text("a file")
    assert "taken" in cli("demo", "--model", plant.model, *SMALL, "--folder", "taken", code=4).stderr


@pytest.fixture(scope="module")
def exported(tmp_path_factory, cache):
    folder = tmp_path_factory.mktemp("exported")
    for name in ("a", "b"):
        call = ["demo", "--export-dataset", name, "--pictures", "9", "--seed", "3", "--defects", "1"]
        subprocess.run(
            [sys.executable, "-m", "lineside.cli.app", *call, "--size", "320x256", "--lighting", "evening"],
            cwd=folder,
            check=True,
            timeout=120,
            stdout=subprocess.DEVNULL,
        )
    return folder


def test_an_exported_data_set_is_the_plants_truth(exported):
    dataset = read_coco(exported / "a" / "annotations.json")
    scene = PlantSettings(
        product="mixed", seed=3, size=Size(height=256, width=320), lighting="evening", defect_rate=1.0
    )
    plant = Plant(scene)
    assert dataset.names == DEFECTS
    assert len(dataset.pictures) == 9
    for number, picture in enumerate(dataset.pictures):
        part, camera = divmod(number, 2)
        truth = plant.render(part, camera)[1]
        assert picture.size == scene.size
        np.testing.assert_allclose(picture.truth.xyxy, truth.xyxy.astype(np.float64), atol=1e-3)
        np.testing.assert_array_equal(picture.truth.class_index, truth.class_id)
        sides = (truth.xyxy[:, 2:] - truth.xyxy[:, :2]).max(axis=1, initial=0)
        np.testing.assert_array_equal(picture.truth.ignored, sides < truth.limit_px)


def test_an_exported_data_set_is_the_same_every_time(exported):
    files = sorted(p.relative_to(exported / "a") for p in (exported / "a").rglob("*") if p.is_file())
    assert len(files) == 10
    assert all((exported / "a" / f).read_bytes() == (exported / "b" / f).read_bytes() for f in files)


def test_a_picture_names_its_part_its_camera_and_its_verdict(exported):
    document = json.loads((exported / "a" / "annotations.json").read_text())
    assert [c["id"] for c in document["categories"]] == [1, 2, 3, 4, 5, 6]
    assert [(i["part"], i["camera"]) for i in document["images"][:3]] == [(0, "top"), (0, "side"), (1, "top")]
    assert document["info"]["lighting"] == "evening"


def test_a_folder_that_holds_files_is_left_alone(cli, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    done = cli("demo", "--export-dataset", "mine", "--pictures", 2, *SMALL, code=2)
    assert "empty folder" in done.stderr
    assert [p.name for p in tmp_path.rglob("*")] == ["mine", "notes.txt"]


def test_an_export_that_cannot_be_written_is_exit_4_and_leaves_nothing(cli, tmp_path):
    (tmp_path / "taken").write_text("a file")
    cli("demo", "--export-dataset", "taken/set", "--pictures", 2, *SMALL, code=4)
    assert [p.name for p in tmp_path.rglob("*")] == ["taken"]
