from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lineside.core.errors import RunCancelledError
from lineside.detector.detector import Detector
from real_workers import hanging_model

WHITE = np.full((320, 320, 3), 255, np.uint8)
BLACK = np.zeros((320, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def hanging(tmp_path_factory, cache):
    path = tmp_path_factory.mktemp("hanging") / "hanging.onnx"
    path.write_bytes(hanging_model(dynamic_batch=True).SerializeToString())
    return Detector(path, threads=1, cache=cache)


def cancelled(detector, call):
    """What a call that hangs raises when the detector is cancelled, again and again until that meets its run."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        while not future.done():
            detector.cancel()
        return future.exception()


def test_a_run_that_hangs_is_cancelled_and_the_detector_answers_again(hanging):
    for _ in range(2):
        assert isinstance(cancelled(hanging, lambda: hanging(WHITE)), RunCancelledError)
        assert hanging(BLACK).size == (320, 320)


def test_a_batch_that_hangs_is_cancelled_and_the_next_one_is_answered(hanging):
    usual = hanging.thresholds()
    hanging.timed_batch([BLACK] * 2, usual)
    fault = cancelled(hanging, lambda: hanging.timed_batch([WHITE] * 2, usual))
    assert isinstance(fault, RunCancelledError)
    assert len(hanging.timed_batch([BLACK] * 2, usual)[0]) == 2


def test_all_runs_under_way_are_cancelled(hanging):
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(hanging, WHITE) for _ in range(2)]
        while not all(future.done() for future in futures):
            hanging.cancel()
        assert all(isinstance(future.exception(), RunCancelledError) for future in futures)


def test_a_cancellation_without_a_run_ends_nothing(hanging):
    hanging.cancel()
    assert hanging(BLACK).size == (320, 320)
