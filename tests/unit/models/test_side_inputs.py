"""Inputs beside the picture: understood by the graph, else by their names, else refused, and settable by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.graph_edits import copy, nameless, write
from lineside import Detector
from lineside.core.errors import ConventionError, SettingsError, UnknownNameError, UnsupportedModelError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.graph import Graph
from lineside.models.metadata import Metadata
from lineside.models.picture_input import picture_input
from lineside.testing.graphs import GraphSpec, anchor_free, detr, detr_rows, detr_sized

WIDE = Size(height=96, width=160)
SQUARE = Size(height=128, width=128)
RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])


def _node(op, inputs, *outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def _model(size, sides, nodes):
    """A graph of a picture, inputs beside it, and `boxes` (1, 5, 4) made of it, to which `nodes` do something."""
    rng = np.random.default_rng(0)
    constants = {
        "rows": np.array([1, 3]),
        "to_boxes": rng.random((3, 20), np.float32),
        "box_shape": np.array([1, 5, 4]),
        "turn": np.array([1, 0]),
        "one": np.array([1]),
        "half": np.float32(0.5),
        "twice": np.array([1, 2]),
        "rows_columns": np.array([2, 3]),
    }
    made = [
        _node("GlobalAveragePool", ["picture"], "mean"),
        _node("Reshape", ["mean", "rows"], "flat"),
        _node("MatMul", ["flat", "to_boxes"], "wide"),
        _node("Reshape", ["wide", "box_shape"], "boxes"),
    ]
    values = {n for node in nodes for n in node.input}
    graph = helper.make_graph(
        [*made, *nodes],
        "g",
        [
            helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, *size]),
            *(helper.make_tensor_value_info(name, dtype, shape) for name, dtype, shape in sides),
        ],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in constants.items() if k in values or k in str(made)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def _paddle_detr(size):
    """The size that the photograph had is the input's, less the factor of its resize, turned to width and height."""
    sides = [("im_shape", TensorProto.FLOAT, ["n", 2]), ("scale_factor", TensorProto.FLOAT, ["n", 2])]
    nodes = [
        _node("Div", ["im_shape", "scale_factor"], "quotient"),
        _node("Add", ["quotient", "half"], "more"),
        _node("Floor", ["more"], "origin"),
        _node("Gather", ["origin", "turn"], "turned", axis=1),
        _node("Tile", ["turned", "twice"], "extent"),
        _node("Unsqueeze", ["extent", "one"], "deep"),
        _node("Mul", ["boxes", "deep"], "out"),
    ]
    return _model(size, sides, nodes)


def _paddle_yoloe(size):
    sides = [("scale_factor", TensorProto.FLOAT, [1, 2])]
    nodes = [
        _node("Split", ["scale_factor"], "sy", "sx", axis=1, num_outputs=2),
        _node("Concat", ["sx", "sy", "sx", "sy"], "factor", axis=1),
        _node("Unsqueeze", ["factor", "one"], "deep"),
        _node("Div", ["boxes", "deep"], "out"),
    ]
    return _model(size, sides, nodes)


def _keras(size, dtype=TensorProto.FLOAT):
    """keras-yolo3: the letterbox is undone, and boxes are y before x."""
    cast = [_node("Cast", ["image_shape"], "shape", to=TensorProto.FLOAT)]
    nodes = [
        *cast,
        _node("Shape", ["picture"], "all"),
        _node("Gather", ["all", "rows_columns"], "whole"),
        _node("Cast", ["whole"], "input_shape", to=TensorProto.FLOAT),
        _node("Div", ["input_shape", "shape"], "ratios"),
        _node("ReduceMin", ["ratios"], "ratio"),
        _node("Mul", ["shape", "ratio"], "scaled"),
        _node("Div", ["scaled", "input_shape"], "share"),
        _node("Concat", ["share", "share"], "shares", axis=1),
        _node("Div", ["boxes", "shares"], "unpadded"),
        _node("Concat", ["shape", "shape"], "extent", axis=1),
        _node("Mul", ["unpadded", "extent"], "out"),
    ]
    return _model(size, [("image_shape", dtype, [1, 2])], nodes)


