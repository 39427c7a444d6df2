"""What heads say of an object beyond its box: masks, keypoints and rotations, against their plainest reckoning."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from carded import read_carded
from contracts.graph_edits import nameless, opaque, with_metadata, write
from contracts.task_rows import MASKS, around, rows_of
from lineside.core.errors import AmbiguousHeadError, ConventionError, ModelOutputError, UnknownHeadError
from lineside.core.geometry import Fit, Letterbox, Size
from lineside.core.oriented import corners
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.recognise import family
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import CATALOGUE, GraphSpec, end_to_end_task, oriented_boxes, pose, segmentation
from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import backbone, branch, flatten
from lineside.testing.graphs.tasks import decoded_keypoints, detection_parts

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])
BARE = GraphSpec(metadata=False)
FRAME = Size(height=210, width=260)
CONFIDENCE = 0.1


def graphs_of(*tasks):
    return [name for name, entry in CATALOGUE.items() if entry.family.endswith(tasks)]


def described(reading, letterbox=None):
    """The candidates of a reading's answer, at most 40 of them, and what the head says of them."""
    card = reading.card
    module = family(card.family)
    found = module.decode(reading.answer, card.head, Selection(CONFIDENCE, limit=40))
    box = letterbox or Letterbox.fit(FRAME, card.input.size, card.conventions.fit)
    return found, box, module.details(reading.answer, card.head, found, box)


def row_of(found, number, rows):
    """The only row of the answer with a candidate's box and score, found without its number."""
    return rows[int(found.rows[number])]


@pytest.mark.parametrize("graph", graphs_of("_seg"))
def test_masks_are_the_sums_of_all_prototypes_above_zero(graph, read):
    reading = read(graph)
    found, letterbox, details = described(reading)
    rows = rows_of(reading.answer)
    maps = next(output[0] for output in reading.answer if output.ndim == 4).astype(float)
    assert len(details.masks) == len(found.confidence) > 0
    boxes = found.xyxy.copy()
    letterbox.to_frame(boxes)
    wrong = pixels = 0
    for number, mask in enumerate(details.masks.dense()):
        sums = np.tensordot(row_of(found, number, rows)[-MASKS:], maps, 1)
        for y, x in np.argwhere(np.ones(FRAME, bool))[::37]:
            left, top, right, bottom = boxes[number].tolist()
            inside = left <= x + 0.5 < right and top <= y + 0.5 < bottom
            cell_x = ((x + 0.5) * letterbox.gain_x + letterbox.left_px) / 4 - 0.5
            cell_y = ((y + 0.5) * letterbox.gain_y + letterbox.top_px) / 4 - 0.5
            near = sums[max(round(cell_y), 0) : round(cell_y) + 1, max(round(cell_x), 0) : round(cell_x) + 1]
            pixels += 1
            wrong += bool(mask[y, x]) != (inside and bool(near.max(initial=0) > 0))
    # The nearest cell stands for the interpolation here: they part only where a sum changes its sign.
    assert wrong < 0.04 * pixels


@pytest.mark.parametrize("graph", graphs_of("_pose"))
def test_keypoints_are_those_of_the_row(graph, read):
    reading = read(graph)
    found, letterbox, details = described(reading)
    rows = rows_of(reading.answer)
    count, each = reading.card.head.keypoints
    assert details.keypoints.shape == (len(found.confidence), count, 3)
    assert len(found.confidence)
    for number, points in enumerate(details.keypoints):
        values = row_of(found, number, rows)[-count * each :]
        for k, (x, y, seen) in enumerate(points.tolist()):
            expected_x = (values[k * each] - letterbox.left_px) / letterbox.gain_x
            expected_y = (values[k * each + 1] - letterbox.top_px) / letterbox.gain_y
            assert x == pytest.approx(min(max(expected_x, 0), FRAME.width), abs=0.05)
            assert y == pytest.approx(min(max(expected_y, 0), FRAME.height), abs=0.05)
            assert seen == pytest.approx(values[k * each + 2] if each == 3 else 1, abs=1e-4)


