"""The file of `lineside simulate`."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError, UnknownNameError
from lineside.dispatch.simulation.handover import Handover
from lineside.dispatch.simulation.layout import read_scenario
from lineside.dispatch.simulation.planning import (
    check_deadline,
    check_size,
    make_plan,
    steps,
    usual_seconds,
)
from lineside.dispatch.simulation.profiles import parse_devices, shipped_profiles
from lineside.dispatch.simulation.scenario import Scenario, SimulatedStream

FILE = """
[line]
name = "caps"
deadline_ms = 20

[[camera]]
id = "top"
source = "synthetic:cap"
trigger = "hardware"
fps = 25
count = 3

[[camera]]
id = "view"
fps = 10
delivery = "latest"
deadline_ms = 100

[devices]
routing = "earliest_completion"
priority = ["cuda:0"]

[simulation]
devices = ["fast", "slow"]
seconds = 2

[[simulation.fault]]
device = "fast-1"
kind = "slow"
from_s = 1
"""


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        path = tmp_path / "line.toml"
        path.write_text(text)
        return read_scenario(path, shipped_profiles())

    return from_text


def test_a_file_is_read(read):
    found = read(FILE)
    assert [s.name for s in found.streams] == ["top-1", "top-2", "top-3", "view"]
    assert (found.streams[3].deadline_s, found.streams[3].delivery) == (0.1, Delivery.LATEST)
    assert [d.name for d in found.devices] == ["fast-1", "slow-1"]
    assert found.faults[0].to_s == math.inf
    assert found.seconds == 2
    assert found.asked_fps == 85


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("fps = 25", "fsp = 25", r'camera\[0\].fsp: no such key; did you mean "fps"'),
        ("fps = 25", "", r"camera\[0\].fps: this key is missing"),
        ("fps = 25", "fps = 0", r"camera\[0\].fps: expected greater than 0; got 0"),
        ("fps = 25", 'fps = "x"', r'camera\[0\].fps: expected .*number.*; got "x"'),
        ('"latest"', '"newest"', r"camera\[1\].delivery: expected 'every_part' or 'latest'; got \"newest\""),
        ('id = "view"', 'id = "top-2"', 'expected each id once; got "top-2" twice'),
        (
            'kind = "slow"',
            'kind = "slwo"',
            r"simulation.fault\[0\].kind: expected 'error'.*; got \"slwo\"; did you mean \"slow\"\?",
        ),
        ("from_s = 1", "from_s = 1\nto_s = 1", r"simulation.fault\[0\].to_s: expected a time after"),
        ('device = "fast-1"', 'device = "fast"', 'no device "fast"; did you mean "fast-1"'),
        ('"slow"]', '"slwo"]', 'no profile "slwo"; did you mean "slow"'),
        ("earliest_completion", "earliest", "devices.routing: no policy"),
        ("[simulation]", "[simulations]", 'simulations: no such key; did you mean "simulation"'),
        ("[line]", "[line", "no TOML"),
    ],
)
def test_what_is_wrong_is_named(read, old, new, says):
    with pytest.raises(SettingsError, match=says) as refusal:
        read(FILE.replace(old, new, 1))
    assert "line.toml: " in str(refusal.value)


def test_an_unknown_name_stays_one(read):
    with pytest.raises(UnknownNameError):
        read(FILE.replace("earliest_completion", "earliest"))


def test_a_deadline_that_no_device_makes_is_refused_with_the_fastest(read):
    scenario = read(FILE.replace("deadline_ms = 20", "deadline_ms = 1.5"))
    with pytest.raises(SettingsError, match=r"within 1.5 ms; the fastest, fast-1, takes 2 ms"):
        check_deadline(scenario, "line.toml")


def test_a_plan_says_how_many_are_needed_and_what_one_loss_costs(read):
    text = FILE.replace("fps = 25", "fps = 400").partition("[[simulation.fault]]")[0]
    scenario = read(text.replace('["fast", "slow"]', '["fastx2"]'))
    taken = []
    report = make_plan(scenario, on_step=lambda: taken.append(None))
    assert len(taken) == steps(scenario)
    assert report.enough
    assert [(n.profile, n.count, n.with_loss) for n in report.needed] == [("fast", 2, 3)]
    assert [(loss.device, loss.enough) for loss in report.losses] == [("fast-1", False)]
    assert report.loads[0].figures.in_time > report.loads[-1].figures.in_time


def test_no_number_of_devices_is_enough_where_each_is_too_slow(read):
    scenario = read(FILE.replace("deadline_ms = 20", "deadline_ms = 5").partition("[[simulation.fault]]")[0])
    report = make_plan(scenario)
    assert {n.profile: n.count for n in report.needed}["slow"] is None


def asked(devices, *, cameras=40, fps=25.0, deadline_s=0.02, seconds=1.0, **more):
    streams = tuple(SimulatedStream(f"camera-{k}", fps, deadline_s) for k in range(cameras))
    return Scenario(streams, parse_devices(devices, shipped_profiles()), seconds=seconds, **more)


def needed(scenario, **more):
    (found,) = make_plan(scenario, **more).needed
    return found.count, found.more_than


def test_fewer_devices_than_the_pictures_ask_for_are_enough_where_many_may_miss():
    assert needed(asked("fast"), max_misses=0.5) == (1, None)


def test_more_devices_than_are_tried_is_another_answer_than_no_number():
    assert needed(asked("cpux300", cameras=2000, fps=10, seconds=0.1)) == (None, 256)
    kept = Handover.constant(90)
    assert needed(asked("fast", cameras=4, deadline_s=0.002, handover=kept)) == (None, None)


def test_an_engine_that_is_short_itself_is_no_matter_of_devices():
    busy = Handover.measured({50: 0}, {50: 0}, "a test", python=1500)
    assert needed(asked("fast", handover=busy, seconds=0.2)) == (None, None)


def test_quick_devices_are_not_simulated_with_more_pictures_than_a_plan_has_time_for():
    loads = make_plan(asked("card=0.05+0.01b@8", cameras=4, seconds=0.5, handover=Handover.constant(0))).loads
    assert len(loads) == 10
    assert all(point.fps * point.seconds <= 20_001 for point in loads)
    assert make_plan(asked("fastx9999", cameras=2, fps=3, seconds=0.5)).loads == ()


def test_pictures_without_end_are_refused_before_they_are_made():
    assert usual_seconds(2_500_000) == pytest.approx(0.1)
    with pytest.raises(SettingsError, match="expected at most 5000000 pictures in all; got 10000000"):
        check_size(replace(asked("fast"), seconds=10_000), "--seconds")


def test_a_run_without_a_picture_is_refused():
    with pytest.raises(SettingsError, match="no picture comes within 1e-09 virtual seconds"):
        make_plan(asked("fast", cameras=1, seconds=1e-9))
