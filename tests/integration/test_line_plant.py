"""A whole line and the plant's controls: each trigger is answered once, with its own number, to the control that asked."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from lineside import Size
from lineside.core.verdict import Reason, Verdict
from lineside.line.line import Line
from lineside.outputs.plant.codes import REASON_CODES, VERDICT_CODES
from lineside.testing.graphs import colour_spots, draw_spots
from lineside.testing.plc.simulator import PlcSimulator
from lineside.testing.plc.text import TextPlc

PARTS = 500
PICTURES = 24
LINE = """
schema = 1
[line]
name = "caps"
deadline_ms = 20000
[[camera]]
id = "top"
trigger = "plc"
timeout_s = 60.0
"""
SPOTS = 'source = "folder:{folder}"\nfeatures = {{ play = "loop" }}\nhealth = {{ enabled = false }}\n'
DRAWN = 'source = "synthetic:mixed?defects=0.4&seed=41"\n'
MODEL = """
[model]
path = "{path}"
[[rule]]
kind = "forbid"
min_confidence = {confidence}
"""
LINK = """
[[plant]]
kind = "{kind}"
port = 0
depth = {depth}
acknowledge_timeout_s = 30.0
answer_timeout_s = 30.0
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LINESIDE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def written(tmp_path):
    """Settings whose camera plays clean pictures and pictures with spots; `is_bad` says which."""
    rng = np.random.default_rng(7)
    (tmp_path / "spots.onnx").write_bytes(colour_spots().SerializeToString())
    (tmp_path / "parts").mkdir()
    is_bad = rng.random(PICTURES) < 0.4
    for number, bad in enumerate(is_bad):
        picture = draw_spots(rng, Size(320, 320), int(bad) * int(rng.integers(1, 4))).image
        cv2.imwrite(str(tmp_path / "parts" / f"{number:03}.png"), picture)

    def write(*tables, source=SPOTS):
        text = LINE + source.format(folder=tmp_path / "parts") + "".join(tables)
        (tmp_path / "line.toml").write_text(text)
        return tmp_path / "line.toml"

    write.is_bad = is_bad
    return write


def modbus_plc():
    pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
    from lineside.testing.plc.modbus import ModbusClientPlc

    return ModbusClientPlc()


@contextmanager
def controlled(file, *peers):
    """A line that runs, its answers, and a control at each of its links."""
    line = Line.from_toml(file)
    answers, is_ready = [], threading.Event()
    line.hear(answers.append)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(line.run, ready=is_ready.set)
        try:
            while not is_ready.wait(0.05):
                assert not future.done(), future.exception()
            for peer, link in zip(peers, line._built.parts.plant._links, strict=True):
                peer.attach(link)
            yield line, answers, [PlcSimulator(peer, timeout_s=60) for peer in peers]
        finally:
            line.stop()
            future.result(60)
            for peer in peers:
                peer.close()


def check_once(line, answers, triggers):
    """Every trigger is a part, and each has one answer that every control could be told."""
    assert not (
        odd := [
            (a.part, a.reason, a.detail)
            for a in answers
            if a.reason and a.reason is not Reason.RECIPE_UNKNOWN
        ]
    ), odd[:3]
    assert Counter(a.origin.trigger for a in answers) == Counter(triggers)
    assert Counter(a.part for a in answers) == Counter(range(len(answers)))
    counts = line.statistics().counts
    assert (counts.unwritten, counts.refused, counts.lost_triggers) == (0, 0, 0)


def told(answer):
    """What its control must have read."""
    return (answer.origin.trigger, answer.part, VERDICT_CODES[answer.verdict])


def test_five_hundred_triggers_are_each_answered_once_with_their_own_number_and_verdict(written):
    file = written(
        MODEL.format(path="spots.onnx", confidence=0.5), LINK.format(kind="modbus_server", depth=1)
    )
    with controlled(file, modbus_plc()) as (line, answers, (plc,)):
        for number in range(1, PARTS + 1):
            plc.part_in_haste(number)
        plc.set(acknowledge=False)
    check_once(line, answers, range(1, PARTS + 1))
    assert [(s.answered_id, s.inspection, s.verdict) for s in plc.answers] == [told(a) for a in answers]
    assert [said.sequence for said in plc.answers] == list(range(1, PARTS + 1)), "no gap, none twice"
    wanted = [(Verdict.PASS, Verdict.FAIL)[int(written.is_bad[n % PICTURES])] for n in range(PARTS)]
    assert [a.verdict for a in answers] == wanted


