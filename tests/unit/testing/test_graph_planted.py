import numpy as np
import onnx
import pytest

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.testing.graphs import planted

SMALL = Size(192, 256)


@pytest.fixture(scope="module")
def small():
    return planted(60, 6, size=SMALL)


def iou(a, b):
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = [(c[:, 2:] - c[:, :2]).prod(axis=1) for c in (a, b)]
    return shared / (areas[0] + areas[1] - shared)


def test_it_is_yolov8n(small):
    onnx.checker.check_model(small.model, full_check=True)
    sizes = {t.name: int(np.prod(t.dims)) for t in small.model.graph.initializer}
    assert sum(n for name, n in sizes.items() if "conv" in name) == 3_151_904
    assert sum(node.op_type == "Conv" for node in small.model.graph.node) == 64


def test_every_weight_works_on_the_picture(small):
    """Nothing can be folded away: each convolution follows from the input."""
    reached = {"images"}
    for node in small.model.graph.node:
        if reached & set(node.input):
            reached.update(node.output)
    assert all(node.output[0] in reached for node in small.model.graph.node)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_answers_the_planted_candidates_whatever_the_picture(small, seed, answer):
    out = answer(small.model, seed=seed)[0][0]
    scores = out[4:]
    np.testing.assert_allclose(scores[small.class_id, small.anchor], small.confidence, atol=1e-5)
    scores[small.class_id, small.anchor] = 0
    assert scores.max() < 1e-5
    x, y, w, h = out[:4, small.anchor]
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    np.testing.assert_allclose(boxes, small.xyxy, atol=1e-3)


def test_the_network_has_a_pulse_behind_the_plants(small, answer):
    """The own logits are scaled down, not dead: they move with the picture and stay finite."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(small.model)
    logits = next(n.input[0] for n in small.model.graph.node if n.op_type == "Add" and "Concat" in n.input[0])
    tapped.graph.output.append(onnx.helper.make_tensor_value_info(logits, onnx.TensorProto.FLOAT, None))
    first, second = (answer(tapped, seed=seed)[1] for seed in (0, 1))
    assert (first != second).mean() > 0.99
    assert 0 < np.abs(first).max() < 1e-5


@pytest.mark.parametrize(
    ("candidates", "objects", "size"),
    [(50, 8, Size(640, 640)), (3000, 100, Size(640, 640)), (50, 8, Size(320, 320)), (1, 1, SMALL)],
)
def test_candidates_gather_around_their_objects(candidates, objects, size):
    got = planted(candidates, objects, size=size)
    assert len(got.xyxy) == len(got.confidence) == len(got.class_id) == candidates
    assert len(got.objects_xyxy) == objects
    assert len(np.unique(got.anchor)) == candidates
    assert len(np.unique(got.confidence)) == candidates
    assert got.confidence.min() >= 0.3
    assert iou(got.xyxy, got.objects_xyxy[got.object_id]).min() > 0.6
    shared = got.class_id[np.unique(got.object_id, return_index=True)[1]]
    np.testing.assert_array_equal(got.class_id, shared[got.object_id])


def test_objects_do_not_overlap_each_other():
    boxes = planted(3000, 100).objects_xyxy
    others = [iou(np.broadcast_to(b, boxes.shape), boxes) for b in boxes]
    assert (np.array(others) - np.eye(100)).max() < 0.3


def test_the_same_seed_is_the_same_graph_and_another_is_not(small):
    again, other = (planted(60, 6, size=SMALL, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.xyxy, small.xyxy)
    assert again.model.SerializeToString() == small.model.SerializeToString()
    assert not np.array_equal(other.xyxy, small.xyxy)


@pytest.mark.parametrize(
    ("candidates", "objects", "part"), [(3000, 4, "fewer candidates"), (4, 5, "objects"), (4, 0, "objects")]
)
def test_more_than_there_is_room_for_is_refused(candidates, objects, part):
    with pytest.raises(SettingsError, match=part):
        planted(candidates, objects, size=SMALL)
