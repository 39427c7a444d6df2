from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from contracts import graph_edits as edit
from contracts.graph_edits import write
from lineside.core.errors import DeadModelError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.checks import refuse_dead_answer
from lineside.models.recognise import family
from lineside.models.spec import HeadSpec
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    dead_static_int8,
    nms_inside,
    picodet,
    quantise_static,
    static_int8,
    yolov5,
    yolox,
)

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])
SPEC = HeadSpec(0, 3, (8, 16, 32), 1, channels_first=True, size=Size(64, 64), rows=84)


def _quantised_at_the_end(model: onnx.ModelProto, scale: float) -> onnx.ModelProto:
    nodes = (
        helper.make_node("QuantizeLinear", ["inner", "step", "zero"], ["bytes"]),
        helper.make_node("DequantizeLinear", ["bytes", "step", "zero"], ["outer"]),
    )
    return edit.at_output(model, *nodes, step=np.float32(scale), zero=np.uint8(0))


@RUNS
@pytest.mark.parametrize("scale", [0.25, 1.0, 1.66, 2.5])
@pytest.mark.parametrize("build", [anchor_free, yolov5, yolox], ids=["v8", "v5", "yolox"])
def test_one_quantiser_over_boxes_and_scores_is_dead(build, scale, run, tmp_path):
    model = _quantised_at_the_end(build(), scale)
    with pytest.raises(DeadModelError, match="straight from one DequantizeLinear over boxes and scores"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


@RUNS
@pytest.mark.parametrize("wrap", [edit.identity_at_output, edit.cast_at_output, edit.turned])
def test_what_moves_the_answer_afterwards_does_not_hide_it(wrap, run, tmp_path):
    model = wrap(dead_static_int8(scale=0.25))
    with pytest.raises(DeadModelError, match="DequantizeLinear"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


@RUNS
@pytest.mark.parametrize("build", [anchor_free, yolov5, yolox], ids=["v8", "v5", "yolox"])
def test_a_healthy_static_file_passes(build, run, tmp_path):
    card = ModelCard.read(write(quantise_static(build()), tmp_path / "model.onnx"), run=run)
    assert card.precision == "int8 (static)"


@RUNS
def test_boxes_and_scores_with_quantisers_of_their_own_are_no_dead_export(run, tmp_path):
    model = static_int8()
    join = next(n for n in model.graph.node if n.output[0] == model.graph.output[0].name)
    constants = {"box_step": np.float32(1), "score_step": np.float32(1 / 255), "zero": np.uint8(0)}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    for i, step in enumerate(("box_step", "score_step")):
        names = [f"q{i}", f"d{i}"]
        model.graph.node.insert(
            len(model.graph.node) - 1,
            helper.make_node("QuantizeLinear", [join.input[i], step, "zero"], names[:1]),
        )
        model.graph.node.insert(
            len(model.graph.node) - 1,
            helper.make_node("DequantizeLinear", [names[0], step, "zero"], names[1:]),
        )
        next(n for n in model.graph.node if n.output[0] == model.graph.output[0].name).input[i] = names[1]
    assert ModelCard.read(write(model, tmp_path / "model.onnx"), run=run).family == "yolov8"


def test_an_output_of_nothing_but_scores_is_not_called_dead(tmp_path):
    spec = GraphSpec(size=Size(128, 192), strides=(8, 16, 32, 64))
    model = _quantised_at_the_end(picodet(spec), 1 / 255)
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert (card.family, card.head.classes) == ("picodet", 3)


def _scores(values) -> list[np.ndarray]:
    answer = np.full((1, 7, 84), 20, np.float32)
    answer[0, 4:] = np.resize(np.asarray(values, np.float32), (3, 84))
    return [answer]


def _judge(values, *, nms_inside: bool = False) -> None:
    refuse_dead_answer(family("yolov8"), _scores(values), SPEC, nms_inside=nms_inside, file="best.onnx")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.0], "all 252 scores of a test picture are 0;"),
        ([0.5], "are 0.5;"),
        ([0.2, 0.7], "are 0.2 and 0.7;"),
        ([0.7] * 80 + [0.2], "are 0.2 and 0.7;"),
        ([0.0, 0.1, 1.66], "scores from 0.00 to 1.66 on a test picture"),
        ([-3.0, -2.0, -1.0], "scores from -3.00 to 0.00"),
        ([0.1, 0.2, np.nan], "NaN or infinite"),
        ([0.1, 0.2, np.inf], "NaN or infinite"),
    ],
)
def test_scores_that_no_working_model_gives_are_refused(values, text):
    with pytest.raises(DeadModelError) as refusal:
        _judge(values)
    assert str(refusal.value).startswith("best.onnx: dead export: ")
    assert text in str(refusal.value)


@pytest.mark.parametrize(
    "values", [[0.0, 0.1, 0.2], [0.0] * 200 + [0.1, 0.2], [1.0005, 0.2, 0.3], [1.0, 0.5, 0.0]]
)
def test_other_scores_pass(values):
    _judge(values)


def test_an_answer_of_an_nms_may_be_empty_or_of_few_values():
    module = family("yolov10")
    spec = HeadSpec(0, 3, (), 1, channels_first=False, size=Size(64, 64), rows=300)
    for rows in (np.zeros((1, 300, 6)), np.zeros((1, 0, 6)), np.array([[[1, 1, 9, 9, 0.5, 0]]])):
        refuse_dead_answer(module, [rows.astype(np.float32)], spec, nms_inside=True, file="best.onnx")
    with pytest.raises(DeadModelError):
        refuse_dead_answer(
            module, [np.full((1, 300, 6), 3, np.float32)], spec, nms_inside=True, file="best.onnx"
        )
    with pytest.raises(DeadModelError):  # a top-k always has rows
        refuse_dead_answer(
            module, [np.zeros((1, 300, 6), np.float32)], spec, nms_inside=False, file="best.onnx"
        )


def test_an_nms_inside_that_finds_nothing_in_the_test_picture_is_read(tmp_path):
    card = ModelCard.read(write(nms_inside(confidence=0.999), tmp_path / "model.onnx"), run=run_once)
    assert card.nms_inside