def _read(model, facts=None):
    return picture_input(Graph(model), "model.onnx", facts or ModelFacts(), Metadata.of(model))


def _held(model, facts=None):
    return [constant.values for constant in _read(model, facts).constants]


@pytest.mark.parametrize("strip", [lambda model: model, nameless], ids=["named", "nameless"])
@pytest.mark.parametrize(
    ("model", "held"),
    [
        (detr_sized(GraphSpec(size=WIDE)), [(160, 96)]),
        (detr_sized(GraphSpec(size=WIDE), size_input="height width"), [(96, 160)]),
        (detr_sized(GraphSpec(size=WIDE, precision="fp16")), [(160, 96)]),
        (detr_sized(GraphSpec(size=SQUARE)), [(128, 128)]),
        (detr_rows(GraphSpec(size=WIDE)), [(96, 160), (1, 1)]),
        (_paddle_detr(WIDE), [(96, 160), (1, 1)]),
        (_paddle_detr(SQUARE), [(128, 128), (1, 1)]),
        (_paddle_yoloe(WIDE), [(1, 1)]),
        (_keras(SQUARE), [(128, 128)]),
    ],
    ids=[
        "width",
        "height",
        "fp16",
        "square",
        "paddle rows",
        "paddle detr",
        "paddle square",
        "ppyoloe",
        "keras square",
    ],
)
def test_what_a_side_input_holds_is_seen_in_the_graph(model, held, strip):
    assert _held(strip(model)) == held


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.INT32])
def test_an_order_that_the_graph_does_not_show_is_told_by_the_name(dtype):
    assert _held(_keras(WIDE, dtype)) == [(96, 160)]
    with pytest.raises(
        UnsupportedModelError, match=r"whether the width or the height comes first.*not square"
    ):
        _held(nameless(_keras(WIDE, dtype)))


def test_an_open_batch_is_one_picture():
    (constant,) = _read(detr_sized(GraphSpec(dynamic_batch=True))).constants
    assert constant.shape == (1, 2)
    assert constant.array().dtype == np.int64


def test_it_follows_the_size_in_use():
    model = copy(_keras(WIDE))
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    assert _held(model) == [(640, 640)]
    assert _held(model, ModelFacts(size=Size(height=320, width=416))) == [(320, 416)]


def _beside(dtype, shape, name="extra"):
    model = anchor_free()
    model.graph.input.append(helper.make_tensor_value_info(name, dtype, shape))
    return model


@RUNS
@pytest.mark.parametrize(
    ("dtype", "shape", "text"),
    [
        (TensorProto.FLOAT, [1, 2], "neither the graph nor its name tells"),
        (TensorProto.INT64, [1, 2], "neither the graph nor its name tells"),
        (TensorProto.FLOAT, [1, 3], "two numbers of shape"),
        (TensorProto.FLOAT, [2, 2], "expected the picture's size"),
        (TensorProto.INT64, [2], "two numbers of shape"),
        (TensorProto.FLOAT, [], "two numbers of shape"),
        (TensorProto.INT64, [1, 128, 160], "two numbers of shape"),
        (TensorProto.STRING, [1, 2], "only be one of numbers"),
    ],
)
def test_one_that_is_not_understood_is_refused_by_its_name(dtype, shape, text, run, tmp_path):
    path = write(_beside(dtype, shape), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedModelError) as refusal:
        ModelCard.read(path, run=run)
    assert str(refusal.value).startswith('model.onnx: input "extra" is ')
    assert text in str(refusal.value)


@RUNS
def test_a_second_picture_is_refused(run, tmp_path):
    path = write(_beside(TensorProto.FLOAT, [1, 3, 128, 160]), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedModelError, match="one picture input, got 2"):
        ModelCard.read(path, run=run)


