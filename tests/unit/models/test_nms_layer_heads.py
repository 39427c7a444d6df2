"""NMS in the graph, in several outputs or in rows of seven: told by structure, whatever the order, and never misread."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest

from carded import read_carded
from contracts.graph_edits import nameless, opaque, write
from lineside import Detector
from lineside.core.errors import (
    ConventionError,
    ModelError,
    ModelOutputError,
    UnknownHeadError,
    UnsupportedModelError,
)
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.recognise import family
from lineside.models.spec import HeadSpec
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import GraphSpec, nms_indices, nms_outputs, nms_rows, tensorrt_nms

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])
BARE = GraphSpec(metadata=False)
SQUARE = GraphSpec(size=Size(160, 160))


def _reordered(model, order):
    outputs = [onnx.ValueInfoProto.FromString(model.graph.output[i].SerializeToString()) for i in order]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return model


def _boxes(path):
    reading = read_carded(path, run=run_once)
    card = reading.card
    found = family(card.family).decode(reading.answer, card.head, Selection(0.02))
    return found.xyxy, found.confidence, found.class_id


@pytest.mark.parametrize("float_labels", [False, True])
def test_four_outputs_are_told_apart_in_any_order(float_labels, tmp_path):
    model = nms_outputs(BARE, float_labels=float_labels)
    expected = _boxes(write(model, tmp_path / "model.onnx"))
    for order in itertools.permutations(range(4)):
        path = write(
            nameless(_reordered(nms_outputs(BARE, float_labels=float_labels), order)), tmp_path / "m.onnx"
        )
        card = ModelCard.read(path)
        assert (card.family, card.head.classes, card.head.rows) == ("nms_outputs", 3, 100)
        assert [order[i] for i in (card.head.output, *card.head.others)] == [1, 2, 3, 0]
        assert all(np.array_equal(a, b) for a, b in zip(_boxes(path), expected, strict=True))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_boxes_scores_and_indices_are_told_apart_in_any_order(order, tmp_path):
    expected = _boxes(write(nms_indices(SQUARE), tmp_path / "model.onnx"))
    path = write(nameless(_reordered(nms_indices(SQUARE), order)), tmp_path / "m.onnx")
    card = ModelCard.read(path)
    assert [order[i] for i in (card.head.output, *card.head.others)] == [0, 1, 2]
    assert all(np.array_equal(a, b) for a, b in zip(_boxes(path), expected, strict=True))


@pytest.mark.parametrize("layer", ["EfficientNMS_TRT", "BatchedNMS_TRT"])
def test_tensorrt_s_own_layer_is_recognised_and_cannot_be_run(layer, tmp_path):
    path = write(nameless(tensorrt_nms(layer=layer)), tmp_path / "model.onnx")
    card = ModelCard.read(path)
    assert (card.family, card.head.classes, card.head.others) == ("nms_outputs", 3, (2, 3, 0))
    assert card.nms_inside
    with pytest.raises(UnsupportedModelError, match=layer):
        ModelCard.read(path, run=run_once)


def test_a_layer_that_answers_shares_of_the_picture_is_refused(tmp_path):
    model = tensorrt_nms(layer="BatchedNMS_TRT")
    node = next(n for n in model.graph.node if n.op_type == "BatchedNMS_TRT")
    node.attribute.append(onnx.helper.make_attribute("isNormalized", 1))
    with pytest.raises(UnknownHeadError, match="boxes in pixels"):
        ModelCard.read(write(model, tmp_path / "model.onnx"))


def _divided(model, output):
    """With an output divided by 160."""
    name = model.graph.output[output].name
    for node in model.graph.node:
        node.output[:] = ["whole" if n == name else n for n in node.output]
    model.graph.node.append(onnx.helper.make_node("Div", ["whole", "extent"], [name]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(160), "extent"))
    return model


@pytest.mark.parametrize(
    ("model", "name"),
    [(_divided(nms_outputs(BARE), 1), "nms_outputs"), (_divided(nms_indices(SQUARE), 0), "nms_indices")],
    ids=["outputs", "indices"],
)
def test_shares_of_the_picture_show_in_a_run(model, name, tmp_path):
    path = write(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError):
        ModelCard.read(path, run=run_once)
    with pytest.raises(ConventionError):
        ModelCard.read(path, facts=ModelFacts(family=name), run=run_once)


@RUNS
def test_rows_with_the_class_last_are_another_head(run, tmp_path):
    """YOLO-NAS's flat predictions: read as YOLOv7's they would swap score and class."""
    model = nms_rows(BARE)
    join = next(n for n in model.graph.node if n.output[0] == model.graph.output[0].name)
    join.input[2], join.input[3] = join.input[3], join.input[2]
    path = write(model, tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError, match="none of whose outputs are in a known form"):
        ModelCard.read(path, run=run)
    with pytest.raises(ConventionError):
        ModelCard.read(path, facts=ModelFacts(family="nms_rows"), run=run)


def test_rows_that_cannot_be_followed_are_taken_only_by_hand(tmp_path):
    path = write(opaque(nms_rows(BARE)), tmp_path / "model.onnx")
    card = ModelCard.read(path, facts=ModelFacts(family="yolov7-end2end"), run=run_once)
    assert (card.family, card.head.classes) == ("nms_rows", 3)


def _x_first(model):
    """With the boxes turned to x before y at the end; NMS does not mind."""
    turned = next(n for n in model.graph.node if n.op_type == "NonMaxSuppression").input[0]
    for node in model.graph.node:
        node.output[:] = ["y_first" if n == turned else n for n in node.output]
    model.graph.node.insert(
        next(i + 1 for i, n in enumerate(model.graph.node) if "y_first" in n.output),
        onnx.helper.make_node("Gather", ["y_first", "turn"], [turned], axis=2),
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 0, 3, 2]), "turn"))
    return model


@pytest.mark.parametrize("facts", [None, ModelFacts(family="nms_indices")], ids=["itself", "by hand"])
def test_boxes_of_x_before_y_are_refused(facts, tmp_path):
    path = write(_x_first(nms_indices(SQUARE)), tmp_path / "model.onnx")
    with pytest.raises(ModelError):
        ModelCard.read(path, facts=facts, run=run_once)


@pytest.mark.parametrize("batched", [False, True])
def test_the_size_input_of_a_wide_picture_is_its_height_and_width(batched, tmp_path):
    path = write(nms_indices(batched=batched), tmp_path / "model.onnx")
    card = ModelCard.read(path, run=run_once)
    (size,) = card.input.constants
    assert (size.name, size.dtype, size.shape, size.values) == (
        "image_shape",
        "float32",
        (1, 2),
        (128.0, 160.0),
    )
    plain = write(nms_indices(size_input=False), tmp_path / "plain.onnx")
    for found, expected in zip(_boxes(path), _boxes(plain), strict=True):
        assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("build", [nms_outputs, nms_rows, lambda: nms_indices(size_input=False), nms_indices])
def test_a_detector_answers_in_the_pixels_of_the_picture(build, tmp_path):
    detector = Detector(write(build(), tmp_path / "model.onnx"), cache=tmp_path / "cache")
    picture = np.random.default_rng(0).integers(0, 255, (256, 320, 3), np.uint8)
    found = detector(picture, confidence=0.05)
    assert len(found)
    assert found.xyxy[:, 2].max() > 170  # beyond the model's own width
    assert (found.xyxy[:, 2:] <= (320, 256)).all()
    assert detector.card.nms_free


def _spec(output, others, classes=3):
    return HeadSpec(
        output=output,
        classes=classes,
        strides=(),
        anchors=1,
        channels_first=False,
        size=Size(64, 64),
        rows=4,
        others=others,
    )


def _four(count=2):
    boxes = np.array([[[1, 2, 30, 40], [5, 5, 9, 9], [0, 0, 0, 0], [0, 0, 0, 0]]], np.float32)
    scores = np.array([[0.9, 0.4, 0, 0]], np.float32)
    return [np.array([[count]], np.int32), boxes, scores, np.array([[2, 0, 0, 0]], np.int32)]


def _decode_four(outputs, confidence=0.25):
    return family("nms_outputs").decode(outputs, _spec(1, (2, 3, 0)), Selection(confidence))


def test_padding_is_not_read():
    outputs = _four()
    outputs[1][0, 2:] = np.nan
    outputs[3][0, 2:] = -1
    found = _decode_four(outputs)
    assert found.xyxy.tolist() == [[1, 2, 30, 40], [5, 5, 9, 9]]
    assert found.class_id.tolist() == [2, 0]
    assert not found.truncated
    assert _decode_four(_four(4), 0.0).truncated
    assert len(_decode_four(_four(0)).xyxy) == 0


@pytest.mark.parametrize(
    ("output", "value"), [(1, np.nan), (1, np.inf), (2, np.nan), (2, 1.5), (3, 3), (3, -1)]
)
def test_what_a_detection_cannot_be_is_refused(output, value):
    outputs = _four()
    outputs[output].reshape(-1)[1] = value
    with pytest.raises(ModelOutputError, match="not used"):
        _decode_four(outputs)


@pytest.mark.parametrize("label", [np.nan, 1.5, np.inf])
def test_a_class_that_is_no_whole_number_is_refused(label):
    outputs = _four()
    outputs[3] = outputs[3].astype(np.float32)
    assert len(_decode_four(outputs).xyxy) == 2
    outputs[3][0, 1] = label
    with pytest.raises(ModelOutputError, match="answered class"):
        _decode_four(outputs)


@pytest.mark.parametrize("count", [-1, 5])
def test_a_number_of_detections_beyond_the_outputs_is_refused(count):
    with pytest.raises(ModelOutputError, match=f"answered {count} detections in outputs of 4"):
        _decode_four(_four(count))


@pytest.mark.parametrize("column", range(7))
def test_no_column_of_a_row_may_be_nan(column):
    rows = np.array([[0, 1, 2, 30, 40, 2, 0.9], [0, 5, 5, 9, 9, 0, 0.4]], np.float32)
    module, spec = family("nms_rows"), _spec(0, ())
    assert module.decode([rows], spec, Selection(0.25)).class_id.tolist() == [2, 0]
    rows[1, column] = np.nan
    with pytest.raises(ModelOutputError, match="not used"):
        module.decode([rows], spec, Selection(0.25))


def test_a_row_of_another_picture_is_refused():
    rows = np.array([[1, 1, 2, 30, 40, 2, 0.9]], np.float32)
    with pytest.raises(ModelOutputError, match="rows of picture 1"):
        family("nms_rows").decode([rows], _spec(0, ()), Selection(0.25))


def _three():
    boxes = np.array([[[2, 1, 40, 30], [5, 6, 9, 10], [0, 0, 1, 1]]], np.float32)
    scores = np.array([[[0.9, 0.1, 0.1], [0.1, 0.5, 0.2]]], np.float32)
    return [boxes, scores, np.array([[0, 0, 0], [0, 1, 1]], np.int64)]


def _decode_three(outputs):
    return family("nms_indices").decode(outputs, _spec(0, (1, 2), classes=2), Selection(0.25))


def test_boxes_are_turned_to_x_before_y():
    found = _decode_three(_three())
    assert found.xyxy.tolist() == [[1, 2, 30, 40], [6, 5, 10, 9]]
    assert found.class_id.tolist() == [0, 1]
    batched = _three()
    batched[2] = batched[2][None].astype(np.int32)
    assert np.array_equal(_decode_three(batched).xyxy, found.xyxy)


@pytest.mark.parametrize("index", [(1, 0, 0), (0, 2, 0), (0, 0, 3), (-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_an_index_beyond_the_tables_is_refused(index):
    outputs = _three()
    outputs[2][1] = index
    with pytest.raises(ModelOutputError, match="beyond its one picture, 2 classes and 3 boxes"):
        _decode_three(outputs)


@pytest.mark.parametrize("output", [0, 1])
def test_a_box_or_score_that_was_not_chosen_must_be_finite_too(output):
    """NMS does not choose what is NaN: it would be missing without a trace."""
    outputs = _three()
    outputs[output][0, -1, 2] = np.nan
    with pytest.raises(ModelOutputError, match="not used"):
        _decode_three(outputs)