def test_the_shipped_model_tells_the_control_the_truth_of_the_drawn_plant(written):
    file = written(
        MODEL.format(path="shipped:plant", confidence=0.3),
        LINK.format(kind="modbus_server", depth=1),
        source=DRAWN,
    )
    with controlled(file, modbus_plc()) as (line, answers, (plc,)):
        said = [plc.part(number, serial=f"S{number}") for number in range(1, 41)]
    check_once(line, answers, range(1, 41))
    assert [(s.answered_id, s.inspection, s.verdict) for s in said] == [told(a) for a in answers]
    assert [s.answered_serial for s in said] == [f"S{n}" for n in range(1, 41)]
    # One camera, and marks that only the other one sees: UNKNOWN and FAIL parts may look good to it.
    seen = [a for a in answers if len(a.views[0].frame.truth.class_id) or a.truth.verdict is Verdict.PASS]
    known = [a for a in seen if a.truth.verdict is not Verdict.UNKNOWN]
    wrong = [a.part for a in known if a.verdict is not a.truth.verdict]
    assert {a.verdict for a in known} == {Verdict.PASS, Verdict.FAIL}
    assert len(wrong) <= 3, wrong


def test_two_controls_at_once_hear_every_answer_and_their_own_numbers_alone(written):
    """Both number their triggers alike, so that an answer to the wrong one would be seen by its part."""
    each = 60
    file = written(
        MODEL.format(path="spots.onnx", confidence=0.5),
        LINK.format(kind="modbus_server", depth=64),
        LINK.format(kind="tcp", depth=64),
    )
    with controlled(file, modbus_plc(), TextPlc()) as (line, answers, plcs):
        with ThreadPoolExecutor(2) as pool:
            own = list(pool.map(lambda plc, name: trigger_all(plc, name, each), plcs, "MT"))
        for plc in plcs:
            while len(plc.answers) < 2 * each:
                plc.acknowledge()
    check_once(line, answers, sorted([*range(1, each + 1)] * 2))
    of_part = {a.part: a for a in answers}
    for plc, name, numbers in zip(plcs, "MT", own, strict=True):
        assert Counter(s.inspection for s in plc.answers) == Counter(range(2 * each))
        mine = [s for s in plc.answers if s.answered_id]
        assert [s.answered_id for s in mine] == numbers == list(range(1, each + 1))
        assert [s.answered_serial for s in mine] == [f"{name}{n}" for n in numbers]
        for said in plc.answers:
            answer = of_part[said.inspection]
            assert said.verdict == VERDICT_CODES[answer.verdict]
            assert bool(said.answered_id) == answer.origin.serial.startswith(name)


def trigger_all(plc, name, count):
    """The numbers that a control heard of its own triggers; it acknowledges those of the other one, too."""
    heard = []
    for number in range(1, count + 1):
        plc.wait(lambda status: status.ready, "ready")
        plc.trigger(number, serial=f"{name}{number}")
        while len(heard) < number:
            said = plc.acknowledge()
            heard += [said.answered_id] if said.answered_id else []
    return heard


RECIPE = """
schema = 1
code = "{code}"
[model]
path = "../spots.onnx"
[[rule]]
kind = "forbid"
min_confidence = 0.5
classes = [{classes}]
[end]
"""


def test_the_product_changes_between_two_parts_and_an_unknown_one_is_unknown(written, tmp_path):
    """One picture with a blue spot, again and again: one product forbids red ones alone, another all of them."""
    for old in (tmp_path / "parts").iterdir():
        old.unlink()
    picture = np.full((320, 320, 3), 225, np.uint8)
    picture[100:132, 100:132] = (200, 45, 30)
    cv2.imwrite(str(tmp_path / "parts" / "000.png"), picture)
    (tmp_path / "recipes").mkdir()
    for code, classes in (("red", '"red spot"'), ("all", '"red spot", "blue spot", "dark spot"')):
        (tmp_path / "recipes" / f"{code}.toml").write_text(RECIPE.format(code=code, classes=classes))
    file = written('[recipes]\nfolder = "recipes"\n', LINK.format(kind="modbus_server", depth=1))
    codes = ["red", "all", "red", "nobody", "all", "red", "nobody", "nobody", "all"] * 3
    with controlled(file, modbus_plc()) as (line, answers, (plc,)):
        said = [plc.part(number, product=code) for number, code in enumerate(codes, 1)]
    check_once(line, answers, range(1, len(codes) + 1))
    unknown = (Verdict.UNKNOWN, REASON_CODES[Reason.RECIPE_UNKNOWN])
    wanted = {"red": (Verdict.PASS, 0), "all": (Verdict.FAIL, 0), "nobody": unknown}
    assert [(s.verdict, s.reason) for s in said] == [
        (VERDICT_CODES[wanted[code][0]], wanted[code][1]) for code in codes
    ]
    assert [s.answered_product for s in said] == codes
