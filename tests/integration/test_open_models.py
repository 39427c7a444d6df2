"""Many products, each with a model of its own: only some models stay open, and a product whose model was closed is judged again."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lineside.core.verdict import Reason, Verdict
from lineside.line.board import Board
from lineside.line.line import Line
from lineside.line.models import Models
from lineside.line.settings.reading import LineSettings
from lineside.testing.graphs import colour_spots

LINE = """
schema = 1
[line]
name = "caps"
deadline_ms = 2000
parts_per_minute = 600
[[camera]]
id = "top"
source = "synthetic:disc?size=160x160&defects=0"
trigger = "software"
[recipes]
folder = "recipes"
product = "p0"
open_models = 2
"""
RECIPE = """
schema = 1
code = "{code}"
[model]
path = "../models/{code}.onnx"
[[rule]]
kind = "forbid"
min_confidence = 0.999
[end]
"""
PRODUCTS = 6


@pytest.fixture
def settings(tmp_path, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("LINESIDE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    for folder in ("models", "recipes"):
        (tmp_path / folder).mkdir()
    for number in range(PRODUCTS):
        (tmp_path / "models" / f"p{number}.onnx").write_bytes(colour_spots().SerializeToString())
        (tmp_path / "recipes" / f"p{number}.toml").write_text(RECIPE.format(code=f"p{number}"))
    (tmp_path / "line.toml").write_text(LINE)
    return LineSettings.read(tmp_path / "line.toml")


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_no_more_models_stay_open_than_are_allowed_over_many_changes_of_the_product(settings):
    clock = Clock()
    with Models(settings, Board(), lambda _: None, clock=clock) as models:
        assert len(models.engines) == 2
        threads, sizes = threading.active_count(), []
        for change in range(5 * PRODUCTS):
            code = f"p{change % PRODUCTS}"
            for _ in range(2):
                chosen = models.products.choose(code)
                if hasattr(chosen, "judge"):
                    break
                assert chosen.reason is Reason.RECIPE_UNKNOWN
                assert "being opened again" in chosen.detail
                models.refresh()
            assert chosen.code == code
            clock.now_s += 10.0
            models.refresh()
            assert len(models.engines) == 2
            sizes.append(resident_bytes())
        assert threading.active_count() <= threads
        assert max(sizes[-PRODUCTS:]) - max(sizes[PRODUCTS : 2 * PRODUCTS]) < 20 * 2**20
    assert all(one.absence() is Reason.STOPPING for one in models.engines)


def test_to_look_at_a_product_keeps_no_model_open_and_opens_none(settings):
    clock = Clock()
    with Models(settings, Board(), lambda _: None, clock=clock) as models:
        opened = models.engines
        for code in ("p3", "p0", "p4"):  # as a view does, of the parts that it shows
            assert models.known(code).outlines is not None
            clock.now_s += 10.0
            models.refresh()
            assert models.engines == opened
        assert models.known("nobody") is None


def test_a_product_whose_model_was_closed_is_unknown_until_it_is_open_and_is_judged_then(settings):
    line, answers = Line(settings), []
    line.hear(answers.append)
    thread = threading.Thread(target=line.run)
    thread.start()
    try:
        for code in ("p3", "p4", "p5", "p0"):
            choose(line, code)
            until(lambda code=code: judged(answers, code))
            until(lambda: len(line._built.models.engines) <= 2)
    finally:
        line.stop()
        thread.join(60)
    assert [a.part for a in answers] == list(range(len(answers)))
    assert {a.reason for a in answers} <= {None, Reason.RECIPE_UNKNOWN}
    assert all("being opened again" in a.detail for a in answers if a.reason)
    assert not [e for e in line.statistics().events if e.code.startswith("device.")]


def choose(line, code):
    """What the plant's control does, where it names the product for the parts to come."""
    products = line._built.models.products
    object.__setattr__(products, "usual", code)


def judged(answers, code):
    return any(a.origin.product == code and a.verdict is Verdict.PASS for a in list(answers))


def until(condition):
    until_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)
