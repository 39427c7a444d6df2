from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from contracts import graph_edits as edit
from contracts.graph_edits import write
from lineside.core.errors import ConventionError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from lineside.testing.graphs import anchor_free, dynamic_int8, static_int8, yolov5, yolox

SHAPE = [1, 3, 128, 160]


def _card(model, tmp_path, facts=None):
    return ModelCard.read(write(model, tmp_path / "model.onnx"), facts=facts, run=run_once)


def _before(model, *nodes, dtype=TensorProto.FLOAT, shape=SHAPE, **constants):
    return edit.with_input(model, dtype, shape, list(nodes), **constants)


def _node(kind, source, target, *constants, **attributes):
    return helper.make_node(kind, [source, *constants], [target], **attributes)


@pytest.mark.parametrize(
    ("build", "scale"), [(anchor_free, 255), (static_int8, 255), (dynamic_int8, 255), (yolox, 1)]
)
def test_a_graph_that_takes_the_picture_as_it_comes_has_its_familys_scale(build, scale, tmp_path):
    assert _card(build(), tmp_path).conventions.scale == scale


SCALERS = {
    "divides": _before(anchor_free(), _node("Div", "outer", "inner", "k"), k=np.float32(255)),
    "multiplies": _before(anchor_free(), _node("Mul", "outer", "inner", "k"), k=np.float32(1 / 255)),
    "of half": _before(anchor_free(), _node("Div", "outer", "inner", "k"), k=np.float32(128)),
    "by colour": _before(
        anchor_free(), _node("Div", "outer", "inner", "k"), k=np.full((1, 3, 1, 1), 255, np.float32)
    ),
    "behind a cast": _before(
        anchor_free(),
        _node("Cast", "outer", "a", to=TensorProto.FLOAT),
        _node("Div", "a", "inner", "k"),
        k=np.float32(255),
    ),
    "behind a turn": _before(
        anchor_free(),
        _node("Transpose", "outer", "a", perm=[0, 3, 1, 2]),
        _node("Div", "a", "inner", "k"),
        shape=[1, 128, 160, 3],
        k=np.float32(255),
    ),
    "centred bytes": _before(
        anchor_free(),
        _node("Sub", "outer", "a", "mean"),
        _node("Div", "a", "inner", "deviation"),
        mean=np.array([123.7, 116.3, 103.5], np.float32).reshape(1, 3, 1, 1),
        deviation=np.array([58.4, 57.1, 57.4], np.float32).reshape(1, 3, 1, 1),
    ),
    "in two steps": _before(
        anchor_free(),
        _node("Div", "outer", "a", "k"),
        _node("Sub", "a", "b", "mean"),
        _node("Div", "b", "inner", "deviation"),
        k=np.float32(255),
        mean=np.float32(0.45),
        deviation=np.float32(0.225),
    ),
}


@pytest.mark.parametrize("name", SCALERS)
def test_a_graph_that_scales_bytes_itself_is_fed_bytes(name, tmp_path):
    card = _card(SCALERS[name], tmp_path)
    assert card.conventions.scale == 1
    assert any("pixel values" in reason for reason in card.evidence)


@pytest.mark.parametrize(
    "model",
    [
        _before(
            yolox(),
            _node("Sub", "outer", "a", "mean"),
            _node("Div", "a", "inner", "deviation"),
            mean=np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1),
            deviation=np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1),
        ),
        _before(yolox(), _node("Mul", "outer", "inner", "k"), k=np.float32(255)),
    ],
    ids=["centres", "multiplies"],
)
def test_a_graph_that_wants_values_of_0_to_1_is_fed_them(model, tmp_path):
    assert _card(model, tmp_path).conventions.scale == 255


SWAPS = {
    "gather": [_node("Gather", "outer", "inner", "order", axis=1)],
    "slice": [_node("Slice", "outer", "inner", "last", "first", "axis", "back")],
    "split": [
        helper.make_node("Split", ["outer"], ["r", "g", "b"], axis=1, num_outputs=3),
        helper.make_node("Concat", ["b", "g", "r"], ["inner"], axis=1),
    ],
    "pick": [
        *[_node("Gather", "outer", f"c{i}", f"i{i}", axis=1) for i in range(3)],
        helper.make_node("Concat", ["c2", "c1", "c0"], ["inner"], axis=1),
    ],
}
PARTS = {
    "gather": {"order": np.array([2, 1, 0])},
    "slice": {"last": np.array([-1]), "first": np.array([-4]), "axis": np.array([1]), "back": np.array([-1])},
    "split": {},
    "pick": {f"i{i}": np.array([i]) for i in range(3)},
}


@pytest.mark.parametrize("name", SWAPS)
@pytest.mark.parametrize(("build", "colour"), [(anchor_free, "bgr"), (yolov5, "bgr"), (yolox, "rgb")])
def test_a_graph_that_swaps_the_colours_itself_is_fed_the_other_order(name, build, colour, tmp_path):
    swapped = read_model(
        ModelFile.read(write(_before(build(), *SWAPS[name], **PARTS[name]), tmp_path / "swapped.onnx")),
        run=run_once,
    )
    assert swapped.conventions.colour == colour
    assert "the graph swaps red and blue itself" in swapped.match.reasons
    plain = read_model(ModelFile.read(write(build(), tmp_path / "plain.onnx")), run=run_once)
    assert np.allclose(swapped.answer[0], plain.answer[0], atol=1e-4)


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 2, 0]])
def test_another_order_is_no_swap(order, tmp_path):
    model = _before(anchor_free(), *SWAPS["gather"], order=np.array(order))
    assert _card(model, tmp_path).conventions.colour == "rgb"


def test_bytes_are_never_scaled(tmp_path):
    card = _card(edit.takes_bytes(anchor_free()), tmp_path)
    assert (card.input.dtype, card.conventions.scale) == ("uint8", 1)
    with pytest.raises(ConventionError, match="scale 255 set by hand, but the input takes bytes"):
        _card(edit.takes_bytes(anchor_free()), tmp_path, ModelFacts(scale=255))


def test_a_camera_picture_is_fed_as_it_comes(tmp_path):
    reading = read_model(
        ModelFile.read(write(edit.camera_picture(anchor_free()), tmp_path / "model.onnx")), run=run_once
    )
    spec, how = reading.subject.picture, reading.conventions
    assert (spec.dtype, spec.layout, how.colour, how.scale) == ("uint8", "nhwc", "bgr", 1)
    plain = read_model(ModelFile.read(write(anchor_free(), tmp_path / "plain.onnx")), run=run_once)
    assert np.allclose(reading.answer[0], plain.answer[0], atol=1e-4)


def test_the_hand_goes_before_what_was_found(tmp_path):
    facts = ModelFacts(scale=255, colour="bgr")
    how = _card(SCALERS["divides"], tmp_path, facts).conventions
    assert (how.scale, how.colour) == (255, "bgr")