@pytest.mark.parametrize("graph", graphs_of("_obb"))
def test_turned_boxes_are_those_of_the_row(graph, read):
    reading = read(graph)
    card = reading.card
    found = family(card.family).decode(reading.answer, card.head, Selection(CONFIDENCE))
    rows = rows_of(reading.answer)
    assert len(found.confidence)
    for number, box in enumerate(found.xywhr):
        row = row_of(found, number, rows)
        assert box[:4] == pytest.approx(row[:4], abs=0.05)
        assert math.sin(2 * box[4]) == pytest.approx(math.sin(2 * row[-1]), abs=1e-4)
        assert math.cos(2 * box[4]) == pytest.approx(math.cos(2 * row[-1]), abs=1e-4)
        assert found.xyxy[number] == pytest.approx(around(*row[:4], row[-1]), abs=0.05)
    assert np.allclose(corners(found.xywhr).min(axis=1), found.xyxy[:, :2], atol=0.05)


@pytest.mark.parametrize("graph", [*graphs_of("_seg"), *graphs_of("_pose")])
def test_no_name_in_the_file_changes_what_is_said(graph, read, tmp_path):
    _, _, named = described(read(graph))
    path = write(nameless(CATALOGUE[graph].build()), tmp_path / "other.onnx")
    _, _, bare = described(read_carded(path, run=run_once))
    if named.masks is not None:
        assert np.array_equal(named.masks.dense(), bare.masks.dense())
    else:
        assert np.array_equal(named.keypoints, bare.keypoints)


def answered(module, outputs, card):
    """What a detector asks of a family; few candidates are left."""
    found = module.decode(outputs, card.head, Selection(0.999999))
    return module.details(outputs, card.head, found, Letterbox.fit(FRAME, card.input.size, Fit()))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("graph", ["segmentation", "segmentation_v5", "segmentation_26", "pose", "pose_26"])
def test_a_value_that_is_not_finite_anywhere_in_the_answer_is_refused(graph, value, read):
    reading = read(graph)
    card = reading.card
    module = family(card.family)
    for output in (card.head.output, *card.head.others):
        spoilt = [one.copy() for one in reading.answer]
        spoilt[output].reshape(-1)[-1] = value
        with pytest.raises(ModelOutputError, match="not used"):
            answered(module, spoilt, card)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("graph", graphs_of("_obb"))
def test_an_angle_that_is_not_finite_is_refused(graph, value, read):
    reading = read(graph)
    spoilt = [output.copy() for output in reading.answer]
    spoilt[0].reshape(-1)[-1] = value
    with pytest.raises(ModelOutputError, match="not used"):
        family(reading.card.family).decode(spoilt, reading.card.head, Selection(0.999999))


@RUNS
@pytest.mark.parametrize(
    ("count", "visibility"), [(1, True), (1, False), (2, True), (3, False), (4, True), (21, True), (5, False)]
)
@pytest.mark.parametrize("end_to_end", [False, True])
def test_the_number_of_keypoints_stands_in_the_graph(count, visibility, end_to_end, run, tmp_path):
    if end_to_end:
        model = end_to_end_task(BARE, task="pose", keypoints=count, visibility=visibility)
    else:
        model = pose(BARE, keypoints=count, visibility=visibility)
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert card.task == "pose"
    assert card.head.keypoints == (count, 3 if visibility else 2)


def pose_of(values, *, decoded=True, names=None):
    """A pose head with so many values behind the scores."""
    b = GraphBuilder(BARE)
    levels = backbone(b, b.picture())
    boxes, logits = detection_parts(b, levels)
    raw = flatten(b, [branch(b, level, values) for level in levels])
    points = b.add("Mul", b.add("Add", raw, b.floats(3.0)), b.floats(8.0)) if decoded else b.add("Abs", raw)
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), points, axis=1)
    shape = (1, 4 + BARE.classes + values, BARE.anchors)
    return b.finish([Output("output0", out, shape)], names)


