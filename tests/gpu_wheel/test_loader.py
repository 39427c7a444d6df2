"""The real wheel on a machine without a GPU: passed over with the loader's own reason, and refused where it is required."""

from __future__ import annotations

import pytest

from gpu_box import HAS_LIBRARIES, run
from lineside import Detector
from lineside.core.errors import DeviceDemotedError, DriverError
from lineside.engine import loading
from lineside.engine.provider import provider

MISSING = "libcuda.so.1" if HAS_LIBRARIES else "libcublasLt.so.13"
"""What the loader misses first: the driver, or without the CUDA packages the first of their libraries."""


def test_the_loader_says_which_library_cuda_misses():
    told = loading.reason(provider("cuda"))
    assert told.startswith("libonnxruntime_providers_cuda.so cannot be loaded: ")
    assert f"{MISSING}: cannot open shared object file" in told


def test_the_loader_says_which_library_tensorrt_misses():
    told = loading.reason(provider("tensorrt"))
    assert told.startswith("libonnxruntime_providers_tensorrt.so cannot be loaded: ")
    assert "cannot open shared object file" in told


def test_the_wheel_says_which_cuda_it_was_built_for():
    folder = loading.wheel_folder()
    assert folder is not None
    assert loading.built_for(folder).startswith("13.")


def test_without_a_driver_there_is_no_device_and_no_fault():
    assert provider("cuda").find_devices() == ()
    assert provider("tensorrt").find_devices() == ()


def test_the_list_ends_at_the_cpu_and_each_better_entry_has_its_reason():
    truth = Detector("shipped:plant", devices="tensorrt:0,cuda:0,cpu").truth
    assert truth.got == "cpu"
    refused = {refusal.placement: refusal.error for refusal in truth.refusals}
    assert list(refused) == ["tensorrt:0", "cuda:0"]
    assert all(isinstance(error, DriverError) for error in refused.values())
    assert "cannot open shared object file" in str(refused["tensorrt:0"])
    assert MISSING in str(refused["cuda:0"])


def test_a_required_gpu_is_not_replaced_by_the_cpu():
    with pytest.raises(DeviceDemotedError, match=MISSING):
        Detector("shipped:plant", devices="cuda:0,cpu", demotion="require")


def test_alone_in_the_list_it_is_refused_with_its_own_error():
    with pytest.raises(DriverError, match=MISSING):
        Detector("shipped:plant", devices="cuda:0")


def test_the_command_ends_with_the_devices_code_where_the_gpu_is_required():
    words = (
        "detect",
        "shipped:plant",
        "synthetic:mixed?count=1",
        "--devices",
        "cuda:0,cpu",
        "--demotion",
        "require",
    )
    done = run("-m", "lineside.cli.app", *words)
    assert done.returncode == 3, done.stderr
    assert MISSING in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
