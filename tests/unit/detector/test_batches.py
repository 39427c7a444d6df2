"""Several pictures in one run are answered as each of them alone, or not at all."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from lineside.core.errors import ImageFormatError, ModelOutputError, UnsupportedModelError
from lineside.core.geometry import Size
from lineside.detector.detector import Detector
from lineside.testing.graphs import CATALOGUE, GraphSpec, anchor_free

DYNAMIC = sorted(name for name in CATALOGUE if name.endswith("_dynamic_batch"))


def pictures(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (90 + 7 * i, 120 + 5 * i, 3), dtype=np.uint8) for i in range(count)]


def assert_same(one, other):
    assert len(one) == len(other)
    assert one.size == other.size
    np.testing.assert_array_equal(one.class_id, other.class_id)
    np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-5)
    np.testing.assert_allclose(one.xyxy, other.xyxy, atol=0.01)


@pytest.fixture(scope="module")
def open_graph(write, cache):
    return lambda name: Detector(write(CATALOGUE[name].build(), name), threads=1, cache=cache)


@pytest.mark.parametrize("name", DYNAMIC)
def test_a_batch_answers_each_picture_as_alone(name, open_graph):
    detector = open_graph(name)
    settings = detector.thresholds(confidence=0.01)
    images = pictures(3)
    found, times = detector.timed_batch(images, settings)
    for one, image in zip(found, images, strict=True):
        assert_same(one, detector.timed(image, settings)[0])
    assert times.run_s > 0
    assert any(len(one) for one in found)


def test_a_batch_is_used_again_without_a_trace_of_its_last_pictures(open_graph):
    detector = open_graph("anchor_free_dynamic_batch")
    settings = detector.thresholds(confidence=0.01)
    first = detector.timed_batch(pictures(4), settings)[0]
    detector.timed_batch(pictures(4, seed=1), settings)
    for one, other in zip(first, detector.timed_batch(pictures(4), settings)[0], strict=True):
        assert_same(one, other)


def test_one_picture_is_no_batch_and_asks_nothing_of_the_file(detector):
    settings = detector.thresholds()
    found, _ = detector.timed_batch(pictures(1), settings)
    assert_same(found[0], detector.timed(pictures(1)[0], settings)[0])


def test_a_file_that_fixes_its_batch_says_so(detector):
    with pytest.raises(UnsupportedModelError, match="fixes its batch"):
        detector.timed_batch(pictures(2), detector.thresholds())


def test_a_bad_picture_leaves_no_answer_for_its_batch(open_graph):
    detector = open_graph("anchor_free_dynamic_batch")
    with pytest.raises(ImageFormatError):
        detector.timed_batch([*pictures(1), np.zeros((3, 3), np.float64)], detector.thresholds())


def leaking():
    """A network whose scores are lowered by what its neighbours in the batch show."""
    model = anchor_free(GraphSpec(size=Size(height=96, width=128), dynamic_batch=True))
    graph = model.graph
    inner = "inner_output"
    for node in graph.node:
        node.output[:] = [inner if name == graph.output[0].name else name for name in node.output]
    graph.node.extend(
        [
            helper.make_node("ReduceMean", [inner, "first"], ["mean"], keepdims=1),
            helper.make_node("Add", [inner, "mean"], ["sum"]),
            helper.make_node("Div", ["sum", "two"], [graph.output[0].name]),
        ]
    )
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(2.0, np.float32), "two"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([0], np.int64), "first"))
    return model


def test_a_network_that_mixes_its_pictures_is_refused(write, cache):
    detector = Detector(write(leaking(), "leaking"), threads=1, cache=cache)
    settings = detector.thresholds()
    with pytest.raises(ModelOutputError, match="otherwise than alone"):
        detector.timed_batch(pictures(2), settings)
    with pytest.raises(ModelOutputError, match="otherwise than alone"):
        detector.timed_batch(pictures(2), settings)
