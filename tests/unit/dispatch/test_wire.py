from __future__ import annotations

import numpy as np
import pytest

from lineside.core.classification import Classification
from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.dispatch.events import BatchDone, BatchFailed, WorkerUp
from lineside.dispatch.look import Look
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.wire import Wire

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


def passed(message, ends=None):
    here, there = ends or (Wire(), Wire())
    return there.unpacked(here.packed(message))


def sent(*results, ends=None):
    news = passed(BatchDone("cpu:0", 7, results), ends)
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
    assert passed(message) == message


def test_class_names_are_sent_once_and_each_model_keeps_its_own():
    ends = Wire(), Wire()
    others = Detections.proven(
        xyxy=np.zeros((0, 4), np.float32),
        confidence=np.zeros(0, np.float32),
        class_id=np.zeros(0, np.int32),
        names=("c",),
        size=SIZE,
        truncated=False,
    )
    first = len(ends[0].packed(BatchDone("cpu:0", 7, [found(2)])))
    ends = Wire(), Wire()
    names = [one.names for _ in range(3) for one in sent(found(2), others, ends=ends)]
    assert names == [NAMES, ("c",)] * 3
    assert names[0] is names[2]
    assert len(ends[0].packed(BatchDone("cpu:0", 7, [found(2)]))) < first


@pytest.mark.parametrize(
    "asked",
    [
        {"confidence": 0.4, "classes": ["a", 1], "nms": None, "iou": 0.5, "multi_label": True},
        {"confidence": np.float64(0.4)},
        {"classes": np.array([1, 2])},
        {"classes": (np.int64(1),)},
        {"classes": SIZE},
    ],
)
def test_what_is_asked_for_arrives_with_its_types(asked):
    order = passed(("run", 3, "model", [(0, (4, 5, 3), (15, 3, 1)), (4, 5, 3)], [asked]))
    assert order[:4] == ("run", 3, "model", [(0, (4, 5, 3), (15, 3, 1)), (4, 5, 3)])
    for name, value in asked.items():
        arrived = order[4][0][name]
        assert type(arrived) is type(value)
        assert np.array_equal(arrived, value)
        assert [type(each) for each in np.atleast_1d(arrived)] == [
            type(each) for each in np.atleast_1d(value)
        ]


def test_a_look_arrives_with_its_times():
    (arrived,) = sent(Look(found(3), 0.001, 0.02, 0.0005))
    assert (len(arrived.detections), arrived.seconds) == (
        3,
        {"preprocess": 0.001, "run": 0.02, "postprocess": 0.0005},
    )
