"""Undecoded levels: told apart by what was done to them and by the layers before them, or refused by both names."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carded import read_carded
from contracts import raw_rows
from contracts.graph_edits import nameless, with_metadata, write
from lineside import Detector
from lineside.core.errors import (
    AmbiguousHeadError,
    ConventionError,
    ModelError,
    ModelOutputError,
    SettingsError,
    UnknownHeadError,
)
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.recognise import family, family_named
from lineside.models.spec import HeadSpec
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import GraphSpec, quantise_dynamic, quantise_static, raw_anchors, yolov5
from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import backbone, branch

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])
BARE = GraphSpec(metadata=False)
REFERENCE = {
    "raw_yolov3": raw_rows.yolov3,
    "raw_yolov4": raw_rows.yolov4,
    "raw_yolov5": raw_rows.yolov5,
    "raw_yolov7": raw_rows.yolov7,
}


def _read(model, tmp_path, **how):
    return read_carded(write(model, tmp_path / "model.onnx"), run=run_once, **how)


@RUNS
@pytest.mark.parametrize("form", ["a h w v", "a v h w", "av h w", "h w a v", "h w av"])
@pytest.mark.parametrize("coarse_first", [False, True])
def test_every_order_of_axes_and_levels_is_read_alike(form, coarse_first, run, tmp_path):
    model = nameless(raw_anchors(BARE, form=form, coarse_first=coarse_first))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert (card.family, card.head.strides, card.head.classes) == ("raw_yolov5", (8, 16, 32), 3)
    assert (card.head.output, *card.head.others) == ((2, 1, 0) if coarse_first else (0, 1, 2))
    assert card.head.form == f"{form}: logits"


@pytest.mark.parametrize("form", ["a v h w", "av h w", "h w a v", "h w av"])
def test_the_boxes_do_not_depend_on_the_axes(form, tmp_path):
    found = []
    for axes in ("a h w v", form):
        reading = _read(raw_anchors(form=axes), tmp_path)
        found.append(family("raw_yolov5").decode(reading.answer, reading.card.head, Selection(0.1)))
    assert np.array_equal(found[0].xyxy, found[1].xyxy)
    assert np.array_equal(found[0].confidence, found[1].confidence)


@pytest.mark.parametrize("confidence", [0.0, 0.25, 0.5, 0.999, 1.0])
def test_a_confidence_means_the_same_before_and_behind_the_sigmoid(confidence, tmp_path):
    found = []
    for done in ("logits", "all"):
        reading = _read(raw_anchors(done=done), tmp_path)
        found.append(family("raw_yolov5").decode(reading.answer, reading.card.head, Selection(confidence)))
    assert len(found[0].confidence) == len(found[1].confidence)
    assert np.abs(found[0].xyxy - found[1].xyxy).max(initial=0) < 1e-2
    assert (found[0].confidence > confidence).all()


@RUNS
@pytest.mark.parametrize("prepare", [quantise_static, quantise_dynamic], ids=["static", "dynamic"])
@pytest.mark.parametrize(
    ("generation", "name"), [("v5", "raw_yolov5"), ("v7", "raw_yolov7"), ("v4", "raw_yolov4")]
)
def test_a_quantised_file_is_recognised(prepare, generation, name, run, tmp_path):
    form = "av h w" if generation == "v4" else "a h w v"
    model = prepare(raw_anchors(BARE, generation=generation, form=form))
    assert ModelCard.read(write(model, tmp_path / "model.onnx"), run=run).family == name


@RUNS
def test_an_open_batch_is_read(run, tmp_path):
    model = yolov5(GraphSpec(metadata=False, dynamic_batch=True), raw=True)
    assert ModelCard.read(write(model, tmp_path / "model.onnx"), run=run).input.dynamic_batch


@pytest.mark.parametrize("name", REFERENCE)
def test_what_is_left_to_the_user_is_decoded_as_said(name, tmp_path):
    model = raw_anchors(generation="plain", form="av h w")
    with pytest.raises(AmbiguousHeadError, match=name):
        _read(model, tmp_path)
    reading = _read(model, tmp_path, facts=ModelFacts(family=name))
    card = reading.card
    found = family(name).decode(reading.answer, card.head, Selection(0.3))
    expected = REFERENCE[name](list(reading.answer), 3, card.input.size, (8, 16, 32), 0.3)
    rows = np.column_stack([found.xyxy, found.confidence, found.class_id])
    assert len(rows) == len(expected) > 10
    for row in expected:
        off = np.abs(rows - row)
        assert ((off[:, :4].max(axis=1) < 0.05) & (off[:, 4] < 1e-4) & (off[:, 5] == 0)).any()


@pytest.mark.parametrize(
    ("alias", "name"),
    [("yolov5-raw", "raw_yolov5"), ("yolov7_raw", "raw_yolov7"), ("yolov4", "raw_yolov4")],
)
def test_a_family_can_be_called_by_what_people_call_it(alias, name):
    assert family_named(alias) == name


@RUNS
@pytest.mark.parametrize("name", ["raw_yolov3", "raw_yolov4"])
def test_a_sigmoid_behind_the_sizes_rules_exponentials_out(name, run, tmp_path):
    path = write(raw_anchors(done="all"), tmp_path / "model.onnx")
    with pytest.raises(ConventionError, match=f"set by hand as {name}"):
        ModelCard.read(path, facts=ModelFacts(family=name), run=run)


@RUNS
@pytest.mark.parametrize("name", ["raw_yolov5", "raw_yolov7"])
def test_sizes_alone_without_a_sigmoid_rule_squares_out(name, run, tmp_path):
    path = write(raw_anchors(generation="v3", done="centres"), tmp_path / "model.onnx")
    with pytest.raises(ConventionError, match=f"set by hand as {name}"):
        ModelCard.read(path, facts=ModelFacts(family=name), run=run)


OWN = [[[8, 9], [10, 20], [30, 15]], [[31, 60], [61, 44], [58, 118]], [[115, 91], [157, 199], [300, 280]]]


@RUNS
@pytest.mark.parametrize("levels", [OWN, OWN[::-1], [np.ravel(level).tolist() for level in OWN]])
def test_anchors_of_the_metadata_go_before_the_defaults(levels, run, tmp_path):
    model = with_metadata(raw_anchors(BARE), anchors=str(levels))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert card.family == "raw_yolov5"
    assert card.head.anchor_px == tuple((w, h) for level in OWN for w, h in level)
    assert "anchors from the metadata" in card.evidence


@RUNS
def test_the_defaults_are_owned_up_to(run, tmp_path):
    card = ModelCard.read(write(raw_anchors(), tmp_path / "model.onnx"), run=run)
    assert card.head.anchor_px[0] == (10, 13)
    assert any("as the file holds none" in reason for reason in card.evidence)
    assert any("the file holds no anchors" in warning for warning in card.warnings)


@RUNS
def test_anchors_set_by_hand_go_before_those_of_the_metadata(run, tmp_path):
    path = write(with_metadata(raw_anchors(BARE), anchors=str(OWN)), tmp_path / "model.onnx")
    mine = [(w + 1, h + 1) for level in OWN for w, h in level]
    for levels in (mine, mine[6:] + mine[3:6] + mine[:3]):  # the coarsest first, too
        (tmp_path / "model.toml").write_text(f"anchors = {[list(pair) for pair in levels]}")
        card = ModelCard.read(path, run=run)
        assert card.head.anchor_px == tuple(mine)
    assert "anchors set by hand" in card.evidence
    assert not any("anchors" in warning for warning in card.warnings)


def test_anchors_that_decode_nothing_are_refused(tmp_path):
    facts = ModelFacts(anchors=((10, 13), (16, 30), (33, 23)))
    with pytest.raises(ConventionError, match=r"model.onnx: 3 anchors set by hand, but the head takes 9"):
        ModelCard.read(write(raw_anchors(BARE), tmp_path / "model.onnx"), facts=facts)
    with pytest.raises(ConventionError, match="the graph decodes its boxes itself"):
        ModelCard.read(write(yolov5(BARE), tmp_path / "model.onnx"), facts=facts)


@pytest.mark.parametrize("anchors", [[], [[1, 2]], [[1, 2, 3]] * 3, [[0, 1]] * 3, [["1", 2]] * 3, "10,13", 5])
def test_anchors_by_hand_that_are_none_are_refused(anchors):
    with pytest.raises(SettingsError, match="anchors: expected pairs of width and height"):
        ModelFacts(anchors=anchors)


@RUNS
def test_anchors_of_another_family_settle_whose_it_is(run, tmp_path):
    model = raw_anchors(BARE, generation="v4")
    path = write(model, tmp_path / "model.onnx")
    with pytest.raises(AmbiguousHeadError, match="raw_yolov7"):
        ModelCard.read(path, run=run)
    card = ModelCard.read(path, facts=ModelFacts(family="scaled-yolov4-raw"), run=run)
    assert card.head.anchor_px[:2] == ((12, 16), (19, 36))
    v5 = np.reshape(raw_rows.V3, (3, 3, 2)).tolist()
    write(with_metadata(raw_anchors(BARE, generation="v7"), anchors=str(v5)), path)
    with pytest.raises(UnknownHeadError):  # its layers are YOLOv7's, its anchors are not
        ModelCard.read(path, run=run)


@pytest.mark.parametrize("text", ["[]", "none", "[[1, 2]]", "[[[0, 1]] * 3] * 3", str([[[1, -2]] * 3] * 3)])
def test_anchors_that_are_none_are_not_taken(text, tmp_path):
    card = _read(with_metadata(raw_anchors(BARE), anchors=text), tmp_path).card
    assert any("defaults" in reason for reason in card.evidence)


def _cut_before_the_boxes(spec=BARE):
    """YOLOv8 cut off at its convolutions: 64 + 80 channels a level, which three anchors of 43 classes would fill as well."""
    b = GraphBuilder(spec)
    outputs = []
    for i, level in enumerate(backbone(b, b.picture())):
        both = b.add("Concat", branch(b, level, 64).name, branch(b, level, 80).name, axis=1)
        shape = (1, 144, spec.size.height // level.stride, spec.size.width // level.stride)
        outputs.append(Output(f"output{i}", both, shape))
    return b.finish(outputs)


@RUNS
def test_levels_of_two_convolutions_are_none_of_anchors(run, tmp_path):
    path = write(_cut_before_the_boxes(), tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError, match="not three anchors a cell from one convolution"):
        ModelCard.read(path, run=run)
    for name in REFERENCE:
        with pytest.raises(ConventionError):
            ModelCard.read(path, facts=ModelFacts(family=name), run=run)


def _opaque(model):
    """With every output taken to the power of one, behind which nothing is seen."""
    for output in model.graph.output:
        for node in model.graph.node:
            node.output[:] = [f"in_{name}" if name == output.name else name for name in node.output]
        model.graph.node.append(onnx.helper.make_node("Pow", [f"in_{output.name}", "one"], [output.name]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), "one"))
    return model


@pytest.mark.parametrize("done", ["logits", "all"])
def test_what_cannot_be_followed_is_taken_only_by_hand(done, tmp_path):
    model = _opaque(raw_anchors(BARE, done=done))
    with pytest.raises(UnknownHeadError):
        _read(model, tmp_path)
    card = _read(model, tmp_path, facts=ModelFacts(family="raw_yolov5")).card
    assert card.head == _read(raw_anchors(BARE, done=done), tmp_path).card.head


def test_decoded_levels_are_not_decoded_again(tmp_path):
    model = yolov5(BARE)
    joined = next(n for n in model.graph.node if n.output[0] == model.graph.output[0].name)
    levels = [next(n for n in model.graph.node if name in n.output).input[0] for name in joined.input]
    del model.graph.output[:]
    for name, (height, width) in zip(levels, [(16, 20), (8, 10), (4, 5)], strict=True):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, (1, 3, height, width, 8)))
    path = write(model, tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError):
        ModelCard.read(path, run=run_once)
    for name in REFERENCE:
        with pytest.raises(ConventionError):
            ModelCard.read(path, facts=ModelFacts(family=name), run=run_once)


@RUNS
def test_an_output_more_is_refused(run, tmp_path):
    model = raw_anchors(BARE)
    inner = next(n.output[0] for n in model.graph.node if n.op_type == "Resize")
    model.graph.output.append(onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))
    with pytest.raises(ModelError, match="4 outputs"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_detector_answers_in_the_pixels_of_the_picture(channels_last, tmp_path):
    model = raw_anchors(generation="v4", form="h w a v", done="scores", channels_last=channels_last)
    detector = Detector(write(model, tmp_path / "model.onnx"), cache=tmp_path / "cache")
    picture = np.random.default_rng(0).integers(0, 255, (256, 320, 3), np.uint8)
    found = detector(picture, confidence=0.1, max_detections=5000)
    assert found.xyxy[:, 2].max() > 170  # beyond the model's own width
    assert (found.xyxy[:, 2:] <= (320, 256)).all()
    assert len(detector(picture, confidence=0.1, max_detections=5000, nms="none")) > len(found) > 0


def test_a_form_without_values_on_an_axis_cannot_be_cut():
    with pytest.raises(SettingsError, match="an axis of values"):
        raw_anchors(form="av h w", done="scores")


SIZE = Size(64, 96)
STRIDES = (8, 16, 32)


def _spec(done, form="a h w v", classes=2):
    anchors = tuple(zip(raw_rows.V3[::2], raw_rows.V3[1::2], strict=True))
    rows = 3 * sum((SIZE.height // s) * (SIZE.width // s) for s in STRIDES)
    return HeadSpec(
        output=0,
        classes=classes,
        strides=STRIDES,
        anchors=3,
        channels_first=False,
        size=SIZE,
        rows=rows,
        others=(1, 2),
        anchor_px=anchors,
        form=f"{form}: {done}",
    )


def _levels(rng, scale=1.0, classes=2):
    return [
        rng.normal(0, scale, (1, 3, SIZE.height // s, SIZE.width // s, 5 + classes)).astype(np.float32)
        for s in STRIDES
    ]


@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.1, 1.0, 8.0, 200.0]))
def test_any_finite_logits_give_finite_boxes(seed, scale):
    outputs = _levels(np.random.default_rng(seed), scale)
    for name in REFERENCE:
        found = family(name).decode(outputs, _spec("logits"), Selection(0.2))
        assert np.isfinite(found.xyxy).all()
        assert (found.xyxy[:, 2:] >= found.xyxy[:, :2]).all()
        assert ((found.confidence > 0.2) & (found.confidence <= 1)).all()


@pytest.mark.parametrize(
    ("level", "anchor", "cell", "name", "expected"),
    [
        (0, 0, (3, 5), "raw_yolov5", (44 - 5, 28 - 6.5, 44 + 5, 28 + 6.5)),
        (2, 2, (1, 2), "raw_yolov5", (80 - 186.5, 48 - 163, 80 + 186.5, 48 + 163)),
        (1, 0, (0, 0), "raw_yolov3", (8 - 15, 8 - 30.5, 8 + 15, 8 + 30.5)),
        (0, 1, (7, 11), "raw_yolov4", (92 - 8, 60 - 15, 92 + 8, 60 + 15)),
    ],
)
def test_a_value_of_zero_is_the_anchor_in_the_middle_of_its_cell(level, anchor, cell, name, expected):
    outputs = [np.full_like(o, -20) for o in _levels(np.random.default_rng(0))]
    outputs[level][0, anchor, cell[0], cell[1]] = [0, 0, 0, 0, 9, 9, -9]
    found = family(name).decode(outputs, _spec("logits"), Selection(0.5))
    assert found.xyxy.tolist() == [pytest.approx(expected)]
    assert (found.class_id.tolist(), found.confidence[0] > 0.99) == ([0], True)


def test_a_centre_at_the_end_of_its_reach_is_that_of_each_version():
    reach = {"raw_yolov3": 0.0, "raw_yolov4": -0.1, "raw_yolov5": -0.5, "raw_yolov7": -0.5}
    for name, cells in reach.items():
        outputs = [np.full_like(o, -20) for o in _levels(np.random.default_rng(0))]
        outputs[0][0, 0, 4, 4] = [-30, -30, 0, 0, 9, 9, -9]
        found = family(name).decode(outputs, _spec("logits"), Selection(0.5))
        centre = (found.xyxy[0, :2] + found.xyxy[0, 2:]) / 2
        assert centre.tolist() == pytest.approx([8 * (4 + cells)] * 2, abs=1e-3)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 3, 4])
@pytest.mark.parametrize("done", ["logits", "scores", "centres", "all"])
def test_no_level_may_hold_what_is_not_finite(level, value, channel, done):
    outputs = [np.clip(np.abs(o), 0, 1) for o in _levels(np.random.default_rng(0))]
    outputs[level][0, 1, 0, 0, channel] = value
    name = "raw_yolov3" if done == "centres" else "raw_yolov5"
    with pytest.raises(ModelOutputError, match="not used"):
        family(name).decode(outputs, _spec(done), Selection(0.5))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_class_score_in_question_must_be_finite(value):
    outputs = _levels(np.random.default_rng(0))
    outputs[1][0, 1, 1, 1, 4:] = [5, 1, value]
    with pytest.raises(ModelOutputError, match="not used"):
        family("raw_yolov5").decode(outputs, _spec("logits"), Selection(0.5))


def test_what_should_be_probabilities_is_checked():
    outputs = [np.clip(np.abs(o), 0, 1) for o in _levels(np.random.default_rng(0))]
    outputs[0][0, 0, 0, 0, 4] = 1.5
    with pytest.raises(ModelOutputError, match="expected 0 to 1"):
        family("raw_yolov5").decode(outputs, _spec("all"), Selection(0.5))


def test_several_labels_and_only_wanted_classes_are_given():
    outputs = [np.full_like(o, -20) for o in _levels(np.random.default_rng(0))]
    outputs[0][0, 0, 0, 0] = [0, 0, 0, 0, 9, 3, 2]
    module, spec = family("raw_yolov5"), _spec("logits")
    assert module.decode(outputs, spec, Selection(0.5)).class_id.tolist() == [0]
    assert module.decode(outputs, spec, Selection(0.5, multi_label=True)).class_id.tolist() == [0, 1]
    wanted = Selection(0.5, np.array([False, True]), multi_label=True)
    assert module.decode(outputs, spec, wanted).class_id.tolist() == [1]


def test_scores_of_all_rows_judge_a_dead_export():
    outputs = _levels(np.random.default_rng(0))
    spec = _spec("logits")
    found = family("raw_yolov5").scores(outputs, spec)
    assert found.shape == (spec.rows, 2)
    assert ((found > 0) & (found < 1)).all()
    done = [1 / (1 + np.exp(-o)) for o in outputs]
    again = family("raw_yolov5").scores(done, dataclasses.replace(spec, form="a h w v: all"))
    assert np.abs(found - again).max() < 1e-6
