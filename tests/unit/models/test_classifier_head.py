"""What a row of values a class is taken for, and what it is not taken for."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from carded import read_carded
from contracts.graph_edits import at_output, nameless, write
from lineside.core.errors import (
    ConventionError,
    DeadModelError,
    ModelError,
    ModelOutputError,
    UnknownHeadError,
)
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.families import classifier
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import GraphSpec, classification

BARE = GraphSpec(metadata=False)


def card_of(model, tmp_path, **how):
    return ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once, **how)


@pytest.mark.parametrize(
    ("ending", "form"), [("softmax", "probabilities"), ("sigmoid", "independent"), ("logits", "logits")]
)
def test_what_the_values_are_is_seen(ending, form, tmp_path):
    card = card_of(classification(BARE, ending=ending), tmp_path)
    assert (card.family, card.task, card.head.form, card.nms_free) == ("classifier", "classify", form, True)
    assert card.conventions.fit.anchor == "crop"


def test_bare_logits_are_less_sure_than_probabilities_and_than_logits_with_names(tmp_path):
    softmax, bare = (
        card_of(classification(BARE, ending=e), tmp_path).sureness for e in ("softmax", "logits")
    )
    assert bare < card_of(classification(ending="logits"), tmp_path).sureness
    assert bare < softmax


def test_a_softmax_written_out_is_seen_by_its_values(tmp_path):
    written = at_output(
        classification(BARE, ending="logits"),
        helper.make_node("Exp", ["inner"], ["raised"]),
        helper.make_node("ReduceSum", ["raised", "axes"], ["sum"], keepdims=1),
        helper.make_node("Div", ["raised", "sum"], ["outer"]),
        axes=np.array([1]),
    )
    assert card_of(written, tmp_path).head.form == "probabilities"


def test_a_softmax_over_the_wrong_axis_is_refused(tmp_path):
    model = classification(BARE, ending="logits")
    wrong = at_output(model, helper.make_node("Softmax", ["inner"], ["outer"], axis=0))
    with pytest.raises(ModelError):
        card_of(wrong, tmp_path)


@pytest.mark.parametrize("node", ["ReduceL2", "LpNormalization"])
def test_a_vector_of_features_is_refused(node, tmp_path):
    nodes = [helper.make_node("LpNormalization", ["inner"], ["outer"], axis=1, p=2)]
    constants = {}
    if node == "ReduceL2":
        nodes = [
            helper.make_node("ReduceL2", ["inner", "axes"], ["length"], keepdims=1),
            helper.make_node("Div", ["inner", "length"], ["outer"]),
        ]
        constants = {"axes": np.array([1])}
    features = at_output(classification(BARE, ending="logits"), *nodes, **constants)
    with pytest.raises(UnknownHeadError, match=r'"output0" \(1, 3\)'):
        card_of(features, tmp_path)


def silent(model):
    """The model with a last layer that has learnt nothing."""
    for tensor in model.graph.initializer:
        if tensor.name.startswith("model.linear"):
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(array), tensor.name))
    return model


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("ending", ["softmax", "logits", "sigmoid"])
def test_a_classifier_whose_classes_are_all_equal_is_dead(classes, ending, tmp_path):
    spec = GraphSpec(classes=classes)
    with pytest.raises(DeadModelError, match="dead export"):
        card_of(silent(classification(spec, ending=ending)), tmp_path)


def test_two_classes_have_two_values_and_live(tmp_path):
    assert card_of(classification(GraphSpec(classes=2)), tmp_path).names == ("class0", "class1")


def test_the_names_and_their_number_are_checked_like_those_of_detectors(tmp_path):
    with pytest.raises(ConventionError, match="2 class names"):
        card_of(classification(BARE), tmp_path, facts=ModelFacts(names=("a", "b")))


def test_mean_and_deviation_set_by_hand_are_part_of_what_the_graph_is_fed(tmp_path):
    path = write(classification(ending="logits"), tmp_path / "model.onnx")
    plain = read_carded(path, run=run_once)
    facts = ModelFacts(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
    centred = read_carded(path, run=run_once, facts=facts)
    assert centred.card.conventions.mean == facts.mean
    assert not np.allclose(plain.answer[0], centred.answer[0])
    planes = centred.reading.planes.astype(np.float32) / 255
    values = (planes - np.float32(facts.mean).reshape(1, 3, 1, 1)) / np.float32(facts.deviation).reshape(
        1, 3, 1, 1
    )
    own = run_once(onnx.load(path).SerializeToString(), {"images": values})[0]
    np.testing.assert_allclose(centred.answer[0], own, atol=1e-5)


@pytest.fixture(params=["softmax", "logits"])
def spec_and_values(request, tmp_path):
    read = read_carded(
        write(nameless(classification(ending=request.param)), tmp_path / "model.onnx"), run=run_once
    )
    return read.card.head, read.answer


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(spec_and_values, value):
    spec, answer = spec_and_values
    spoilt = answer[0].copy()
    spoilt[0, 1] = value
    with pytest.raises(ModelOutputError, match="not used"):
        classifier.decode([spoilt], spec, Selection(0.0))


def test_classes_come_best_first_and_their_probabilities_add_up(spec_and_values):
    spec, answer = spec_and_values
    found = classifier.decode(answer, spec, Selection(0.0))
    assert found.confidence.sum() == pytest.approx(1, abs=1e-6)
    assert (np.diff(found.confidence) <= 0).all()
    assert found.xyxy.tolist() == [[0, 0, 160, 128]] * 3
    assert not found.truncated


def test_a_classifier_of_unknown_feeding_says_so(tmp_path):
    def warned(model, **how):
        return any("how a picture is fed" in text for text in card_of(model, tmp_path, **how).warnings)

    assert warned(classification(BARE))
    assert not warned(classification())
    facts = ModelFacts(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
    assert not warned(classification(BARE), facts=facts)