@RUNS
@pytest.mark.parametrize("values", [5, 7, 25])
def test_a_number_of_values_that_fits_no_keypoints_is_refused(values, run, tmp_path):
    path = write(pose_of(values), tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError, match=f"{values} values behind the scores fit no keypoints"):
        ModelCard.read(path, run=run)


def test_two_readings_of_the_values_are_both_named(tmp_path):
    path = write(pose_of(6, decoded=False), tmp_path / "model.onnx")
    with pytest.raises(AmbiguousHeadError) as refusal:
        ModelCard.read(path)
    assert "2 keypoints of x, y and visibility or 3 keypoints of x and y" in str(refusal.value)
    assert "kpt_shape" in str(refusal.value)


def test_metadata_settles_what_the_graph_leaves_open(tmp_path):
    model = pose_of(6, decoded=False, names={"kpt_shape": "[2, 3]"})
    assert ModelCard.read(write(model, tmp_path / "model.onnx")).head.keypoints == (2, 3)


@RUNS
def test_metadata_that_contradicts_the_graph_is_refused(run, tmp_path):
    path = write(with_metadata(pose(BARE), kpt_shape="[16, 3]"), tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError, match="the metadata says 16 keypoints of x, y and visibility"):
        ModelCard.read(path, run=run)


def test_keypoints_that_were_not_decoded_are_none(tmp_path):
    """Their values do not follow the grid."""
    path = write(pose_of(6, decoded=False), tmp_path / "model.onnx")
    with pytest.raises(UnknownHeadError):
        ModelCard.read(path, run=run_once)
    with pytest.raises(ConventionError, match="contradicts"):
        ModelCard.read(path, facts=ModelFacts(family="yolov8-pose"), run=run_once)


@pytest.mark.parametrize(
    ("build", "name"),
    [(segmentation, "yolov8_seg"), (pose, "yolov8_pose"), (oriented_boxes, "yolov8_obb")],
)
def test_names_tell_a_head_whose_structure_is_hidden(build, name, tmp_path):
    plain = ModelCard.read(write(build(BARE), tmp_path / "plain.onnx"), run=run_once)
    model = with_metadata(opaque(build(BARE)), names="['a', 'b', 'c']", kpt_shape="[17, 3]")
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert (card.family, card.head) == (name, plain.head)


@RUNS
@pytest.mark.parametrize("build", [segmentation, pose, oriented_boxes])
def test_an_output_more_than_a_task_has_is_refused(build, run, tmp_path):
    model = build(BARE)
    inner = next(node.output[0] for node in model.graph.node if node.op_type == "Sigmoid")
    model.graph.output.append(onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))
    with pytest.raises(UnknownHeadError):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


@RUNS
@pytest.mark.parametrize("classes", [1, 2, 28, 32, 79, 81])
@pytest.mark.parametrize("size", [Size(64, 64), Size(96, 64), Size(64, 320)], ids=str)
@pytest.mark.parametrize(
    ("build", "name"),
    [(segmentation, "yolov8_seg"), (pose, "yolov8_pose"), (oriented_boxes, "yolov8_obb")],
)
def test_sizes_and_class_counts_that_collide_do_not_confuse(build, name, size, classes, run, tmp_path):
    model = build(GraphSpec(metadata=False, size=size, classes=classes))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert (card.family, card.head.classes) == (name, classes)


def test_keypoints_may_be_joined_of_pieces(tmp_path):
    """The tensor may be reshaped and joined in other ways, as long as its arithmetic is there."""
    b = GraphBuilder(BARE)
    levels = backbone(b, b.picture())
    boxes, logits = detection_parts(b, levels)
    points = b.split(decoded_keypoints(b, levels, 4, 3), [6, 6], 1)
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), b.add("Concat", *points, axis=1), axis=1)
    model = b.finish([Output("output0", out, (1, 4 + 3 + 12, BARE.anchors))])
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert (card.family, card.head.keypoints) == ("yolov8_pose", (4, 3))
