"""What tells the families of one box a cell apart, and what their decoding refuses."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from onnx import helper

from carded import read_carded
from contracts.graph_edits import at_output, opaque, with_metadata, write
from lineside import Detector
from lineside.core.errors import AmbiguousHeadError, ConventionError, ModelOutputError, UnknownHeadError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.families._cells import cell_points, near_their_cells, strides_of
from lineside.models.probe import as_exported, planar
from lineside.models.recognise import family
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import (
    GraphSpec,
    nanodet,
    picodet,
    ppyoloe,
    quantise_dynamic,
    quantise_static,
    rtmdet,
    yolonas,
    yolov6,
    yolox,
)

BUILDS = {
    "yolov6": yolov6,
    "yolox decoded": partial(yolox, decoded=True),
    "yolonas": yolonas,
    "ppyoloe": ppyoloe,
    "ppyoloe joined": partial(ppyoloe, joined=True),
    "rtmdet": rtmdet,
    "rtmdet rows first": partial(rtmdet, rows_first=True),
    "picodet": picodet,
    "picodet decoded": partial(picodet, decoded=True),
    "nanodet": partial(nanodet, plus=False),
    "nanodet plus": nanodet,
    "nanodet plus pairs": partial(nanodet, pairs=True),
}
EACH = pytest.mark.parametrize("name", BUILDS)
RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])
HALF = GraphSpec(precision="fp16")
HALF_INSIDE = GraphSpec(precision="fp16_float_io")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grids")
    known = {}

    def of(name):
        if name not in known:
            known[name] = read_carded(write(BUILDS[name](), folder / f"{name}.onnx"), run=run_once)
        return known[name]

    return of


@EACH
@RUNS
def test_quantised_and_half_files_are_recognised(name, run, tmp_path):
    build = BUILDS[name]
    forms = (quantise_static(build()), quantise_dynamic(build()), build(HALF), build(HALF_INSIDE))
    for model in forms:
        card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
        assert (card.family, card.head.classes) == (name.split()[0], 3)


@EACH
@RUNS
def test_counts_that_collide_do_not_confuse(name, run, tmp_path):
    """84 cells of 84 channels, as many classes as bins, and as many as box values."""
    for classes in (4, 32, 80):
        model = BUILDS[name](GraphSpec(size=Size(64, 64), classes=classes))
        card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
        assert (card.family, card.head.classes) == (name.split()[0], classes)


@EACH
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_none_in_any_output_is_refused(name, value, read):
    reading = read(name)
    head = reading.card.head
    for place in (head.output, *head.others):
        for at in (0, -1):
            spoilt = [output.copy() for output in reading.answer]
            spoilt[place].flat[at] = value
            with pytest.raises(ModelOutputError, match="The result of this run is not used"):
                family(reading.card.family).decode(spoilt, head, Selection(0.02))


@EACH
def test_nothing_above_the_confidence_is_an_empty_answer(name, read):
    reading = read(name)
    found = family(reading.card.family).decode(reading.answer, reading.card.head, Selection(1.0))
    assert found.xyxy.shape == (0, 4)
    assert not found.truncated


@EACH
def test_a_box_may_have_several_classes(name, read):
    reading = read(name)
    decode = partial(family(reading.card.family).decode, reading.answer, reading.card.head)
    one, many = decode(Selection(0.02)), decode(Selection(0.02, multi_label=True))
    assert len(many.class_id) > len(one.class_id)
    best = {tuple(box) for box in one.xyxy.tolist()}
    assert best == {tuple(box) for box in many.xyxy.tolist()}


@EACH
def test_the_number_of_class_names_must_be_the_heads(name, tmp_path):
    path = write(BUILDS[name](), tmp_path / "model.onnx")
    with pytest.raises(ConventionError, match="2 class names"):
        ModelCard.read(path, facts=ModelFacts(names=("a", "b")), run=run_once)
    card = ModelCard.read(path, facts=ModelFacts(names=("a", "b", "c")), run=run_once)
    assert card.sureness >= 0.99


@pytest.mark.parametrize(
    ("name", "colour", "scale", "anchor", "centred"),
    [
        ("yolov6", "rgb", 255, "centre", False),
        ("yolox decoded", "bgr", 1, "corner", False),
        ("yolonas", "rgb", 255, "centre", False),
        ("ppyoloe", "rgb", 255, "stretch", False),
        ("rtmdet", "bgr", 1, "corner", True),
        ("picodet", "rgb", 255, "stretch", True),
        ("nanodet", "bgr", 1, "stretch", True),
    ],
)
def test_each_is_fed_as_its_repository_does(name, colour, scale, anchor, centred, read):
    how = read(name).card.conventions
    assert (how.colour, how.scale, how.fit.anchor, not how.is_plain) == (colour, scale, anchor, centred)


@RUNS
def test_boxes_written_over_the_raw_ones_are_decoded(run, tmp_path):
    model = yolox(decoded=True, in_place=True)
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert (card.family, card.head.form, card.head.classes) == ("yolox", "decoded", 3)


def test_both_forms_of_a_yolox_give_the_same_boxes(tmp_path):
    found = []
    for decoded in (False, True):
        reading = read_carded(write(yolox(decoded=decoded), tmp_path / "model.onnx"), run=run_once)
        found.append(family("yolox").decode(reading.answer, reading.card.head, Selection(0.1)))
    assert len(found[0].confidence) > 0
    assert np.abs(found[0].xyxy - found[1].xyxy).max() < 0.05
    assert np.array_equal(found[0].class_id, found[1].class_id)


@RUNS
def test_an_objectness_that_only_arithmetic_knows_is_ambiguous(run, tmp_path):
    path = write(yolov6(objectness="computed"), tmp_path / "model.onnx")
    with pytest.raises(AmbiguousHeadError) as refusal:
        ModelCard.read(path, run=run)
    assert "YOLOX (decoded) or YOLOv6" in str(refusal.value)


def test_paddles_rows_begin_with_the_coarsest_level(read):
    assert read("ppyoloe").card.head.strides == (32, 16, 8)
    assert read("yolonas").card.head.strides == (8, 16, 32)


def test_paddles_second_input_is_fed_with_ones(read):
    (factor,) = read("ppyoloe").card.input.constants
    assert (factor.shape, factor.values) == ((1, 2), (1, 1))


def test_corners_of_unknown_make_are_known_by_their_values(tmp_path):
    """Where the boxes cannot be followed, two outputs of these shapes and a run are enough."""
    hidden = at_output(yolonas(), helper.make_node("Relu", ["inner"], ["outer"]))
    path = write(hidden, tmp_path / "model.onnx")
    assert ModelCard.read(path, run=run_once).family == "yolonas"
    with pytest.raises(UnknownHeadError):
        ModelCard.read(path)


def test_a_nanodet_that_cannot_be_followed_needs_a_word(tmp_path):
    path = write(opaque(nanodet()), tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError):
        ModelCard.read(path, run=run_once)
    assert ModelCard.read(path, facts=ModelFacts(family="nanodet-plus"), run=run_once).head.classes == 3


def test_levels_in_another_order_are_named_and_refused(tmp_path):
    model = picodet()
    outputs = list(model.graph.output)
    del model.graph.output[:]
    model.graph.output.extend([*outputs[4:], *outputs[:4]])
    with pytest.raises(UnknownHeadError, match="scores and box distributions a level"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)


def test_pairs_of_four_levels_are_told_apart_by_their_order(read):
    assert read("picodet").card.head.others[:3] == (1, 2, 3)
    assert read("nanodet plus pairs").card.head.others[:3] == (2, 4, 6)


def test_nanodet_plus_measures_from_the_corner_of_a_cell_and_clips(read):
    reading = read("nanodet plus")
    answer = [reading.answer[0].copy()]
    answer[0][..., 3:] = -30
    answer[0][..., 3::8] = 30  # every distance is 0 cells
    answer[0][0, 21, 3:] = -30
    answer[0][0, 21, 3 + 7 :: 8] = 30  # of one row all are 7
    found = family("nanodet").decode(answer, reading.card.head, Selection(0.0))
    boxes = {tuple(box) for box in found.xyxy.round(3).tolist()}
    assert (8.0, 0.0, 8.0, 0.0) in boxes
    assert (0.0, 0.0, 64.0, 64.0) in boxes


def test_cells_are_rounded_up():
    size = Size(height=800, width=608)
    assert strides_of(7600 + 1900 + 475 + 130, size) == (8, 16, 32, 64)
    points, strides = cell_points(size, (8, 16, 32, 64), 0.5)
    assert (len(points), points[-1].tolist(), strides[-1]) == (10105, [9.5 * 64, 12.5 * 64], 64)


def test_centres_that_do_not_follow_the_grid_are_near_nothing():
    size = Size(64, 96)
    points, _ = cell_points(size, (8,), 0.5)
    assert near_their_cells(points, size, (8,), 0.1) == 1
    assert near_their_cells(points[:, ::-1].copy(), size, (8,), 0.1) is None


def test_names_in_the_metadata_make_it_surer(tmp_path):
    model = with_metadata(rtmdet(), names=str(["bolt", "nut", "washer"]))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert (card.names, card.sureness) == (("bolt", "nut", "washer"), 1.0)


@pytest.mark.parametrize("name", ["ppyoloe", "rtmdet", "picodet", "nanodet plus"])
def test_a_detector_answers_what_the_file_does(name, tmp_path):
    """Centring, a second input and a pair of outputs a level, through the prepared graph."""
    path = write(BUILDS[name](), tmp_path / "model.onnx")
    detector = Detector(path, cache=tmp_path)
    card = detector.card
    picture = np.random.default_rng(1).integers(0, 256, (*card.input.size, 3), np.uint8)
    values = as_exported(planar(picture, card.conventions), card.input, card.conventions)
    outputs = run_once(path.read_bytes(), card.input.feeds(values))
    expected = family(card.family).decode(outputs, card.head, Selection(0.05))
    found = detector(picture, confidence=0.05, nms="none", max_detections=1000)
    assert len(found) == len(expected.confidence) > 0
    assert np.abs(found.confidence - expected.confidence).max() < 1e-4
    limits = np.array(card.input.size[::-1] * 2)
    assert np.abs(found.xyxy - expected.xyxy.clip(0, limits)).max() < 0.05
