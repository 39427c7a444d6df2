import numpy as np
import onnx
import pytest

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    classification,
    detr,
    end_to_end,
    nanodet,
    nms_inside,
    oriented_boxes,
    picodet,
    pose,
    ppyoloe,
    rtmdet,
    segmentation,
    super_resolution,
    yolonas,
    yolov5,
    yolov6,
    yolox,
)
from lineside.testing.graphs.anchor_based import ANCHORS
from lineside.testing.graphs.head import anchor_points

SPEC = GraphSpec()
CELLS = {8: (16, 20), 16: (8, 10), 32: (4, 5)}  # rows, columns at 160x128


def xywh_to_xyxy(xywh):
    return np.concatenate([xywh[:2] - xywh[2:] / 2, xywh[:2] + xywh[2:] / 2])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def inner(model, tensor):
    """The model with one more output."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    tapped.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    return tapped


def made_by(model, op):
    return [node.output[0] for node in model.graph.node if node.op_type == op]


def test_anchors_are_cell_centres_level_by_level_and_row_by_row():
    points, strides = anchor_points(SPEC)
    assert points.shape == (2, SPEC.anchors)
    np.testing.assert_array_equal(points[:, :2].T, [[0.5, 0.5], [1.5, 0.5]])
    np.testing.assert_array_equal(points[:, 20], [0.5, 1.5])
    assert [int((strides == s).sum()) for s in SPEC.strides] == [r * c for r, c in CELLS.values()]


@pytest.mark.parametrize("dfl", [True, False])
def test_anchor_free_boxes_lie_around_their_cells(dfl, answer):
    out = answer(anchor_free(dfl=dfl))[0][0]
    points, strides = anchor_points(SPEC)
    offset = np.abs(out[:2] / strides - points)
    assert offset.max() < 4
    assert (out[2:4] > 0).all()
    assert (out[4:] > 0).all()
    assert (out[4:] < 1).all()


def test_anchor_free_boxes_are_the_expectation_of_their_distributions(answer):
    model = anchor_free()
    softmax = made_by(model, "Softmax")[0]
    out, bins = answer(inner(model, softmax))
    distance = np.einsum("bfa,b->fa", bins[0], np.arange(16.0))  # (1, 16, 4, A)
    points, strides = anchor_points(SPEC)
    low, high = points - distance[:2], points + distance[2:]
    np.testing.assert_allclose(xywh_to_xyxy(out[0][:4]), np.concatenate([low, high]) * strides, atol=1e-3)


def test_a_transposed_answer_is_the_answer_transposed(answer):
    straight, transposed = answer(anchor_free())[0], answer(anchor_free(transposed=True))[0]
    np.testing.assert_array_equal(transposed, straight.transpose(0, 2, 1))


@pytest.mark.parametrize("dfl", [True, False])
def test_a_joined_head_has_the_same_form(dfl, answer):
    joined, split = (answer(anchor_free(joined=j, dfl=dfl))[0] for j in (True, False))
    assert joined.shape == split.shape
    assert "Split" in {node.op_type for node in anchor_free(joined=True).graph.node}


def test_a_dynamic_graph_answers_like_the_fixed_one(open_session):
    fixed, dynamic = (
        open_session(anchor_free(GraphSpec(dynamic_batch=d, dynamic_size=d))) for d in (False, True)
    )
    pictures = np.random.default_rng(1).random((2, 3, 128, 160), np.float32)
    one_by_one = np.concatenate([fixed.run(None, {"images": p[None]})[0] for p in pictures])
    np.testing.assert_allclose(dynamic.run(None, {"images": pictures})[0], one_by_one, atol=1e-3)
    larger = dynamic.run(None, {"images": np.zeros((1, 3, 192, 256), np.float32)})[0]
    assert larger.shape == (1, 7, GraphSpec(size=Size(192, 256)).anchors)


@pytest.mark.parametrize("precision", ["fp16", "fp16_float_io"])
def test_half_precision_is_close_to_full(precision, answer):
    full = answer(anchor_free())[0]
    half = answer(anchor_free(GraphSpec(precision=precision)))[0]
    assert half.dtype == (np.float16 if precision == "fp16" else np.float32)
    assert np.abs(half[:, :4] - full[:, :4]).max() < 1
    assert np.abs(half[:, 4:] - full[:, 4:]).max() < 0.02


def test_yolov5_decodes_its_raw_heads(answer):
    decoded, raw = answer(yolov5())[0][0], answer(yolov5(raw=True))
    levels = []
    for logits, anchors, (stride, (rows, columns)) in zip(raw, ANCHORS, CELLS.items(), strict=True):
        assert logits.shape == (1, 3, rows, columns, 8)
        y, x = np.mgrid[:rows, :columns]
        part = sigmoid(logits[0].astype(np.float64))
        part[..., :2] = (part[..., :2] * 2 - 0.5 + np.stack([x, y], axis=-1)) * stride
        part[..., 2:4] = (part[..., 2:4] * 2) ** 2 * np.array(anchors)[:, None, None]
        levels.append(part.reshape(-1, 8))
    np.testing.assert_allclose(decoded, np.concatenate(levels), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("focus", [True, False])
def test_yolox_decodes_its_raw_grid(focus, answer):
    raw = answer(yolox(focus=focus), scale=255)[0][0]
    decoded = answer(yolox(decoded=True, focus=focus), scale=255)[0][0]
    points, strides = anchor_points(SPEC)
    centre = (raw[:, :2] + points.T - 0.5) * strides[:, None]
    size = np.exp(raw[:, 2:4]) * strides[:, None]
    np.testing.assert_allclose(decoded, np.concatenate([centre, size, raw[:, 4:]], axis=1), rtol=1e-4)


def test_yolov6_has_an_objectness_of_one(answer):
    out = answer(yolov6())[0][0]
    assert out.shape == (SPEC.anchors, 8)
    assert (out[:, 4] == 1).all()
    points, strides = anchor_points(SPEC)
    assert np.abs(out[:, :2] / strides[:, None] - points.T).max() < 4


@pytest.mark.parametrize("how", ["filled", "computed"])
def test_an_objectness_of_one_can_be_written_otherwise(how, answer):
    np.testing.assert_array_equal(answer(yolov6(objectness=how))[0], answer(yolov6())[0])


def test_yolox_can_write_its_decoded_boxes_over_the_raw_ones(answer):
    straight, over = (answer(yolox(decoded=True, in_place=p), scale=255)[0] for p in (False, True))
    np.testing.assert_array_equal(over, straight)


def test_corners_lie_around_their_cells_and_paddle_begins_with_the_coarsest(answer):
    points, strides = anchor_points(SPEC)
    for model, order in (
        (yolonas(), strides),
        (rtmdet(rows_first=True), strides),
        (ppyoloe(joined=True), -strides),
    ):
        rows = np.argsort(order, kind="stable")
        boxes = answer(model)[0][0][:, :4]
        offset = (boxes[:, :2] + boxes[:, 2:]) / 2 / strides[rows, None] - points.T[rows]
        assert np.abs(offset).max() < 4
        assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_boxes_are_divided_by_the_scale_factor(open_session):
    session = open_session(ppyoloe())
    picture = np.random.default_rng(0).random((1, 3, *SPEC.size)).astype(np.float32)
    one, other = (
        session.run(None, {"image": picture, "scale_factor": np.array([factors], np.float32)})[0]
        for factors in ((1, 1), (0.5, 2))
    )
    np.testing.assert_allclose(other, one * [0.5, 2, 0.5, 2], rtol=1e-6)


def test_the_same_nanodet_can_answer_a_pair_of_outputs_a_level(answer):
    joined, pairs = answer(nanodet())[0][0], answer(nanodet(pairs=True))
    np.testing.assert_array_equal(joined[:, :3], np.concatenate([p[0] for p in pairs[::2]]))
    np.testing.assert_array_equal(joined[:, 3:], np.concatenate([p[0] for p in pairs[1::2]]))
    assert [p.shape[1] for p in pairs[::2]] == [320, 80, 20, 6]  # 2 x 3 cells of 64 in 128x160: rounded up


@pytest.mark.parametrize("generation", ["v10", "26"])
@pytest.mark.parametrize("classes", [1, 3, 80])
def test_end_to_end_rows_are_the_best_pairs_of_box_and_class(generation, classes, answer):
    model = end_to_end(GraphSpec(classes=classes), generation=generation)
    boxes, scores = next(node.output for node in model.graph.node if node.op_type == "Split")
    rows, boxes, scores = answer(inner(inner(model, boxes), scores))
    assert rows.shape == (1, 300, 6)
    order = np.argsort(-scores[0].ravel(), kind="stable")[:300]
    np.testing.assert_array_equal(rows[0, :, 4], scores[0].ravel()[order])
    label = rows[0, :, 5].astype(int)
    assert (label == rows[0, :, 5]).all()
    for box, score, k in zip(rows[0, :, :4], rows[0, :, 4], label, strict=True):
        anchor = np.flatnonzero(scores[0, :, k] == score)
        assert (boxes[0, anchor] == box).all(axis=1).any()


def test_end_to_end_answers_as_many_rows_as_it_has_anchors(answer):
    assert answer(end_to_end(GraphSpec(size=Size(64, 64))))[0].shape == (1, 84, 6)


def test_nms_inside_keeps_no_overlapping_boxes_of_one_class(answer):
    rows = answer(nms_inside(GraphSpec(seed=2), confidence=0.05, iou=0.4))[0][0]
    kept = rows[rows[:, 4] > 0]
    assert 1 < len(kept) < 300
    assert not rows[len(kept) :].any()
    assert (np.diff(kept[:, 4]) <= 0).all()
    assert (kept[:, 4] > 0.05).all()
    for k in np.unique(kept[:, 5]):
        mine = kept[kept[:, 5] == k, :4]
        low = np.maximum(mine[:, None, :2], mine[None, :, :2])
        high = np.minimum(mine[:, None, 2:], mine[None, :, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=2)
        area = (mine[:, 2:] - mine[:, :2]).prod(axis=1)
        iou = shared / (area[:, None] + area - shared)
        assert iou[~np.eye(len(mine), dtype=bool)].max(initial=0) <= 0.4 + 1e-4


def test_nms_inside_may_answer_nothing(answer):
    assert not answer(nms_inside(confidence=0.999))[0].any()


@pytest.mark.parametrize(
    ("model", "shapes"),
    [
        (segmentation(), [(1, 39, 420), (1, 32, 32, 40)]),
        (pose(), [(1, 58, 420)]),
        (oriented_boxes(), [(1, 8, 420)]),
        (classification(), [(1, 3)]),
        (detr(), [(1, 300, 7)]),
        (super_resolution(), [(1, 3, 256, 320)]),
        (
            picodet(GraphSpec(size=Size(128, 192), strides=(8, 16, 32, 64))),
            [(1, n, c) for c in (3, 32) for n in (384, 96, 24, 6)],
        ),
    ],
    ids=["segmentation", "pose", "oriented_boxes", "classification", "detr", "super_resolution", "picodet"],
)
def test_other_tasks_have_the_shapes_of_their_exports(model, shapes, answer):
    assert [out.shape for out in answer(model)] == shapes


def test_detr_boxes_are_shares_of_the_picture(answer):
    out = answer(detr())[0]
    assert (out > 0).all()
    assert (out < 1).all()


def test_metadata_is_what_the_exporters_write():
    names = ("scratch", "dent's")
    props = {p.key: p.value for p in anchor_free(GraphSpec(classes=2, names=names)).metadata_props}
    assert props["names"] == "{0: 'scratch', 1: \"dent's\"}"
    assert props["imgsz"] == "[128, 160]"
    assert props["stride"] == "32"
    assert props["task"] == "detect"
    assert {p.key for p in yolov5().metadata_props} == {"stride", "names"}
    assert not anchor_free(GraphSpec(metadata=False)).metadata_props
    assert not yolox().metadata_props


def test_input_and_output_names_are_the_specs():
    model = anchor_free(GraphSpec(input_name="picture", output_name="answer"))
    assert model.graph.input[0].name == "picture"
    assert model.graph.output[0].name == "answer"


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"classes": 0}, "classes"),
        ({"names": ("one",)}, "names"),
        ({"size": Size(100, 160)}, "multiples of the largest stride 32"),
        ({"strides": (16, 8)}, "ascending"),
        ({"strides": (8, 12)}, "powers of two"),
        ({"strides": ()}, "powers of two"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(settings, part):
    with pytest.raises(SettingsError, match=part):
        GraphSpec(**settings)


@pytest.mark.parametrize(
    ("build", "spec"),
    [
        (yolov5, GraphSpec(dynamic_size=True)),
        (yolov5, GraphSpec(strides=(8, 16))),
        (yolov6, GraphSpec(dynamic_batch=True)),
        (end_to_end, GraphSpec(dynamic_batch=True)),
        (nms_inside, GraphSpec(precision="fp16")),
        (nms_inside, GraphSpec(dynamic_batch=True)),
    ],
)
def test_a_builder_refuses_what_it_does_not_write(build, spec):
    with pytest.raises(SettingsError, match="expected"):
        build(spec)
