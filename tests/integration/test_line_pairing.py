"""A whole line whose cameras a photo-eye fires, and whose control names each part over Modbus."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from lineside import Size
from lineside.core.verdict import Reason, Verdict
from lineside.line.line import Line
from lineside.line.outside import Outside
from lineside.line.settings.reading import LineSettings
from lineside.outputs.plant.codes import REASON_CODES, VERDICT_CODES
from lineside.testing.graphs import colour_spots, draw_spots
from lineside.testing.plc.simulator import PlcSimulator
from lineside.testing.wired import WiredCameras

pytest.importorskip("pymodbus", reason="the extra modbus is not installed")

PAIR_S = 0.3
TOML = """
schema = 1
[line]
name = "caps"
deadline_ms = 20000
pair_ms = 300
grace_ms = 400
[[camera]]
id = "top"
source = "synthetic:disc?camera=top&size=320x320"
trigger = "hardware"
health = { enabled = false }
[[camera]]
id = "side"
source = "synthetic:disc?camera=side&size=320x320"
trigger = "hardware"
health = { enabled = false }
[model]
path = "spots.onnx"
[[rule]]
kind = "forbid"
min_confidence = 0.5
[plant]
kind = "modbus_server"
port = 0
depth = 8
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LINESIDE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


class Belt:
    """The photo-eye and the control of a line that runs: parts pass it, each good or bad."""

    def __init__(self, line, cameras, plc):
        self.line, self.cameras, self.plc = line, cameras, plc
        self.rng = np.random.default_rng(11)
        self._next_s = 0.0

    def picture(self, *, is_bad):
        return draw_spots(self.rng, Size(320, 320), int(is_bad) * 2).image

    def part(self, number, *, is_bad=False, fires=("top", "side"), lost=(), is_told=True):
        """A part passes: who is fired, whose picture is lost, and whether the control tells of it. What the control hears."""
        seen = {camera: self.picture(is_bad=is_bad) for camera in fires}
        time.sleep(max(self._next_s - time.monotonic(), 0.0))
        for camera, image in seen.items():
            self.cameras.fire(camera, image, is_lost=camera in lost)
        if is_told:
            self.plc.trigger(number, serial=f"S{number}", product="")
        self._next_s = time.monotonic() + 2.5 * PAIR_S
        return self.plc.acknowledge()


@contextmanager
def running(folder):
    """A line, its answers, and its belt."""
    from lineside.testing.plc.modbus import ModbusClientPlc

    (folder / "spots.onnx").write_bytes(colour_spots().SerializeToString())
    (folder / "line.toml").write_text(TOML)
    cameras = WiredCameras()
    line = Line(LineSettings.read(folder / "line.toml"), outside=Outside(camera=cameras))
    answers, is_ready, peer = [], threading.Event(), ModbusClientPlc()
    line.hear(answers.append)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(line.run, ready=is_ready.set)
        try:
            while not is_ready.wait(0.05):
                assert not future.done(), future.exception()
            peer.attach(line._built.parts.plant._links[0])
            yield answers, Belt(line, cameras, PlcSimulator(peer, timeout_s=30))
        finally:
            line.stop()
            statistics = future.result(60)
            peer.close()
    assert statistics.triggered == statistics.answered == len(answers)


def test_each_part_is_judged_by_its_own_pictures_and_answered_with_its_own_number(tmp_path):
    is_bad = [True, False, False, True, False, True]
    with running(tmp_path) as (answers, belt):
        said = [belt.part(number, is_bad=bad) for number, bad in enumerate(is_bad, 101)]
    wanted = [(Verdict.PASS, Verdict.FAIL)[bad] for bad in is_bad]
    assert [a.detail for a in answers if a.reason] == []
    assert [(a.origin.trigger, a.origin.serial, a.verdict) for a in answers] == [
        (number, f"S{number}", verdict) for number, verdict in enumerate(wanted, 101)
    ]
    assert [(s.answered_id, s.verdict) for s in said] == [
        (a.origin.trigger, VERDICT_CODES[a.verdict]) for a in answers
    ]
    assert {view.frame.part == answer.part for answer in answers for view in answer.views} == {True}
    assert belt.line.statistics().counts.unnamed == 0


def test_whatever_is_lost_costs_its_own_part_and_shifts_no_other(tmp_path):
    """Good parts pass between those of which a picture, a wire or a trigger was lost, and the bad ones never do."""
    with running(tmp_path) as (answers, belt):
        belt.part(1)
        belt.part(2, is_bad=True, lost=["side"])
        belt.part(3, is_bad=True, is_told=False)
        belt.part(4, is_bad=True)
        belt.part(5)
        belt.part(6, fires=())
        belt.part(7)  # by the cameras' numbers alone it could be the sixth
        heard = [belt.part(8, is_bad=True), belt.part(9)]
    missed = (Verdict.UNKNOWN, Reason.TRIGGER_MISSED)
    assert [(a.origin.trigger, a.verdict, a.reason) for a in answers] == [
        (1, Verdict.PASS, None),
        (2, Verdict.FAIL, None),  # the other view shows it
        (None, *missed),
        (4, Verdict.FAIL, None),
        (5, Verdict.PASS, None),
        (6, *missed),
        (7, *missed),
        (8, Verdict.FAIL, None),
        (9, Verdict.PASS, None),
    ]
    assert [s.answered_id for s in heard] == [8, 9]
    assert belt.line.statistics().counts.unnamed == 2
    nameless = belt.plc.answers[2]
    assert (nameless.answered_id, nameless.verdict) == (0, VERDICT_CODES[Verdict.UNKNOWN])
    assert nameless.reason == REASON_CODES[Reason.TRIGGER_MISSED]
    assert belt.line.health()["unnamed"] == 2
