"""No head is recognised as another one that it looks like, by a run or by its structure alone."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from contracts import graph_edits as edit
from contracts.graph_edits import write
from contracts.lookalikes import BARE, LOOKALIKES, TINY, end_to_end_shares, named
from lineside.core.errors import (
    AmbiguousHeadError,
    ConventionError,
    DeadModelError,
    ModelError,
    UnknownHeadError,
)
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    end_to_end,
    nms_inside,
    quantise_static,
    yolov5,
    yolov6,
    yolox,
)

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])


@RUNS
@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_lookalike_is_refused(name, run, tmp_path):
    with pytest.raises(ModelError):
        ModelCard.read(write(LOOKALIKES[name](), tmp_path / "model.onnx"), run=run)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("corners", AmbiguousHeadError, "RTMDet or PP-YOLOE"),
        ("hidden_corners", AmbiguousHeadError, "RTMDet or PP-YOLOE"),
        ("scores_before_corners", UnknownHeadError, "with the scores before them (DAMO-YOLO)"),
        ("opaque_yolov6", AmbiguousHeadError, "YOLOX (decoded) or YOLOv6"),
        ("shares", UnknownHeadError, "shares of the picture"),
        ("raw_distances", UnknownHeadError, "cut off before its boxes are decoded"),
        ("objectness_in_one_sigmoid", AmbiguousHeadError, "a decoded head with objectness and 3 classes"),
        ("opaque_yolox_decoded", AmbiguousHeadError, "yolov8 with 4 classes"),
        ("without_sigmoid_named", DeadModelError, "Where the sigmoid was left out"),
        ("negative_scores_named", DeadModelError, "Where the sigmoid was left out"),
        ("masks_without_prototypes", UnknownHeadError, "without the output of its prototypes"),
        ("anchors_with_masks", UnknownHeadError, "a plain coefficient for each prototype"),
        ("opaque_yolox", UnknownHeadError, "--family"),
    ],
)
def test_it_is_called_by_its_name(name, error, text, tmp_path):
    with pytest.raises(ModelError) as refusal:
        ModelCard.read(write(LOOKALIKES[name](), tmp_path / "model.onnx"), run=run_once)
    assert type(refusal.value) is error
    assert text in str(refusal.value)


def test_shares_of_the_picture_show_only_in_a_run(tmp_path):
    path = write(end_to_end_shares(), tmp_path / "model.onnx")
    assert ModelCard.read(path).sureness == 0.6
    with pytest.raises(UnknownHeadError):
        ModelCard.read(path, run=run_once)


@pytest.mark.parametrize("family", ["yolov8", "yolov5", "yolov10", "yolox"])
@pytest.mark.parametrize(
    "name",
    [
        "corners",
        "hidden_corners",
        "shares",
        "objectness_in_one_sigmoid",
        "levels_upside_down",
        "label_before_score",
    ],
)
def test_it_cannot_be_forced(name, family, tmp_path):
    with pytest.raises(ConventionError, match="contradicts"):
        ModelCard.read(
            write(LOOKALIKES[name](), tmp_path / "model.onnx"), facts=ModelFacts(family=family), run=run_once
        )


@RUNS
@pytest.mark.parametrize("classes", [1, 2, 79, 80, 81])
@pytest.mark.parametrize("size", [Size(64, 64), Size(96, 64), Size(64, 320)], ids=str)
@pytest.mark.parametrize(
    ("family", "build"),
    [
        ("yolov8", anchor_free),
        ("yolov8", lambda spec: anchor_free(spec, transposed=True)),
        ("yolov8", lambda spec: anchor_free(spec, joined=True)),
        ("yolov5", yolov5),
        ("yolox", yolox),
        ("yolov10", end_to_end),
        ("yolov10", nms_inside),
    ],
    ids=["v8", "v8 turned", "v8 joined", "v5", "yolox", "26", "nms"],
)
def test_sizes_and_class_counts_that_collide_do_not_confuse(family, build, size, classes, run, tmp_path):
    model = build(GraphSpec(metadata=False, size=size, classes=classes))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert (card.family, card.head.classes) == (family, classes)


@RUNS
@pytest.mark.parametrize("strides", [(4, 8, 16, 32), (8, 16, 32, 64), (16, 32), (8, 16), (8,)])
@pytest.mark.parametrize(("family", "build"), [("yolov8", anchor_free), ("yolox", yolox)])
def test_other_levels_are_found(family, build, strides, run, tmp_path):
    model = build(GraphSpec(metadata=False, size=Size(128, 192), strides=strides))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert (card.family, card.head.strides) == (family, strides)


@RUNS
@pytest.mark.parametrize("build", [anchor_free, yolov5, yolox], ids=["v8", "v5", "yolox"])
def test_a_turned_output_is_read_the_other_way(build, run, tmp_path):
    straight = ModelCard.read(write(build(BARE), tmp_path / "straight.onnx"), run=run)
    turned = ModelCard.read(write(edit.turned(build(BARE)), tmp_path / "turned.onnx"), run=run)
    assert turned.head.channels_first is not straight.head.channels_first
    assert turned.head.classes == straight.head.classes


@RUNS
@pytest.mark.parametrize("transposed", [False, True])
def test_a_square_output_is_read_by_its_structure(transposed, run, tmp_path):
    card = ModelCard.read(write(anchor_free(TINY, transposed=transposed), tmp_path / "model.onnx"), run=run)
    assert card.head.channels_first is not transposed
    assert card.head.classes == card.head.rows - 4 == 80


@pytest.mark.parametrize("transposed", [False, True])
def test_a_square_output_without_structure_is_read_by_its_values(transposed, tmp_path):
    model = named(edit.opaque(anchor_free(TINY, transposed=transposed)), 80)
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert card.head.channels_first is not transposed


@RUNS
@pytest.mark.parametrize("opset", [13, 16, 17, 19, 21])
@pytest.mark.parametrize("build", [anchor_free, yolov5, yolox], ids=["v8", "v5", "yolox"])
def test_other_operator_sets_are_read(build, opset, run, tmp_path):
    model = build(BARE)
    model.opset_import[0].version = opset
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert card.opset == opset
    assert card.head.classes == 3


@RUNS
def test_quantised_and_half_files_of_every_grid_head_are_read(run, tmp_path):
    half = GraphSpec(metadata=False, precision="fp16")
    inside = GraphSpec(metadata=False, precision="fp16_float_io")
    for build in (anchor_free, yolov5, yolox):
        for model in (quantise_static(build(BARE)), build(half), build(inside)):
            assert ModelCard.read(write(model, tmp_path / "model.onnx"), run=run).head.classes == 3


@RUNS
def test_an_anchor_head_may_answer_its_levels_too(run, tmp_path):
    model = yolov5(BARE)
    levels = [n.output[0] for n in model.graph.node if n.op_type == "Transpose"]
    for name, (height, width) in zip(levels, [(16, 20), (8, 10), (4, 5)], strict=True):
        model.graph.output.append(helper.make_tensor_value_info(name, 1, (1, 3, height, width, 8)))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert (card.family, card.head.output, card.head.classes) == ("yolov5", 0, 3)


@RUNS
@pytest.mark.parametrize(
    "build", [anchor_free, yolox, end_to_end, nms_inside], ids=["v8", "yolox", "26", "nms"]
)
def test_an_output_more_than_a_family_has_is_refused(build, run, tmp_path):
    model = build(BARE)
    inner = next(n.output[0] for n in model.graph.node if n.op_type == "Sigmoid")
    model.graph.output.append(helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))
    with pytest.raises(ModelError, match="2 outputs"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


@RUNS
def test_only_levels_are_accepted_beside_an_anchor_head(run, tmp_path):
    model = yolov5(BARE)
    inner = next(n.output[0] for n in model.graph.node if n.op_type == "Sigmoid")
    model.graph.output.append(helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))
    with pytest.raises(UnknownHeadError, match="2 outputs"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


@pytest.mark.parametrize(
    ("build", "family"),
    [(anchor_free, "yolov8"), (yolox, "yolox"), (yolov5, "yolov5"), (end_to_end, "yolov10")],
)
def test_an_opaque_head_can_be_set_by_hand(build, family, tmp_path):
    path = write(edit.opaque(build(BARE)), tmp_path / "model.onnx")
    plain = ModelCard.read(write(build(BARE), tmp_path / "plain.onnx"), run=run_once)
    card = ModelCard.read(path, facts=ModelFacts(family=family), run=run_once)
    assert (card.family, card.head, card.conventions) == (family, plain.head, plain.conventions)
    assert card.sureness == 1.0


def test_names_settle_what_the_graph_leaves_open(tmp_path):
    path = write(edit.opaque(anchor_free(BARE)), tmp_path / "model.onnx")
    with pytest.raises(AmbiguousHeadError, match="give its class names"):
        ModelCard.read(path, run=run_once)
    card = ModelCard.read(path, facts=ModelFacts(names=("a", "b", "c")), run=run_once)
    assert (card.family, card.names, card.names_from) == ("yolov8", ("a", "b", "c"), "by hand")


def test_an_empty_answer_of_an_nms_that_cannot_be_followed_is_no_proof(tmp_path):
    path = write(edit.opaque(nms_inside(BARE, confidence=0.999)), tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError):
        ModelCard.read(path, run=run_once)
    card = ModelCard.read(path, facts=ModelFacts(family="yolov10"), run=run_once)
    assert (card.nms_inside, card.head.classes) == (True, 3)


@RUNS
@pytest.mark.parametrize("confidence", [0.25, 0.999], ids=["found", "empty"])
def test_an_nms_that_writes_its_rows_into_an_array_is_followed(confidence, run, tmp_path):
    """As exporters write the assignment of one picture's rows to the batch."""
    model = edit.at_output(
        nms_inside(BARE, confidence=confidence),
        helper.make_node("ScatterND", ["empty", "first", "inner"], ["outer"]),
        empty=np.zeros((1, 300, 6), np.float32),
        first=np.array([[0]]),
    )
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert (card.family, card.nms_inside, card.head.classes) == ("yolov10", True, 3)


