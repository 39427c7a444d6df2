"""`lineside plan` and `lineside simulate`, as their user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import pytest

from lineside import Size
from lineside.dispatch.simulation.planning import usual_seconds
from lineside.testing.graphs import colour_spots
from real_workers import counting_model

PLAN = ("plan", "--cameras", 40, "--fps", 25, "--deadline-ms", 20, "--seconds", 2)

LINE = """
[line]
deadline_ms = 20

[[camera]]
id = "top"
fps = 50
count = 8

[[camera]]
id = "view"
fps = 25
delivery = "latest"
deadline_ms = 100

[simulation]
devices = ["fastx2", "cpu=14"]
seconds = 3

[[simulation.fault]]
device = "fast-1"
kind = "hang"
from_s = 1
to_s = 2
"""


@pytest.fixture
def line(tmp_path):
    path = tmp_path / "line.toml"
    path.write_text(LINE)
    return path


def test_a_plan_tells_how_many_and_what_one_loss_costs(cli):
    text = cli(*PLAN, "--devices", "rtx4000x2").stdout
    assert "40 cameras, 1000 pictures a second" in text
    for part in ("When one dies", "How many of one kind are enough", "Latency over load"):
        assert part in text
    assert "assumed, not measured" in text


@pytest.mark.parametrize(("cameras", "seconds"), [(40, 10.0), (400, 5.0), (2000, 1.0), (9000, 1.0)])
def test_a_plan_of_very_many_pictures_plays_fewer_seconds_of_them(cameras, seconds):
    assert usual_seconds(cameras * 25.0) == seconds


def test_a_plan_as_json_holds_the_same(cli):
    plan = json.loads(cli(*PLAN, "--devices", "rtx4000x2", "--json").stdout)
    assert plan["asked_fps"] == 1000
    assert plan["all"]["lost"] == 0
    assert plan["needed"][0]["profile"] == "rtx4000"
    assert plan["needed"][0]["count_so_that_one_may_die"] == plan["needed"][0]["count"] + 1
    assert [loss["device"] for loss in plan["when_one_dies"]] == ["rtx4000-1"]
    assert plan["loads"][0]["in_time"] > plan["loads"][-1]["in_time"]
    assert all(device["source"].startswith("assumed") for device in plan["devices"])


def test_a_plan_says_what_the_engine_itself_takes(cli):
    text = " ".join(cli(*PLAN, "--devices", "fastx2").stdout.split())
    assert "Hand-over: " in text
    assert "from a run's end to its answer (measured " in text
    slow, none = (
        json.loads(cli(*PLAN, "--devices", "fastx2", "--handover-us", us, "--json").stdout) for us in (900, 0)
    )
    assert slow["handover"]["source"] == "given in the call"
    assert slow["handover"]["start_us"] == {"50": 900}
    assert slow["all"]["p50_ms"] > none["all"]["p50_ms"] + 1.5


def test_a_plan_is_drawn(cli, tmp_path):
    cli(*PLAN, "--devices", "fastx2,slow", "--plot", "plan.png")
    assert cv2.imread(str(tmp_path / "plan.png")).shape[0] > 500


def test_this_machine_is_measured_and_kept(cli, plant, tmp_path):
    (tmp_path / "mine.toml").write_text(
        "# by hand\n[profiles.a]\nmilliseconds = {1 = 3, 4 = 6}\nsource = 'x'\n"
    )
    few = ("plan", "--cameras", 1, "--fps", 5, "--deadline-ms", 500, "--seconds", 1, "--json")
    plan = json.loads(cli(*few, "--measure", plant.model, "--profiles", "mine.toml").stdout)
    assert plan["devices"][0]["name"] == "here-1"
    assert plan["devices"][0]["source"].startswith("measured ")
    again = json.loads(cli(*few, "--devices", "herex2", "--profiles", "mine.toml").stdout)
    assert [device["name"] for device in again["devices"]] == ["here-1", "here-2"]
    assert (
        (tmp_path / "mine.toml")
        .read_text()
        .startswith("# by hand\n[profiles.a]\nmilliseconds = {1 = 3, 4 = 6}\n")
    )
    assert "spots.onnx" in (tmp_path / "mine.toml").read_text()
    kept = tomllib.loads((tmp_path / "mine.toml").read_text()).get("handover")
    if kept is not None:  # a machine that stands still all the time cannot tell it, and says so
        assert again["handover"]["source"].startswith("measured ")
        assert again["handover"]["start_us"]["50"] == kept["start_us"]["50"]


def measured_here(cli, folder, *, dynamic_batch):
    """Milliseconds by batch size, as `plan --measure` keeps them of a model whose runs cost far more than their pictures."""
    spots = colour_spots(Size(height=64, width=64), dynamic_batch=dynamic_batch)
    model = counting_model(spots, above=-1.0, turns=10_000)
    (folder / "batches.onnx").write_bytes(model.SerializeToString())
    few = ("plan", "--cameras", 1, "--fps", 1, "--deadline-ms", 5000, "--seconds", 1, "--json")
    plan = json.loads(cli(*few, "--measure", "batches.onnx", "--profiles", "mine.toml").stdout)
    assert plan["devices"][0]["source"].startswith("measured ")
    here = tomllib.loads((folder / "mine.toml").read_text())["profiles"]["here"]["milliseconds"]
    return {int(size): milliseconds for size, milliseconds in here.items()}


def test_batches_are_measured_where_the_file_takes_them(cli, tmp_path):
    took = {}
    for _ in range(3):  # a machine that is busy for a moment can make one measurement say that no batch pays
        took = measured_here(cli, tmp_path, dynamic_batch=True)
        if max(took) > 1:
            break
    assert took[2] / 2 < took[1]
    assert list(took) == list(range(1, max(took) + 1))


def test_a_file_for_single_pictures_is_measured_with_those(cli, tmp_path):
    assert list(measured_here(cli, tmp_path, dynamic_batch=False)) == [1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--devices", "rtx400x2"), 'no profile "rtx400"; did you mean "rtx4000"? known: fast'),
        (("--devices", "rtx4000x2", "--deadline-ms", "1"), "within 1 ms; the fastest, rtx4000-1, takes 2 ms"),
        ((), "--devices: expected a list of devices. Known are fast"),
        (("--devices", ""), "devices: expected a comma list of a profile's name"),
        (("--devices", "fast", "--seed", "-1"), "-1 is not in the range x>=0"),
        (("--devices", "fast", "--fps", "0"), "--fps: expected a number above 0"),
        (("--devices", "fast", "--delivery", "lastest"), 'did you mean "latest"?'),
        (("--devices", "fast", "--routing", "robin"), 'no policy "robin"'),
        (("--devices", "fast", "--tails", "2"), "--tails: expected a share of 0 to 1"),
        (("--devices", "fast", "--handover-us", "-1"), "--handover-us: expected 0 to 1000000 microseconds"),
        (("--devices", "fast", "--max-misses", "-1"), "--max-misses: expected a share of 0 to 1"),
        (("--devices", "fast", "--profiles", "none.toml"), "none.toml: the profiles cannot be read"),
    ],
)
def test_bad_input_of_a_plan_is_told(cli, options, says):
    assert says in cli(*PLAN, *options, code=2).stderr


@pytest.mark.parametrize(
    ("plot", "says"),
    [
        ("missing/plan.png", "there is no folder missing"),
        ("plan.txt", "expected a name that ends in .png"),
        ("folder.png", "it is a folder"),
        ("plan", "expected a name that ends in .png"),
        ("plan.svg", "expected a name that ends in .png"),
        (".", "it is a folder"),
    ],
)
def test_a_plot_that_cannot_be_written_is_told_before_the_run(cli, line, tmp_path, plot, says):
    (tmp_path / "folder.png").mkdir()
    plan = ("plan", "--cameras", 9000, "--fps", 25, "--devices", "fast=1+1b@8x99", "--seconds", 1000)
    for command in (plan, ("simulate", line, "--seconds", 86_400)):
        assert f"{plot}: the plot cannot be written: {says}" in cli(*command, "--plot", plot, code=4).stderr


def test_a_plot_that_cannot_be_written_costs_no_tables(cli, line, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        "import matplotlib.figure\n"
        "def full(*_, **__): raise OSError(28, 'No space left on device')\n"
        "matplotlib.figure.Figure.savefig = full\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    for command in ((*PLAN, "--devices", "fast"), ("simulate", line)):
        done = cli(*command, "--plot", "plan.png", code=4)
        assert "Pictures" in done.stdout
        assert "Plot:" not in done.stdout
        assert "plan.png: the plot cannot be written" in done.stderr


def test_a_hand_over_that_leaves_no_time_is_told(cli):
    text = " ".join(cli(*PLAN, "--devices", "fastx4", "--deadline-ms", 2).stdout.split())
    assert "The hand-over is what is too long: the fastest device, fast-1, takes 2 ms for a picture" in text
    assert "no number is" in text
    assert "p50 and p99, here and below, are of the pictures in time" in text


def test_a_line_is_simulated_with_its_fault(cli, line, tmp_path):
    text = cli("simulate", line, "--plot", "run.png").stdout
    assert "What happened to devices" in text
    assert "quarantined" in text
    assert cv2.imread(str(tmp_path / "run.png")).shape[0] > 500


def test_a_simulation_as_json(cli, line):
    run = json.loads(cli("simulate", line, "--json").stdout)
    assert run["cameras"] == 9
    assert run["all"]["lost"] == 0
    assert run["by_delivery"]["every_part"]["dropped"] == 0
    assert [d["name"] for d in run["devices"]] == ["fast-1", "fast-2", "cpu-1"]
    last = [mark for mark in run["health"] if mark["device"] == "fast-1"][-1]
    assert (last["health"], last["at_s"] < 3) == ("healthy", True)


def test_a_simulation_is_repeated_by_its_seed(cli, line):
    one, same, other = (cli("simulate", line, "--json", "--seed", seed).stdout for seed in (3, 3, 4))
    assert one == same != other


def test_a_file_may_say_what_the_engine_takes_and_the_call_goes_before_it(cli, line):
    line.write_text(LINE.replace("seconds = 3", "seconds = 3\nhandover_us = 250"))
    run = json.loads(cli("simulate", line, "--json").stdout)
    assert run["handover"]["end_us"] == {"50": 250}
    assert run["handover"]["source"] == "simulation.handover_us of the file"
    assert 0 <= run["handing_over"] <= 1
    run = json.loads(cli("simulate", line, "--json", "--handover-us", 0).stdout)
    assert run["handover"]["end_us"] == {"50": 0}


def test_another_policy_can_be_tried(cli, line):
    done = cli("simulate", line, "--json", "--routing", "round_robin", "--seconds", 1)
    run = json.loads(done.stdout)
    assert "the fault of fast-1 at 1 s is after the end of this run" in done.stderr
    assert (run["routing"], run["seconds"]) == ("round_robin", 1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("fps = 50", "fsp = 50", 'camera[0].fsp: no such key; did you mean "fps"?'),
        ("seconds = 3", "seed = -1", "simulation.seed: expected"),
        ("seconds = 3", "handover_us = -3", "simulation.handover_us: expected"),
        ('kind = "hang"', 'kind = "hung"', "simulation.fault[0].kind: expected 'error'"),
        ("deadline_ms = 20", "deadline_ms = 1", "the fastest, fast-1, takes 2 ms"),
        ("[line]", "[line", "no TOML"),
        ("fps = 50", "fps = 1e9", "camera[0].fps: expected less than or equal to 100000"),
        ("fps = 50", "fps = nan", "camera[0].fps: expected a finite number"),
        ("deadline_ms = 20", 'deadline_ms = "20"', "line.deadline_ms: expected a number"),
        ("deadline_ms = 20", "deadline_ms = true", "line.deadline_ms: expected a number"),
        ('["fastx2", "cpu=14"]', "[]", "simulation.devices: expected at least 1 entry; got []"),
        ("seconds = 3", "seconds = 1", "simulation.fault[0].from_s: expected a time before the end"),
        ("seconds = 3", "seconds = 80_000", "expected at most 5000000 pictures in all"),
    ],
)
def test_bad_input_of_a_simulation_is_told(cli, line, old, new, says):
    line.write_text(LINE.replace(old, new, 1))
    error = cli("simulate", line, code=2).stderr
    assert "line.toml" in error
    assert says in error


@pytest.mark.parametrize("seconds", ["nan", "0", "1e9"])
def test_seconds_that_are_none_are_told(cli, line, seconds):
    error = cli("simulate", line, "--seconds", seconds, code=2).stderr
    assert "--seconds: expected a number of 0.01 to 86400" in error


def test_a_file_may_begin_with_a_byte_order_mark(cli, line):
    line.write_text(LINE, encoding="utf-8-sig")
    assert "9 cameras" in cli("simulate", line, "--seconds", 2).stdout


def written_to(target, *arguments, **environment):
    with Path(target).open("w") as stdout:
        return subprocess.run(
            [sys.executable, "-m", "lineside.cli.app", *map(str, arguments)],
            env=os.environ | environment, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_full_disk_is_told_in_a_sentence(line, more, unbuffered):
    few = ("plan", "--cameras", 1, "--fps", 5, "--seconds", 1, "--devices", "fast")
    for command in (few, ("simulate", line)):
        done = written_to("/dev/full", *command, *more, PYTHONUNBUFFERED=unbuffered)
        assert done.returncode == 4
        assert done.stderr.startswith("error: standard output: cannot be written: No space left on device")
        assert len(done.stderr.splitlines()) == 1


def test_a_terminal_without_greek_letters_shows_tables_all_the_same(line, tmp_path):
    done = written_to(tmp_path / "out", "simulate", line, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Hand-over: " in (tmp_path / "out").read_text(encoding="ascii")


def test_a_file_that_is_not_there_is_told(cli):
    assert "none.toml: it cannot be read" in cli("simulate", "none.toml", code=2).stderr
