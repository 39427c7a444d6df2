from __future__ import annotations

import numpy as np
import pytest

from lineside.core.classification import Classification
from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.dispatch.events import BatchDone, BatchFailed, WorkerUp
from lineside.dispatch.look import Look
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.wire import packed, unpacked

SIZE = Size(height=20, width=30)
NAMES = ("a", "b")


def found(count, **more):
    return Detections(
        np.arange(4 * count, dtype=np.float32).reshape(count, 4) / 10,
        np.linspace(0.9, 0.5, count, dtype=np.float32),
        np.arange(count, dtype=np.int32) % 2,
        NAMES,
        SIZE,
        **more,
    )


def sent(*results):
    news = unpacked(packed(BatchDone("cpu:0", 7, results)))
    assert (type(news), news.device, news.run) == (BatchDone, "cpu:0", 7)
    return news.results


@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("turned", [False, True], ids=["boxes", "oriented"])
def test_detections_arrive_as_they_left(count, turned):
    xywhr = np.full((count, 5), 0.5, np.float32) if turned else None
    left = found(count, truncated=True, xywhr=xywhr)
    (arrived,) = sent(left)
    assert type(arrived) is Detections
    for name in ("xyxy", "confidence", "class_id", *(("xywhr",) if turned else ())):
        one, other = getattr(left, name), getattr(arrived, name)
        np.testing.assert_array_equal(one, other)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert other.flags.writeable
    assert (arrived.names, arrived.size, arrived.truncated) == (NAMES, SIZE, True)
    assert isinstance(arrived.size, Size)


def test_classifications_stay_what_they_are():
    left = Classification.of(
        np.array([1, 0], np.int32), np.array([0.8, 0.2], np.float32), NAMES, SIZE, truncated=False
    )
    (arrived,) = sent(left)
    assert type(arrived) is Classification
    np.testing.assert_array_equal(arrived.class_id, [1, 0])


def test_results_of_any_kind_arrive_in_their_order():
    assert list(sent("text", (1, 2), None)) == ["text", (1, 2), None]
    assert list(sent()) == []


@pytest.mark.parametrize(
    "message",
    [
        None,
        ("probe", 1, "model"),
        BatchFailed("cpu:0", 3, detail="broken"),
        WorkerUp("cpu:0", {"model": ServiceTimes((0.0, 0.1))}, 5),
    ],
    ids=["nothing", "order", "failure", "up"],
)
def test_other_messages_arrive_as_they_left(message):
    assert unpacked(packed(message)) == message


def test_a_look_arrives_with_its_times():
    (arrived,) = sent(Look(found(3), 0.001, 0.02, 0.0005))
    assert (len(arrived.detections), arrived.seconds) == (
        3,
        {"preprocess": 0.001, "run": 0.02, "postprocess": 0.0005},
    )
