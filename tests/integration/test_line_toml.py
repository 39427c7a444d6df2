"""Lines from their settings: drawn cameras, a real model, real links and outputs."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from lineside.core.errors import LinesideError, OutputError, SettingsError
from lineside.core.verdict import Reason, Verdict
from lineside.line.line import Line
from lineside.line.settings.reading import LineSettings
from lineside.testing.graphs import colour_spots

CAMERA = """
[[camera]]
id = "{name}"
source = "synthetic:disc?camera={name}&size=320x320"
trigger = "{trigger}"
{more}
"""
MODEL = """
[model]
path = "spots.onnx"
[[rule]]
kind = "forbid"
min_confidence = 0.999
"""
RECIPE = """
schema = 1
code = "{code}"
[model]
path = "../spots.onnx"
[[rule]]
kind = "forbid"
min_confidence = {confidence}
[end]
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LINESIDE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def written(tmp_path):
    (tmp_path / "spots.onnx").write_bytes(colour_spots().SerializeToString())

    def write(*, trigger="software", cameras=("top",), line="parts_per_minute = 300", more="", tables=MODEL):
        drawn = "".join(CAMERA.format(name=name, trigger=trigger, more=more) for name in cameras)
        head = f'schema = 1\n[line]\nname = "caps"\ndeadline_ms = 5000\n{line}\n'
        (tmp_path / "line.toml").write_text(head + drawn + tables)
        return tmp_path / "line.toml"

    return write


def heard(file, seconds, **how):
    """The answers of a line that runs for some seconds, and its statistics."""
    line, answers = Line.from_toml(file), []
    line.hear(answers.append)
    statistics = line.run(seconds, **how)
    assert Counter(a.part for a in answers) == Counter(range(statistics.triggered))
    return answers, statistics


def test_parts_at_a_rate_are_seen_by_every_camera_judged_and_kept(written, tmp_path):
    tables = MODEL + '[[output]]\nkind = "folder"\npath = "kept"\npictures = "none"\n'
    answers, statistics = heard(written(cameras=("top", "side"), tables=tables), 2.0)
    assert statistics.verdicts == {Verdict.PASS: 10, Verdict.FAIL: 0, Verdict.UNKNOWN: 0}
    assert [[v.camera for v in a.views] for a in answers[:1]] == [["top", "side"]]
    assert all(view.frame.part == answer.part for answer in answers for view in answer.views)
    assert [(d.name, d.frames) for d in statistics.devices] == [("cpu", 20)]
    records = [json.loads(path.read_text()) for path in (tmp_path / "kept").rglob("*.json")]
    assert sorted(record["part"] for record in records) == list(range(10))
    assert {record["line"] for record in records} == {"caps"}


def test_several_shots_of_a_part_are_views_of_one_answer(written):
    answers, _ = heard(written(more="shots = 2"), 1.0)
    assert {tuple(v.camera for v in a.views) for a in answers} == {("top/1", "top/2")}
    assert {a.verdict for a in answers} == {Verdict.PASS}


def test_each_picture_of_a_free_camera_is_a_part(written):
    answers, statistics = heard(written(trigger="free", line="", more="fps = 10"), 2.0)
    assert len(answers) >= 5
    assert statistics.verdicts[Verdict.PASS] == len(answers)


def test_two_wired_cameras_are_joined_to_one_part(written):
    file = written(trigger="free", line="join_ms = 200", cameras=("top", "side"), more="fps = 2")
    answers, _ = heard(file, 3.0)
    whole = [a for a in answers if a.verdict is Verdict.PASS]
    assert whole
    assert all([v.frame.part for v in a.views] == [a.part, a.part] for a in whole)


def test_a_picture_that_is_not_well_is_never_passed(written):
    answers, _ = heard(written(more="health = { brightest = 1.0 }"), 1.0)
    assert {(a.verdict, a.reason) for a in answers} == {(Verdict.UNKNOWN, Reason.IMAGE_UNHEALTHY)}


def test_the_ejector_moves_what_has_not_passed(written, tmp_path):
    (tmp_path / "valve").write_text("0")
    tables = MODEL.replace("0.999", "0.0") + (
        f'[ejector]\ndelay_ms = 5000\npulse_ms = 50\noutput = {{ kind = "file", path = "{tmp_path}/valve" }}\n'
    )
    line = Line.from_toml(written(tables=tables))
    seen = set()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(line.run, 6.0)
        while not future.done():
            seen.add((tmp_path / "valve").read_text())
        assert future.result().verdicts[Verdict.PASS] == 0
    assert seen == {"0", "1"}
    assert (tmp_path / "valve").read_text() == "0"


