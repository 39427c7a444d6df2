"""What a model costs beside the same network in float32, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from lineside.core.errors import ModelFileError
from lineside.core.geometry import Size
from lineside.detector.measuring import advice, measure_model
from lineside.engine.hardware import usable_cores
from lineside.engine.measure import Measurement
from lineside.models.facts import ModelFacts
from lineside.testing.graphs import GraphSpec, anchor_free, dynamic_int8, static_int8


def _clock():
    ticks = count()
    return lambda: float(next(ticks))


def _row(p50_s):
    return (Measurement(1, 1.0, 1.0, 5, p50_s, p50_s, p50_s, None),)


@pytest.fixture(scope="module")
def card(write):
    return measure_model(write(dynamic_int8()), runs=1, clock=_clock()).card


@pytest.mark.parametrize(
    "build", [static_int8, dynamic_int8, lambda: anchor_free(GraphSpec(precision="fp16"))]
)
def test_a_file_is_measured_beside_its_network_in_float32(build, write):
    costs = measure_model(write(build()), runs=3, clock=_clock())
    threads = sorted({1, usable_cores()}, reverse=True)
    for rows in (costs.measured, costs.in_float32):
        assert [row.threads for row in rows] == threads
        assert all((row.runs, row.load_s, row.first_run_s, row.p50_s) == (3, 1, 1, 1) for row in rows)
    assert "gains nothing here over the same network in float32. The cure: " in costs.advice[0]
    assert "proven on the test picture" in costs.card.evidence[-1]


def test_a_float_file_is_measured_alone(write):
    costs = measure_model(write(anchor_free()), runs=2, clock=_clock())
    assert (costs.in_float32, costs.advice) == ((), ())


def test_an_open_size_is_the_first_thing_to_turn(write):
    path = write(anchor_free(GraphSpec(dynamic_size=True, dynamic_batch=True)))
    costs = measure_model(path, facts=ModelFacts(size=Size(64, 96)), runs=1, clock=_clock())
    assert costs.card.input.size == Size(64, 96)
    assert "--size" in costs.advice[0]


@pytest.mark.parametrize(
    ("file_s", "float_s", "text"),
    [
        (
            0.04,
            0.01,
            "int8 (dynamic) takes 4.0 times as long here as the same network in float32. The cure: an export",
        ),
        (0.01, 0.02, "int8 (dynamic) pays here: 2.0 times as fast as the same network in float32"),
        (0.0105, 0.01, "int8 (dynamic) gains nothing here over the same network in float32. The cure: "),
    ],
)
def test_what_is_measured_decides_what_is_said(file_s, float_s, text, card):
    assert advice(card, _row(file_s), _row(float_s))[0].startswith(text)


def test_what_cannot_be_compared_is_told(card):
    assert "nothing to compare with" in advice(card, _row(0.01), ())[0]
    assert advice(replace(card, precision="fp32"), _row(0.01), ()) == ()


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="no such model file"):
        measure_model(tmp_path / "gone.onnx")
