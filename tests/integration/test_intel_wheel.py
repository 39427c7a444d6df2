"""Intel's onnxruntime wheel, which lies: a device that does not exist is taken without a word, and the CPU runs all.

It shares its files with every other onnxruntime wheel, so it has an environment of its own: `make intel-wheel`.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from byte_graphs import assert_exact, brightest
from lineside.core.errors import DeviceUnavailableError
from lineside.engine import SessionRequest, run_once
from lineside.engine.options import checked
from lineside.engine.ort_session import OrtSession
from lineside.engine.providers.openvino import PROVIDER
from lineside.testing.graphs.spots import colour_spots

CPU = "CPUExecutionProvider"


@pytest.fixture(scope="module", autouse=True)
def _intels_wheel():
    try:
        version("onnxruntime-openvino")
    except PackageNotFoundError:
        pytest.skip("onnxruntime-openvino is not installed; it excludes the CPU's wheel: make intel-wheel")


@pytest.fixture(scope="module")
def model():
    return colour_spots().SerializeToString()


@pytest.fixture(scope="module")
def feeds():
    return {"images": np.random.default_rng(0).random((1, 3, 320, 320)).astype(np.float32)}


def request(model, device=None, **options):
    return SessionRequest(model, checked(PROVIDER.options, options, where="openvino"), device=device)


def moved(session, model, feeds):
    got = session.bind(feeds, fixed_shapes=False).run()
    return max(float(np.abs(a - b).max()) for a, b in zip(got, run_once(model, feeds), strict=True))


def test_the_wheel_says_openvino_while_every_node_runs_on_the_cpu(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = [(PROVIDER.runtime_name, {"device_type": "BOGUS"})]
    session = onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)
    assert session.get_providers() == [PROVIDER.runtime_name, CPU]
    groups = session.get_provider_graph_assignment_info()
    assert {group.ep_name for group in groups} == {CPU}


def test_the_session_tells_who_really_runs_the_nodes(model):
    lying = SessionRequest(model, {"device_type": "BOGUS"})
    nodes = OrtSession(PROVIDER, lying).placed_nodes()
    assert len(nodes) > 40
    assert {node.runs_on for node in nodes} == {CPU}


@pytest.mark.parametrize("device", ["BOGUS", "GPU", "CPU.1"])
def test_a_device_that_is_not_there_is_refused_before_the_wheel_sees_it(model, device):
    with pytest.raises(DeviceUnavailableError, match=r"Intel's onnxruntime wheel finds CPU"):
        PROVIDER.open(request(model, device))


def test_the_wheel_finds_the_cpu():
    assert [device.index for device in PROVIDER.find_devices()] == ["CPU"]


def test_float32_is_float32_and_bfloat16_is_what_it_says(model, feeds):
    session = PROVIDER.open(request(model, "CPU"))
    assert {node.runs_on for node in session.placed_nodes()} == {PROVIDER.runtime_name}
    assert moved(session, model, feeds) < 1e-3
    half = PROVIDER.open(request(model, "CPU", precision="bf16"))
    has_bfloat16 = "avx512_bf16" in Path("/proc/cpuinfo").read_text()  # without it, it is float32 again
    assert (moved(half, model, feeds) > 1e-3) is has_bfloat16


def test_every_option_is_one_that_the_wheel_takes(model):
    switches = {
        "disable_dynamic_shapes": "off",
        "enable_qdq_optimizer": "off",
        "enable_opencl_throttling": "off",
    }
    session = PROVIDER.open(request(model, "CPU", reshape_input="images[1,3,320,320]", **switches))
    assert {node.runs_on for node in session.placed_nodes()} == {PROVIDER.runtime_name}


def test_products_of_bytes_are_summed_up_without_overflow():
    assert_exact(PROVIDER.open(request(brightest()[0], "CPU")))