PLC = '[plant]\nkind = "modbus_server"\nport = 0\n'


def link_of(line):
    return line._built.parts.plant._links[0]


def controlled(line, program):
    """Run a line, and a control's program beside it; the line's statistics."""
    from lineside.testing.plc.modbus import ModbusClientPlc
    from lineside.testing.plc.simulator import PlcSimulator

    is_ready = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(line.run, ready=is_ready.set)
        try:
            while not is_ready.wait(0.05):
                assert not future.done(), future.exception()
            peer = ModbusClientPlc()
            peer.attach(link_of(line))
            program(PlcSimulator(peer))
        finally:
            line.stop()
        statistics = future.result(60)
        peer.close()
    return statistics


def test_the_plant_triggers_each_part_and_hears_its_own_number_with_the_answer(written):
    pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
    line = Line.from_toml(written(trigger="plc", line="", tables=MODEL + PLC))
    answers, statuses = [], []
    line.hear(answers.append)
    statistics = controlled(
        line, lambda plc: statuses.extend(plc.part(number, serial=f"S{number}") for number in (11, 12, 13))
    )
    assert [status.answered_id for status in statuses] == [11, 12, 13]
    assert [(a.origin.trigger, a.origin.serial) for a in answers] == [(11, "S11"), (12, "S12"), (13, "S13")]
    assert {a.verdict for a in answers} == {Verdict.PASS}
    assert statistics.triggered == statistics.answered == 3


def test_the_product_that_the_plant_names_chooses_the_recipe_and_an_unknown_one_is_unknown(written, tmp_path):
    pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
    (tmp_path / "recipes").mkdir()
    for code, confidence in (("good", 0.999), ("strict", 0.0)):
        (tmp_path / "recipes" / f"{code}.toml").write_text(RECIPE.format(code=code, confidence=confidence))
    tables = PLC + '[recipes]\nfolder = "recipes"\n'
    line = Line.from_toml(written(trigger="plc", line="", tables=tables))
    answers = []
    line.hear(answers.append)
    products = ("good", "strict", "nobody", "good", "")
    controlled(line, lambda plc: [plc.part(n, product=code) for n, code in enumerate(products, 1)])
    assert [(a.origin.product, a.verdict, a.reason) for a in answers] == [
        ("good", Verdict.PASS, None),
        ("strict", Verdict.FAIL, None),
        ("nobody", Verdict.UNKNOWN, Reason.RECIPE_UNKNOWN),
        ("good", Verdict.PASS, None),
        ("", Verdict.UNKNOWN, Reason.RECIPE_UNKNOWN),
    ]


def test_a_port_that_is_taken_is_refused_and_nothing_is_left_running(written):
    pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        tables = MODEL + PLC.replace("port = 0", f"port = {port}")
        line = Line.from_toml(written(trigger="plc", line="", tables=tables))
        before = threading.active_count()
        with pytest.raises(OutputError, match="port"):
            line.run(1.0)
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("tables", "hint"),
    [
        (MODEL.replace("spots.onnx", "nowhere.onnx"), "nowhere.onnx"),
        (MODEL + 'classes = ["dent"]\n', 'no class "dent"'),
        (MODEL + 'cameras = ["side"]\n', 'no camera "side"'),
        (MODEL.replace("[[rule]]", "confidence = 0.9999\n[[rule]]"), "no rule can see"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_before_anything_runs(written, tables, hint):
    with pytest.raises(LinesideError, match=hint):
        Line.from_toml(written(tables=tables))


def test_a_deadline_that_no_device_can_keep_is_refused_at_the_start(written):
    file = written()
    file.write_text(file.read_text().replace("deadline_ms = 5000", "deadline_ms = 0.01"))
    with pytest.raises(SettingsError, match="deadline"):
        Line.from_toml(file)


def test_health_tells_of_cameras_devices_and_counts(written):
    line = Line.from_toml(written(line='parts_per_minute = 300\nhealth_file = "health.json"'))
    line.run(1.5)
    health = json.loads(line.settings.path("health.json").read_text())
    assert health["line"] == "caps"
    assert health["answered"] == health["triggered"] > 0
    assert health["cameras"]["top"]["frames"] == health["answered"]
    assert (health["cameras"]["top"]["clock"], health["cameras"]["top"]["clock_offset_s"]) == ("", None)
    assert health["devices"][0]["name"] == "cpu"
    assert health["state"] == "stopping"


def test_a_line_that_is_never_run_lets_go_of_what_it_opened(written):
    line = Line(LineSettings.read(written()))
    line.close()
