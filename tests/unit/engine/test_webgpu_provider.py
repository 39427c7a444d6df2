"""WebGPU: its options under their short names, its faults, and its library. What runs on it is in the integration tests."""

from __future__ import annotations

import importlib.util

import pytest

from lineside.core.errors import SettingsError, UnknownNameError
from lineside.engine import SessionRequest
from lineside.engine.options import Scope, checked
from lineside.engine.ort_options import provider_options
from lineside.engine.ort_session import OrtSession
from lineside.engine.provider import Callers, Fault
from lineside.engine.providers.webgpu import PROVIDER


def test_short_names_become_the_librarys_long_ones():
    options = checked(PROVIDER.options, {"preferredLayout": "nchw", "enableInt64": "on"}, where="webgpu")
    assert provider_options(PROVIDER, SessionRequest(b"", options)) == {
        "ep.webgpuexecutionprovider.preferredLayout": "NCHW",
        "ep.webgpuexecutionprovider.enableInt64": "1",
    }


def test_every_option_that_the_library_reads_is_in_its_binary():
    """The library passes a misspelt option over in silence, so a wrong name here would never be noticed."""
    if importlib.util.find_spec(PROVIDER.plugin) is None:
        pytest.skip("onnxruntime-ep-webgpu is not installed")
    from lineside.engine.libraries import packaged

    content = packaged(PROVIDER).read_bytes()
    for option in PROVIDER.options:
        if option.scope is Scope.PROVIDER:
            assert option.key.encode() + b"\0" in content, option.name


@pytest.mark.parametrize("name", ["preferedLayout", "PreferredLayout"])
def test_a_misspelt_option_is_refused_with_the_near_ones(name):
    with pytest.raises(UnknownNameError, match=r"did you mean .*preferredLayout"):
        checked(PROVIDER.options, {name: "NCHW"}, where="webgpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxNumPendingDispatches", "5000"),
        ("validationMode", "some"),
        ("deviceId", "-1"),
        ("enableInt64", "maybe"),
    ],
)
def test_a_value_that_the_library_would_refuse_is_refused_at_the_door(name, value):
    with pytest.raises(SettingsError, match=name):
        checked(PROVIDER.options, {name: value}, where="webgpu")


def test_a_library_that_is_not_there_is_refused_with_its_path(graphs, tmp_path):
    request = SessionRequest(graphs.relu(), {"library": str(tmp_path / "nowhere.so")})
    with pytest.raises(SettingsError, match=r"nowhere\.so: No such file"):
        OrtSession(PROVIDER, request)


@pytest.mark.parametrize("device", ["GPU", "-1"])
def test_a_device_is_a_number(graphs, device):
    if importlib.util.find_spec(PROVIDER.plugin) is None:
        pytest.skip("onnxruntime-ep-webgpu is not installed")
    with pytest.raises(SettingsError, match="expected a device's number, such as webgpu:0"):
        OrtSession(PROVIDER, SessionRequest(graphs.relu(), {}, device=device))


def test_one_caller_a_library_image():
    assert PROVIDER.callers is Callers.ONE_A_LIBRARY


# The adapter's and the encoder's were provoked; the others stand in the library and in its issues.
CORPUS = {
    "adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters": Fault.DRIVER,
    "Failed to get a WebGPU device: out of resources": Fault.DRIVER,
    "[E:onnxruntime:Default, webgpu_context.cc:120 operator()] WebGPU device error(2): Out of memory": Fault.OUT_OF_MEMORY,
    "WebGPU device lost (1): vkQueueSubmit failed with VK_ERROR_DEVICE_LOST": Fault.LOST,
    "D3D12 create command queue failed with DXGI_ERROR_DEVICE_REMOVED (0x887A0005)": Fault.LOST,
    "WebGPU EP was selected on a virtual GPU device, which has no real GPU behind it": Fault.UNAVAILABLE,
    "Invalid buffer cache mode: sometimes": Fault.SETTINGS,
    "Invalid enableInt64 value: 7": Fault.SETTINGS,
    'ORT runtime version "1.23.0" is below the minimum required version "1.24.4"': Fault.DRIVER,
    "libvulkan.so.1: cannot open shared object file: No such file or directory": Fault.DRIVER,
    "[CommandEncoder (unlabeled)] is already finished.": Fault.DEVICE,
}


@pytest.mark.parametrize("text", CORPUS, ids=range(len(CORPUS)))
def test_a_fault_text_is_told_for_what_it_is(text):
    assert PROVIDER.classify(text) is CORPUS[text]
