"""`lineside run`, `check` and `init` as their user calls them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import contextmanager

import cv2
import pytest

SETTINGS = """
schema = 1
[line]
name = "caps"
deadline_ms = 5000
parts_per_minute = 300
health_file = "health.json"
[[camera]]
id = "top"
source = "synthetic:disc?size=320x320"
trigger = "software"
[model]
path = "{model}"
[[rule]]
kind = "forbid"
min_confidence = 0.999
"""


@pytest.fixture
def line(tmp_path, plant):
    path = tmp_path / "line.toml"
    path.write_text(SETTINGS.format(model=plant.model))
    return path


def records(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def check_once(log):
    """Every part that came was answered exactly once."""
    (end,) = [record for record in log if record["kind"] == "end"]
    parts = Counter(record["part"] for record in log if record["kind"] == "part")
    assert parts == Counter(range(end["triggered"]))
    assert end["answered"] == end["triggered"]
    return end


def test_a_line_runs_and_tells_each_part(cli, line, tmp_path):
    log = records(cli("run", "line.toml", "--seconds", 2, "--log", "json", "--parts").stderr)
    end = check_once(log)
    assert end["verdicts"] == {"PASS": 10, "FAIL": 0, "UNKNOWN": 0}
    assert {record["line"] for record in log} == {"caps"}
    assert json.loads((tmp_path / "health.json").read_text())["answered"] == 10


def test_without_a_terminal_the_screen_is_lines_of_text(cli, line):
    text = cli("run", "--seconds", 1).stdout
    assert "parts/min" in text
    assert "PASS" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_line_with_every_part_answered(line, cache, tmp_path, number):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(60)
        environment = os.environ | {
            "LINESIDE_CACHE": str(cache),
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": "900000",
        }
        call = [sys.executable, "-m", "lineside.cli.app", "run", "line.toml", "--log", "json", "--parts"]
        with subprocess.Popen(call, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as run:
            words = []
            while "WATCHDOG=1" not in words or not any(word.startswith("READY=1") for word in words):
                words.append(manager.recv(4096).decode())
            early = [run.stderr.readline() for _ in range(3)]
            run.send_signal(number)
            rest = run.communicate(timeout=60)[1]
            while not words[-1].startswith("STOPPING=1"):
                words.append(manager.recv(4096).decode())
    assert run.returncode == 0, rest
    assert "Traceback" not in rest
    check_once(records("".join(early) + rest))


BAD = {
    "a key that is none": (("deadline_ms", "deadline_mss"), 'did you mean "deadline_ms"'),
    "a value of another type": (("= 300", '= "often"'), "line.parts_per_minute: expected"),
    "a class that the model does not have": (
        ("min_confidence", 'classes = ["dent"]\nmin_confidence'),
        'no class "dent"',
    ),
    "a model that is not there": (("path = ", 'path = "nowhere.onnx" #'), "nowhere.onnx"),
    "no TOML": (("[line]", "[line"), "expected TOML"),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_exit_2_and_nothing_is_started(cli, line, tmp_path, case, command):
    change, hint = BAD[case]
    line.write_text(line.read_text().replace(*change))
    done = cli(command, "line.toml", code=2)
    assert hint in done.stderr + done.stdout
    assert "line.toml" in done.stderr + done.stdout
    assert not (tmp_path / "health.json").exists()


def test_a_file_that_is_not_there_is_exit_2(cli):
    assert "cannot be read" in cli("run", "nowhere.toml", code=2).stderr


def test_what_is_written_for_this_machine_is_right_and_runs_at_once(cli, tmp_path):
    assert "lineside run" in cli("init", "--drawn").stdout
    text = (tmp_path / "line.toml").read_text()
    assert text.count("[[camera]]") == 2
    table = cli("check").stdout
    assert "wrong" not in table
    assert "yolov8" in table
    (tmp_path / "line.toml").write_text(text.replace("deadline_ms = 500", "deadline_ms = 20000"))
    end = check_once(records(cli("run", "--seconds", 2, "--log", "json", "--parts").stderr))
    assert end["verdicts"]["UNKNOWN"] == 0


def test_settings_that_are_there_are_not_written_over(cli, line):
    before = line.read_text()
    assert "--overwrite" in cli("init", code=2).stderr
    assert line.read_text() == before
    cli("init", "--overwrite", "--drawn")
    assert line.read_text() != before


def test_a_check_tells_all_that_is_wrong_at_once(cli, line, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line.write_text(
            line.read_text().replace("synthetic:disc", "folder:nowhere")
            + f'[[plant]]\nkind = "modbus_server"\nport = {port}\n'
            + '[[output]]\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\n'
            + f'[view]\nto = "{port}"\n'
        )
        found = {one["what"]: one for one in json.loads(cli("check", "--json", code=2).stdout)}
    assert not found["camera top"]["is_right"]
    assert "another program has it" in found["plant modbus_server"]["found"]
    assert "does not answer" in found["output webhook"]["found"]
    assert "another program has it" in found[f"view {port}"]["found"]
    assert found["model and rules"]["is_right"]
    assert found["devices"]["is_right"]
    assert not (tmp_path / "outbox").exists()


def test_a_port_that_is_taken_alone_is_exit_4(cli, line):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line.write_text(
            f'{line.read_text()}[[plant]]\nkind = "modbus_server"\nport = {taken.getsockname()[1]}\n'
        )
        assert "wrong" in cli("check", code=4).stdout


def test_parts_of_a_line_with_one_product_are_judged_again_by_its_own_settings(cli, line):
    line.write_text(line.read_text() + '[trace]\nfolder = "trace"\nkeep = { every = 1 }\n')
    cli("run", "line.toml", "--seconds", 1, "--log", "json")
    line.write_text("changed since")
    assert "0 of 5 parts are judged otherwise" in cli("replay", "trace", "all").stdout


def test_the_view_shows_what_each_camera_saw_last(cli, line, tmp_path):
    cli("run", "line.toml", "--seconds", 1, "--log", "json", "--view", "view")
    assert (tmp_path / "view" / "top.jpg").stat().st_size > 1000
    assert "top.jpg" in (tmp_path / "view" / "index.html").read_text()


@contextmanager
def running(line, cache, tmp_path, *more):
    """A line in a process of its own, and the place of its view, which it tells when that is open."""
    call = [sys.executable, "-m", "lineside.cli.app", "run", "line.toml", "--log", "json", *more]
    environment = os.environ | {"LINESIDE_CACHE": str(cache)}
    with subprocess.Popen(call, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as run:
        try:
            told = next(
                record for row in run.stderr if (record := json.loads(row)).get("code") == "view.open"
            )
            yield run, told["sentence"].split()[-1]
        finally:
            run.kill()


def read_url(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def test_browsers_see_the_line_and_a_stop_waits_for_none_of_them(line, cache, tmp_path):
    with running(line, cache, tmp_path, "--view", "0") as (run, url):
        assert b"caps" in read_url(url)
        while not json.loads(read_url(f"{url}state.json"))["answered"]:
            pass
        assert read_url(f"{url}snapshot/top.jpg").startswith(b"\xff\xd8")
        with urllib.request.urlopen(f"{url}stream/top.mjpg", timeout=30) as stream:
            assert stream.read(5000).startswith(b"--lineside-picture")
            run.send_signal(signal.SIGTERM)
            log = records(run.stderr.read())
            assert run.wait(60) == 0
        (end,) = [record for record in log if record["kind"] == "end"]
        assert end["answered"] == end["triggered"]


def films(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = 0
    while capture.read()[0]:
        count += 1
    return count


def test_a_film_of_a_line_that_is_killed_can_be_played_as_far_as_it_came(line, cache, tmp_path):
    file = tmp_path / "shift.mp4"
    with running(line, cache, tmp_path, "--view", "shift.mp4") as (run, place):
        assert place == "shift.mp4"
        while not file.exists() or file.stat().st_size < 100_000:
            assert run.poll() is None
        run.kill()
        run.wait(60)
    assert films(file) >= 2
    line.write_text(line.read_text() + '[view]\nto = "shift.mp4"\n')
    with running(line, cache, tmp_path, "--seconds", "2") as (run, place):
        assert place == "shift-2.mp4"
        run.stderr.read()
        assert run.wait(60) == 0
    assert films(tmp_path / "shift-2.mp4") >= 2


@pytest.mark.parametrize(
    ("place", "code"), [("shift.avi", 2), ("https://127.0.0.1:8080", 2), ("http://192.0.2.1:0", 4)]
)
def test_a_view_that_leads_nowhere_is_refused_and_nothing_is_started(cli, line, tmp_path, place, code):
    told = cli("run", "line.toml", "--seconds", 1, "--view", place, code=code).stderr
    assert "view" in told
    assert "Traceback" not in told
    assert not (tmp_path / "health.json").exists()


def test_a_view_that_cannot_be_written_is_exit_4_and_nothing_is_started(cli, line, tmp_path):
    (tmp_path / "view").write_text("a file")
    cli("run", "line.toml", "--seconds", 1, "--view", "view", code=4)
    assert not (tmp_path / "health.json").exists()


def test_where_nobody_knows_the_truth_no_escapes_are_counted(cli, line, plant):
    source = 'source = "folder:{}"\nfeatures = {{ play = "once" }}\nfps = 5.0'.format(plant.folder / "parts")
    text = line.read_text().replace('source = "synthetic:disc?size=320x320"', source)
    line.write_text(text.replace('"software"', '"free"').replace("parts_per_minute = 300\n", ""))
    shown = cli("run", "--seconds", 2).stdout
    assert "parts/min" in shown
    assert "escapes" not in shown
