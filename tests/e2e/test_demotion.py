"""A device that does not truly work, as the user of each command sees it: told at once, in every form, with its exit code."""

from __future__ import annotations

import csv
import json
import os

import pytest

from standin_package import install

LIES = "standin?behaves=swap,cpu"


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    return os.pathsep.join(
        filter(None, [str(install(tmp_path_factory.mktemp("packages"))), os.environ.get("PYTHONPATH")])
    )


@pytest.fixture
def lineside(cli, packages, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", packages)
    return cli


def warned(done):
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert line.startswith(
        "warning: asked for standin?behaves=swap, runs on cpu. Passed over: standin?behaves=swap: "
    )
    assert line.endswith("[device.mismatch] [device.demoted]")
    return True


def test_a_demotion_is_told_beside_the_table(lineside, plant):
    assert warned(lineside("detect", plant.model, *plant.pictures, "--devices", LIES))


def test_a_demotion_stands_in_every_line_of_json(lineside, plant):
    done = lineside("detect", plant.model, *plant.pictures, "--devices", LIES, "--jsonl")
    assert warned(done)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["device"], r["demoted"]) for r in records] == [("cpu", True)] * 3
    assert [len(r["detections"]) for r in records] == list(plant.spots)


def test_without_a_demotion_nothing_is_told(lineside, plant):
    done = lineside("detect", plant.model, *plant.pictures, "--devices", "standin:1,cpu", "--jsonl")
    assert "device.demoted" not in done.stderr
    assert {(r["device"], r["demoted"]) for r in map(json.loads, done.stdout.splitlines())} == {
        ("standin:1", False)
    }


def test_csv_keeps_its_columns_and_the_warning_goes_to_stderr(lineside, plant):
    done = lineside("detect", plant.model, *plant.pictures, "--devices", LIES, "--csv")
    assert warned(done)
    assert len(list(csv.DictReader(done.stdout.splitlines()))) >= sum(plant.spots)


def test_inspect_shows_what_was_asked_what_runs_and_why(lineside, plant):
    done = lineside("inspect", plant.model, "--devices", LIES)
    for text in ("asked for", "runs on", "passed over", "precision", "test picture", "threads"):
        assert text in done.stdout
    assert warned(done)


def test_inspect_writes_the_report_as_json(lineside, plant):
    document = json.loads(
        lineside("inspect", plant.model, "--devices", f"standin:0?behaves=nan,{LIES}", "--json").stdout
    )
    device = document["device"]
    assert device["got"] == "cpu"
    assert device["demoted"] is True
    assert [entry["code"] for entry in device["passed_over"]] == ["device.mismatch"] * 2
    assert device["nodes"] == {"CPUExecutionProvider": sum(device["nodes"].values())}
    assert device["share"] == 1
    assert device["probe"] is None


def test_inspect_without_devices_opens_no_session(lineside, plant):
    assert "device" not in json.loads(lineside("inspect", plant.model, "--json").stdout)


def test_track_has_the_report_in_its_document(lineside, plant):
    done = lineside("track", plant.model, plant.folder / "parts", "--devices", LIES, "--json")
    assert warned(done)
    assert json.loads(done.stdout)["device"]["demoted"] is True


def test_the_demo_tells_it_and_keeps_it_in_its_report(lineside, tmp_path):
    done = lineside("demo", "--seconds", "2", "--deadline-ms", "5000", "--devices", LIES)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: standin does not start: ")
    assert line.endswith("[device.not_started]")
    report = json.loads((tmp_path / "demo-report" / "report.json").read_text(encoding="utf-8"))
    assert "standin?behaves=swap" in report["settings"]["device"]
    assert "device.not_started" in {event["code"] for event in report["events"]}


REQUIRED = ("--devices", LIES, "--demotion", "require")


@pytest.mark.parametrize("command", ["inspect", "detect", "track"])
def test_a_required_device_that_does_not_work_is_exit_code_3(lineside, plant, command):
    source = () if command == "inspect" else (plant.folder / "parts",)
    done = lineside(command, plant.model, *source, *REQUIRED, code=3)
    assert done.stderr.splitlines()[-1].startswith(
        "error: standin?behaves=swap is required and does not work; cpu would. Passed over: standin?behaves=swap: "
    )
    assert done.stderr.strip().endswith("[device.demoted]")


def test_where_nothing_works_is_exit_code_3_with_every_reason(lineside, plant):
    done = lineside(
        "detect", plant.model, plant.pictures[0], "--devices", "standin?behaves=refuse,cuda:0", code=3
    )
    error = done.stderr.splitlines()[-1]
    assert "no device of the list works" in error
    assert "standin?behaves=refuse: stand-in: its driver is missing [device.driver]" in error
    assert "CUDAExecutionProvider" in error
    assert error.endswith("[device.unavailable]")


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        ("kuda:0,cpu", 'devices: unknown provider "kuda"; did you mean "cuda"?'),
        ("cpu?thread=2", 'devices: cpu: no such option "thread"'),
        ("cpu?execution_mode=fast", "devices: cpu: execution_mode: expected ORT_SEQUENTIAL or ORT_PARALLEL"),
        ("cpu,cpu", "devices: cpu stands in the list twice"),
        ("", "devices: the list is empty"),
        ("cpu?", "devices: expected provider, provider:device"),
    ],
)
def test_a_bad_list_is_exit_code_2_before_the_model_is_prepared(lineside, plant, devices, said):
    done = lineside("detect", plant.model, plant.pictures[0], "--devices", devices, code=2)
    assert said in done.stderr


def test_another_word_for_demotion_is_exit_code_2(lineside, plant):
    done = lineside("detect", plant.model, plant.pictures[0], "--demotion", "never", code=2)
    assert 'demotion: expected prefer or require; got "never"' in done.stderr


def test_a_device_that_does_not_exist_is_passed_over_naming_those_that_do(lineside, plant):
    done = lineside("detect", plant.model, plant.pictures[0], "--devices", "standin:7", code=3)
    assert 'Stand-in has no device "7" here; found: standin:0 (stand-in number 0), standin:1' in done.stderr


def test_an_old_name_is_taken_with_a_notice(lineside, plant):
    done = lineside("detect", plant.model, plant.pictures[0], "--devices", "understudy")
    assert "notice: understudy is an old name of standin" in done.stderr


def test_a_device_that_is_lost_in_its_first_run_is_passed_over(lineside, plant):
    done = lineside("detect", plant.model, plant.pictures[0], "--devices", "standin?behaves=vanish,cpu")
    assert "[device.lost] [device.demoted]" in done.stderr