@RUNS
@pytest.mark.parametrize(
    ("dtype", "shape", "by_hand", "values"),
    [
        (TensorProto.FLOAT, [1, 2], "height width", (128, 160)),
        (TensorProto.INT64, ["n", 2], "width height", (160, 128)),
        (TensorProto.FLOAT, [1, 3], [128, 160, 0.5], (128, 160, 0.5)),
        (TensorProto.INT64, [2], [160, 128], (160, 128)),
        (TensorProto.FLOAT, [], [0.5], (0.5,)),
        (TensorProto.INT64, [1, 4, 4], "ones", (1,) * 16),
        (TensorProto.FLOAT, [1, 1, 4, 4], "ones", (1,) * 16),
    ],
)
def test_what_it_holds_can_be_said_by_hand(dtype, shape, by_hand, values, run, tmp_path):
    path = write(_beside(dtype, shape), tmp_path / "model.onnx")
    card = ModelCard.read(path, facts=ModelFacts(inputs={"extra": by_hand}), run=run)
    (constant,) = card.input.constants
    assert (constant.name, constant.values) == ("extra", values)
    assert card.family == "yolov8"


def test_the_file_beside_the_model_says_it_too(tmp_path):
    path = write(_beside(TensorProto.FLOAT, [1, 2], "im info"), tmp_path / "model.onnx")
    path.with_suffix(".toml").write_text('[inputs]\n"im info" = "ones"\n')
    assert Detector(path, cache=tmp_path).card.input.constants[0].values == (1, 1)
    other = ModelFacts(inputs={"im info": [2, 3]})
    assert ModelCard.read(path, facts=other).input.constants[0].values == (2, 3)


@pytest.mark.parametrize(
    ("inputs", "error", "text"),
    [
        ({"extra": "ones", "scale": "ones"}, ConventionError, 'no input "scale" beside the picture "images"'),
        ({"images": "ones"}, ConventionError, 'no input "images"'),
        ({"extra": [1, 2, 3]}, ConventionError, "it holds 2 numbers"),
        ({"extra": [1, 2.5]}, ConventionError, "it holds 2 whole numbers"),
        ({"extra": "sizes"}, UnknownNameError, 'unknown "sizes"'),
        ({"extra": []}, SettingsError, "or a list of numbers; got []"),
        ({"extra": [float("nan"), 1]}, SettingsError, "or a list of numbers"),
        ({"extra": {"a": 1}}, SettingsError, "or a list of numbers"),
        ("ones", SettingsError, "inputs: expected a table"),
    ],
)
def test_what_is_said_by_hand_is_checked(inputs, error, text, tmp_path):
    path = write(_beside(TensorProto.INT64, [1, 2]), tmp_path / "model.onnx")
    with pytest.raises(error) as refusal:
        ModelCard.read(path, facts=ModelFacts(inputs=inputs))
    assert text in str(refusal.value)


def test_axes_that_are_open_beside_the_batch_cannot_be_fed(tmp_path):
    path = write(_beside(TensorProto.INT64, [1, "h", "w"]), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedModelError, match="an open axis beside the batch"):
        ModelCard.read(path, facts=ModelFacts(inputs={"extra": "ones"}))


@pytest.mark.parametrize("size_input", ["width height", "height width"])
def test_it_reaches_every_run(size_input, tmp_path):
    """The probe, the prepared graph and its cache, and the detector: boxes come out as of a head that is not told."""
    told = write(detr_sized(GraphSpec(size=WIDE), size_input=size_input), tmp_path / "told.onnx")
    plain = write(detr(GraphSpec(size=WIDE)), tmp_path / "plain.onnx")
    picture = np.random.default_rng(1).integers(0, 255, (300, 200, 3), np.uint8)
    expected = Detector(plain, cache=tmp_path)(picture, confidence=0.72)
    for from_cache in (False, True):
        detector = Detector(told, cache=tmp_path)
        assert detector.from_cache == from_cache
        found = detector(picture, confidence=0.72)
        assert len(found) == len(expected) > 3
        assert np.abs(found.xyxy - expected.xyxy).max() < 0.01
        assert np.array_equal(found.class_id, expected.class_id)


def test_a_card_with_constants_survives_json(tmp_path):
    card = ModelCard.read(write(detr_sized(GraphSpec(size=WIDE)), tmp_path / "model.onnx"))
    again = ModelCard.from_dict(json.loads(json.dumps(card.to_dict())))
    assert again == card
    assert again.input.feeds(np.zeros(1))["orig_target_sizes"].tolist() == [[160, 96]]
