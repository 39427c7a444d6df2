"""Faults of the driver in the words of CUDA's own runtime: the real wheel over a stand-in for the driver's library."""

from __future__ import annotations

import os

import pytest

from gpu_box import run
from lineside.engine.provider import Fault, provider

ANSWERS = {
    2: Fault.OUT_OF_MEMORY,
    3: Fault.DRIVER,
    34: Fault.DRIVER,
    36: Fault.DRIVER,
    46: Fault.UNAVAILABLE,
    100: Fault.UNAVAILABLE,
    101: Fault.UNAVAILABLE,
    214: Fault.LOST,
    220: Fault.LOST,
    700: Fault.LOST,
    702: Fault.LOST,
    709: Fault.LOST,
    710: Fault.LOST,
    714: Fault.LOST,
    715: Fault.LOST,
    716: Fault.LOST,
    717: Fault.LOST,
    718: Fault.LOST,
    719: Fault.LOST,
    802: Fault.DRIVER,
    803: Fault.DRIVER,
    804: Fault.DRIVER,
    999: Fault.DRIVER,
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_the_driver_answers_is_understood(ask, answer):
    plain, with_index = ask("cuda", [{}, {"device_id": "0"}], FAKE_CUINIT=str(answer))
    assert f"CUDA failure {answer}: " in plain
    # The parser reports a fault of the driver as one of the option; it must not be taken for a misspelt one.
    assert f'Failed to parse provider option "device_id": CUDA failure {answer}: ' in with_index
    for text in (plain, with_index):
        assert provider("cuda").classify(text) is ANSWERS[answer]


def test_a_driver_that_is_too_old_is_understood(ask):
    (text,) = ask("cuda", [{}], FAKE_CUINIT="0", FAKE_DRIVER="12020")
    assert "CUDA failure 35: CUDA driver version is insufficient" in text
    assert provider("cuda").classify(text) is Fault.DRIVER


def test_tensorrt_hears_the_same_from_the_driver(ask):
    (text,) = ask("tensorrt", [{}], FAKE_CUINIT="100")
    assert "CUDA failure 100: no CUDA-capable device is detected" in text
    assert provider("tensorrt").classify(text) is Fault.UNAVAILABLE


TRUTH = """
from lineside import Detector
for refusal in Detector("shipped:plant", devices="cuda:0,cpu").truth.refusals:
    print(type(refusal.error).__name__, refusal)
"""


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"FAKE_CUINIT": "100"}, "DeviceUnavailableError cuda:0: "),
        ({"FAKE_CUINIT": "999"}, "NVIDIA's driver answers 999: unknown error"),
        ({"FAKE_CUINIT": "0", "FAKE_DRIVER": "12020"}, "serves CUDA 12.2 and this wheel was built for 13.0"),
    ],
)
def test_the_detector_passes_the_card_over_with_the_drivers_reason(built, environment, told):
    path = f"{built}{os.pathsep}{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(os.pathsep)
    done = run("-c", TRUTH, LD_LIBRARY_PATH=path, **environment)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
