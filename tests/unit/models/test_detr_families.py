"""The DETR families: told apart by their first layers, decoded alike in every form, and never by a softmax."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx import numpy_helper

from contracts.graph_edits import copy, opaque, with_metadata, write
from lineside import Detector
from lineside.core.errors import (
    AmbiguousHeadError,
    ConventionError,
    ModelError,
    ModelOutputError,
    UnknownHeadError,
)
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.families import rfdetr as rfdetr_family
from lineside.models.families import rtdetr as family
from lineside.models.spec import HeadSpec
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import GraphSpec, detr, detr_apart, detr_first, detr_rows, detr_sized, rfdetr

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])
SIZE = Size(height=64, width=96)
ROWS, CLASSES = 6, 3


@pytest.fixture
def picture():
    return np.random.default_rng(2).integers(0, 255, (90, 120, 3), np.uint8)


def _head(form, others=(), **more):
    boxes = {"joined": 0, "logits": 1, "scores": 1, "chosen": 1, "rows": 0}[form]
    fields = {"classes": CLASSES, "rows": ROWS, "size": SIZE} | more
    return HeadSpec(boxes, strides=(), anchors=1, channels_first=False, others=others, form=form, **fields)


def _outputs(form, logits=None):
    """What a head of `form` answers, and the table of scores that it holds."""
    rng = np.random.default_rng(3)
    boxes = rng.uniform(0.2, 0.8, (ROWS, 4)).astype(np.float32)
    if logits is None:
        logits = rng.normal(0, 2, (ROWS, CLASSES)).astype(np.float32)
        logits[0] = 3, 2.5, -3  # a query of two classes
    scores = 1 / (1 + np.exp(-logits))
    if form == "joined":
        outputs = [np.concatenate([boxes, scores], axis=1)]
    elif form in {"logits", "scores"}:
        outputs = [logits if form == "logits" else scores, boxes]
    else:
        best = np.argsort(-scores.ravel())[:ROWS]
        x, y, w, h = boxes.T * np.array([[SIZE.width], [SIZE.height]] * 2, np.float32)
        corners = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
        outputs = [best % CLASSES, corners[best // CLASSES], scores.ravel()[best]]
    if form == "rows":
        labels, corners, best = outputs
        return [np.column_stack([labels, best, corners]).astype(np.float32), np.array([ROWS])], boxes, scores
    return [output[None] for output in outputs], boxes, scores


FORMS = pytest.mark.parametrize(
    ("form", "others"), [("joined", ()), ("logits", (0,)), ("scores", (0,)), ("chosen", (2, 0)), ("rows", ())]
)


@FORMS
def test_of_every_query_the_best_class_counts(form, others):
    outputs, boxes, scores = _outputs(form)
    found = family.decode(outputs, _head(form, others), Selection(0.3))
    best = {r: scores[r].max() for r in range(ROWS) if scores[r].max() > 0.3}
    if form in {"chosen", "rows"}:  # the graph's own cap comes first
        pairs = np.argsort(-scores.ravel())[:ROWS]
        best = {r: best[r] for r in set((pairs // CLASSES).tolist()) if r in best}
    order = sorted(best, key=best.get, reverse=True)
    assert np.allclose(found.confidence, [best[r] for r in order], atol=1e-6)
    assert found.class_id.tolist() == [int(scores[r].argmax()) for r in order]
    centres = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    assert np.allclose(centres, boxes[order][:, :2] * [SIZE.width, SIZE.height], atol=1e-4)
    assert np.allclose(found.xyxy[:, 2:] - centres, boxes[order][:, 2:] * [48, 32], atol=1e-4)


@FORMS
def test_several_labels_are_the_pairs_of_the_reference_post_processor(form, others):
    outputs, _, scores = _outputs(form)
    found = family.decode(outputs, _head(form, others), Selection(0.3, multi_label=True, limit=ROWS))
    pairs = np.argsort(-scores.ravel())[:ROWS]
    pairs = pairs[scores.ravel()[pairs] > 0.3]
    assert np.allclose(found.confidence, scores.ravel()[pairs], atol=1e-6)
    assert found.class_id.tolist() == (pairs % CLASSES).tolist()
    assert len(found.confidence) > len(np.unique(found.xyxy, axis=0))  # one box has two classes


@FORMS
@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_wherever_it_stands(form, others, multi_label, value):
    outputs, _, _ = _outputs(form)
    spec = _head(form, others)
    for number, output in enumerate(outputs):
        if output.dtype.kind != "f":
            continue
        for place in itertools.product(*(range(length) for length in output.shape)):
            spoilt = [array.copy() for array in outputs]
            spoilt[number][place] = value
            with pytest.raises(ModelOutputError, match="The result of this run is not used"):
                family.decode(spoilt, spec, Selection(0.9, multi_label=multi_label))


@pytest.mark.parametrize(("form", "others"), [("chosen", (2, 0)), ("rows", ())])
@pytest.mark.parametrize("label", [-1, CLASSES])
def test_a_class_that_the_model_has_not_is_refused(form, others, label):
    outputs, _, _ = _outputs(form)
    outputs[0][(0, 2) if form == "chosen" else (2, 0)] = label
    with pytest.raises(ModelOutputError, match=rf"class.* {label}.*has 3 classes"):
        family.decode(outputs, _head(form, others), Selection(0.01))


@pytest.mark.parametrize("score", [-0.5, 1.5])
@pytest.mark.parametrize(
    ("form", "others", "at"), [("joined", (), 0), ("scores", (0,), 0), ("chosen", (2, 0), 2)]
)
def test_a_score_that_is_none_is_refused(form, others, at, score):
    outputs, _, _ = _outputs(form)
    outputs[at].reshape(-1)[-1] = score
    with pytest.raises(ModelOutputError, match="expected 0 to 1"):
        family.decode(outputs, _head(form, others), Selection(0.5))


def test_logits_far_from_zero_are_certain_and_warn_of_nothing():
    logits = np.array([[-1e4, 1e4, 0]] * ROWS, np.float32)
    outputs, _, _ = _outputs("logits", logits.clip(-50, 50))
    outputs[0][0] = logits
    found = family.decode(outputs, _head("logits", (0,)), Selection(0.4, multi_label=True))
    assert sorted(set(found.confidence.tolist())) == [0.5, 1.0]


def test_half_precision_is_decoded_in_single():
    outputs, _, scores = _outputs("logits")
    found = family.decode([o.astype(np.float16) for o in outputs], _head("logits", (0,)), Selection(0.3))
    assert found.xyxy.dtype == found.confidence.dtype == np.float32
    assert abs(found.confidence[0] - scores.max()) < 1e-3


@FORMS
def test_a_full_head_says_that_there_may_be_more(form, others):
    outputs, _, scores = _outputs(form)
    spec = _head(form, others)
    assert family.decode(outputs, spec, Selection(0.0)).truncated
    assert not family.decode(outputs, spec, Selection(float(np.sort(scores.max(axis=1))[-2]))).truncated


def test_unwanted_classes_are_left_out():
    wanted = np.array([False, True, False])
    outputs, _, _ = _outputs("chosen")
    spec = _head("chosen", (2, 0))
    every = family.decode(outputs, spec, Selection(0.1))
    found = family.decode(outputs, spec, Selection(0.1, wanted))
    assert len(found.class_id) == (every.class_id == 1).sum() > 0


@pytest.mark.parametrize("build", [detr_apart, detr_sized, detr_rows], ids=["apart", "sized", "rows"])
def test_every_export_of_one_network_gives_the_same_boxes(build, picture, tmp_path):
    one, other = (
        Detector(write(make(), tmp_path / f"{number}.onnx"), cache=tmp_path)
        for number, make in enumerate((detr, build))
    )
    expected, found = (detector(picture, confidence=0.7) for detector in (one, other))
    assert len(found) == len(expected) > 2
    assert np.abs(found.xyxy - expected.xyxy).max() < 0.01
    assert np.array_equal(found.class_id, expected.class_id)


def test_boxes_that_overlap_all_stay(tmp_path):
    card = Detector(write(detr(), tmp_path / "model.onnx"), cache=tmp_path).card
    assert card.nms_free
    assert card.conventions.fit.anchor == "stretch"


def test_a_mean_inside_the_graph_is_not_subtracted_again(picture, tmp_path):
    bare, inside = (
        Detector(write(rfdetr(normalised=flag), tmp_path / f"{flag}.onnx"), cache=tmp_path)
        for flag in (False, True)
    )
    assert bare.card.conventions.mean == (0.485, 0.456, 0.406)
    assert inside.card.conventions.is_plain
    assert "the graph subtracts a mean itself" in inside.card.evidence
    expected, found = (detector(picture, confidence=0.6) for detector in (bare, inside))
    assert len(found) == len(expected) > 2
    assert np.abs(found.xyxy - expected.xyxy).max() < 0.02


def _with_large_stem(model):
    """The first convolution as one of 7 x 7, which answers the same."""
    new = copy(model)
    conv = next(node for node in new.graph.node if node.op_type == "Conv")
    for attribute in conv.attribute:
        if attribute.name == "kernel_shape":
            attribute.ints[:] = [7, 7]
        elif attribute.name == "pads":
            attribute.ints[:] = [3] * 4
    tensor = next(t for t in new.graph.initializer if t.name == conv.input[1])
    wide = np.pad(numpy_helper.to_array(tensor), ((0, 0), (0, 0), (2, 2), (2, 2)))
    tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
    return new


@RUNS
@pytest.mark.parametrize("build", [detr_apart, detr_sized], ids=["apart", "sized"])
def test_an_unusual_first_layer_leaves_two_readings(build, run, tmp_path):
    """Pixels from 0 to 1, or less a mean: only the training knows."""
    path = write(_with_large_stem(build()), tmp_path / "model.onnx")
    with pytest.raises(AmbiguousHeadError) as refusal:
        ModelCard.read(path, run=run)
    assert "rtdetr (" in str(refusal.value)
    assert "rfdetr (" in str(refusal.value)
    for name in ("rt-detr", "rf-detr"):
        card = ModelCard.read(path, facts=ModelFacts(family=name), run=run)
        assert card.family == name.replace("-", "")


@RUNS
@pytest.mark.parametrize(
    ("build", "other"), [(detr_apart, "rfdetr"), (detr_sized, "rfdetr"), (rfdetr, "rtdetr")]
)
def test_a_first_layer_that_is_seen_is_not_overruled(build, other, run, tmp_path):
    path = write(build(), tmp_path / "model.onnx")
    with pytest.raises(ConventionError, match=f"set by hand as {other}, but the graph contradicts it"):
        ModelCard.read(path, facts=ModelFacts(family=other), run=run)


@RUNS
@pytest.mark.parametrize("by_hand", [None, "rtdetr", "rfdetr"])
def test_a_softmax_with_no_object_is_never_read_as_sigmoids(by_hand, run, tmp_path):
    path = write(detr_first(), tmp_path / "model.onnx")
    with pytest.raises(ModelError) as refusal:
        ModelCard.read(path, facts=ModelFacts(family=by_hand), run=run)
    if by_hand is None:
        assert type(refusal.value) is UnknownHeadError
        assert 'a softmax with one "no object"' in str(refusal.value)


@RUNS
def test_rows_with_the_score_first_are_no_paddle_rows(run, tmp_path):
    model = detr_rows()
    join = next(node for node in reversed(model.graph.node) if node.op_type == "Concat")
    join.input[0], join.input[1] = join.input[1], join.input[0]
    with pytest.raises(UnknownHeadError):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


def test_rows_that_cannot_be_followed_are_not_guessed(tmp_path):
    with pytest.raises(UnknownHeadError):
        ModelCard.read(write(opaque(detr()), tmp_path / "model.onnx"), run=run_once)


@pytest.mark.parametrize("build", [detr_apart, rfdetr])
def test_names_must_be_as_many_as_columns(build, tmp_path):
    """One name less than RF-DETR's columns does not say which column is nobody's."""
    model = with_metadata(build(GraphSpec(classes=4)), names=str(["a", "b", "c"]))
    with pytest.raises(ConventionError, match=r"3 class names .* but the head has 4 classes"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)


def test_the_two_families_read_alike():
    outputs, _, _ = _outputs("logits")
    one, other = (
        module.decode(outputs, _head("logits", (0,)), Selection(0.3)) for module in (family, rfdetr_family)
    )
    assert np.array_equal(one.xyxy, other.xyxy)
    assert family.scores(outputs, _head("logits", (0,))).shape == (ROWS, CLASSES)