def test_decoded_boxes_are_not_decoded_again_by_hand(tmp_path):
    for size in (Size(64, 64), Size(128, 160)):
        path = write(edit.opaque(yolox(GraphSpec(size=size), decoded=True)), tmp_path / "model.onnx")
        card = ModelCard.read(path, facts=ModelFacts(family="yolox"), run=run_once)
        assert (card.head.form, card.head.classes) == ("decoded", 3)


@pytest.mark.parametrize("family", ["rtmdet", "ppyoloe"])
def test_the_user_says_which_grid_of_corners_it_is(family, tmp_path):
    path = write(LOOKALIKES["corners"](), tmp_path / "model.onnx")
    card = ModelCard.read(path, facts=ModelFacts(family=family), run=run_once)
    assert (card.family, card.head.form, card.head.strides) == (family, "one output", (8, 16, 32))


def test_the_user_says_that_scores_stand_before_corners(tmp_path):
    path = write(LOOKALIKES["scores_before_corners"](), tmp_path / "model.onnx")
    head = ModelCard.read(path, facts=ModelFacts(family="yolo-nas"), run=run_once).head
    assert (head.output, head.others) == (1, (0,))


def test_a_constant_that_is_hidden_does_not_make_a_yolox(tmp_path):
    path = write(edit.opaque(yolov6()), tmp_path / "model.onnx")
    assert ModelCard.read(path, facts=ModelFacts(family="yolov6"), run=run_once).head.classes == 3
    with pytest.raises(ConventionError, match="set by hand as yolox"):
        ModelCard.read(path, facts=ModelFacts(family="yolox"), run=run_once)
