"""Workers on real sessions, and what goes wrong with them."""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lineside import Detector
from lineside.core.geometry import Size
from lineside.core.placement import Placement
from lineside.dispatch.events import BatchDone, WorkerLost, WorkerUp
from lineside.dispatch.opening import DetectorOpener
from lineside.dispatch.slots import Slots
from lineside.dispatch.words import Fault
from lineside.dispatch.worker import WorkerModel
from lineside.testing.graphs import SPOT_CLASSES, colour_spots, draw_spots
from real_workers import ShortOfMemory, hanging_model
from shared_memory import in_shm
from worker_owner import Owner

OPENER = DetectorOpener(Placement("cpu"), threads=1)
PLANT = WorkerModel("model", "shipped:plant")
LARGE = 6000 * 6000


@pytest.fixture(params=["thread", "process"])
def kind(request):
    return request.param


@pytest.fixture
def owned(kind):
    owners = []

    def make(*arguments, **more):
        owners.append(Owner(kind, *arguments, **more))
        return owners[-1]

    yield make
    for owner in owners:
        owner.close()


@pytest.fixture(scope="module")
def spots(tmp_path_factory):
    """A worker's model of coloured spots that takes batches, and a picture of some."""
    path = tmp_path_factory.mktemp("spots") / "spots.onnx"
    path.write_bytes(colour_spots(dynamic_batch=True).SerializeToString())
    return WorkerModel("model", str(path)), draw_spots(
        np.random.default_rng(1), Size(height=320, width=320), 5
    ).image


@pytest.fixture(scope="module")
def hanging(tmp_path_factory):
    path = tmp_path_factory.mktemp("hanging") / "hanging.onnx"
    path.write_bytes(hanging_model().SerializeToString())
    return WorkerModel("model", str(path))


WHITE = np.full((320, 320, 3), 255, np.uint8)
BLACK = np.zeros((320, 320, 3), np.uint8)


def test_a_worker_answers_as_the_detector_does(owned, spots):
    model, picture = spots
    detector = Detector(model.path, devices="cpu", threads=1)
    asked = [{}, {"confidence": 0.9}, {"classes": [SPOT_CLASSES[0]]}]
    owner = owned(OPENER, slots=Slots(4, picture.nbytes))
    owner.start(model)
    owner.worker.run(1, "model", [picture] * 3, asked)
    answers = [look.detections for look in owner.done(1)]
    assert len(answers[0]) > 0
    for answer, wanted in zip(answers, asked, strict=True):
        alone = detector(picture, **wanted)
        np.testing.assert_allclose(answer.xyxy, alone.xyxy, atol=1e-2)
        np.testing.assert_array_equal(answer.class_id, alone.class_id)


def test_the_shipped_model_runs_and_proves_itself(owned):
    owner = owned(OPENER)
    up = owner.start(PLANT)
    assert 0 < up.profiles["model"].seconds[1] < 10
    owner.worker.run(1, "model", [BLACK], [{}])
    (look,) = owner.done(1)
    assert look.detections.size == (320, 320)
    assert all(0 < took_s < 10 for took_s in look.seconds.values())
    owner.worker.probe(2, "model")
    owner.done(2)


def test_settings_that_make_no_sense_are_the_pictures_fault(owned, spots):
    owner = owned(OPENER)
    owner.start(spots[0])
    owner.worker.run(1, "model", [spots[1]], [{"confidence": 7}])
    failed = owner.failed(1)
    assert failed.fault is Fault.INPUT
    assert "confidence: expected a number from 0 to 1; got 7" in failed.detail


def test_a_loop_that_hangs_is_cancelled_and_the_session_answers_again(owned, hanging):
    owner = owned(OPENER)
    owner.start(hanging)
    for run in (1, 3):
        owner.worker.run(run, "model", [WHITE], [{}])
        owner.expect_nothing(0.3)
        asked_s = time.perf_counter()
        owner.worker.cancel(run)
        assert owner.failed(run).fault is Fault.CANCELLED
        assert owner.heard_s - asked_s < 1.0
        owner.worker.run(run + 1, "model", [BLACK], [{}])
        assert len(owner.done(run + 1)) == 1


def test_a_loop_that_hangs_ends_with_a_close_by_force(owned, hanging):
    owner = owned(OPENER)
    owner.start(hanging)
    owner.worker.run(1, "model", [WHITE], [{}])
    owner.expect_nothing(0.3)
    owner.worker.close(by_force=True)
    assert owner.worker.join(10)
    owner.start(hanging)
    owner.worker.run(2, "model", [BLACK], [{}])
    assert len(owner.done(2)) == 1


linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux limits a process so")


@linux
@pytest.mark.parametrize("case", ["numpy", "session"])
def test_a_process_that_runs_out_of_memory_says_so_and_goes_on(case, spots):
    model, picture = spots
    if case == "numpy":  # a grey picture is made a colour one, of three times its size
        opener, pictures = ShortOfMemory(OPENER, 64 << 20), [np.zeros((6000, 6000), np.uint8)]
    else:  # a run over 64 pictures has a gigabyte of features
        opener, pictures = ShortOfMemory(OPENER, 128 << 20), [picture] * 64
    with Slots(65, max(each.nbytes for each in pictures)) if case == "session" else Slots(1, LARGE) as slots:
        owner = Owner("process", opener, slots=slots)
        try:
            owner.start(model)
            owner.worker.run(1, "model", pictures, [{}] * len(pictures))
            assert owner.failed(1).fault is Fault.MEMORY
            owner.worker.run(2, "model", [picture], [{}])
            assert len(owner.done(2)) == 1
        finally:
            owner.close()


@linux
def test_a_process_killed_under_load_is_noticed_at_once_and_back_soon(spots, capsys):
    model, picture = spots
    before = in_shm()
    noticed, back = [], []
    owner = Owner("process", OPENER, slots=Slots(8, picture.nbytes))
    try:
        owner.start(model)
        for attempt in range(10):
            for run in range(3):
                owner.worker.run(100 * attempt + run, "model", [picture], [{}])
            pid = owner.expect(BatchDone) and owner.worker._link._process.pid
            killed_s = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            while not isinstance(owner.expect(BatchDone, WorkerLost), WorkerLost):
                pass
            noticed.append(owner.heard_s - killed_s)
            assert owner.slots.free == owner.slots.count
            started_s = time.perf_counter()
            owner.worker.start([model])
            owner.expect(WorkerUp)
            back.append(owner.heard_s - started_s)
    finally:
        owner.close()
    with capsys.disabled():
        sys.stdout.write(
            f"\ndeath noticed after {statistics.median(noticed) * 1e3:.1f} ms (most {max(noticed) * 1e3:.1f} ms), "
            f"back after {statistics.median(back) * 1e3:.0f} ms (most {max(back) * 1e3:.0f} ms)\n"
        )
    assert statistics.median(noticed) < 0.2
    assert statistics.median(back) < 5
    assert in_shm() <= before


@linux
def test_a_stopped_process_with_a_session_is_replaced(spots):
    model, picture = spots
    owner = Owner("process", OPENER, slots=Slots(4, picture.nbytes))
    try:
        owner.start(model)
        pid = owner.worker._link._process.pid
        os.kill(pid, signal.SIGSTOP)
        owner.worker.run(1, "model", [picture], [{}])
        owner.worker.cancel(1)
        owner.expect_nothing(0.3)
        owner.worker.close(by_force=True)
        assert owner.worker.join(10)
        assert owner.slots.free == owner.slots.count
        owner.start(model)
        owner.worker.run(2, "model", [picture], [{}])
        assert len(owner.done(2)) == 1
    finally:
        owner.close()
