"""Which of the three ways to OpenVINO a session takes, and what each refusal says."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

import real_devices
from lineside.core.errors import DeviceUnavailableError, NotInstalledError, SettingsError, UnknownNameError
from lineside.core.placement import placements
from lineside.engine import SessionRequest, openvino_routes
from lineside.engine.openvino_session import OpenVinoSession
from lineside.engine.options import checked
from lineside.engine.provider import Device, Fault
from lineside.engine.providers.openvino import PROVIDER
from lineside.engine.rungs import device_of, rungs


def request(graphs, device=None, **options):
    return SessionRequest(graphs.relu(), checked(PROVIDER.options, options, where="openvino"), device=device)


def a_device(index, memory_bytes=None):
    return Device("openvino", index, index, memory_bytes, f"openvino:{index}")


def a_route(*devices):
    """A way that finds these devices and opens whatever is asked for as a word."""
    return openvino_routes._Route("a stand-in", lambda _: devices, lambda *args: args[-1])


# Devices


@pytest.mark.parametrize(
    ("found", "asked", "taken"),
    [
        ([a_device("CPU"), a_device("GPU"), a_device("NPU")], None, "CPU"),
        ([a_device("CPU"), a_device("GPU.0"), a_device("GPU.1", 8 << 30)], None, "GPU.1"),
        ([a_device("NPU")], None, "NPU"),
        ([a_device("CPU"), a_device("GPU")], "GPU", "GPU"),
        ([a_device("CPU"), a_device("GPU")], "GPU.0", "GPU"),
        ([a_device("GPU.0"), a_device("GPU.1")], "GPU", "GPU.0"),
        ([a_device("GPU.0"), a_device("GPU.1")], "GPU.1", "GPU.1"),
    ],
)
def test_a_card_of_its_own_comes_before_the_cpu_and_others_are_taken_by_name(found, asked, taken):
    assert openvino_routes._found(a_route(*found), PROVIDER, asked) == taken


@pytest.mark.parametrize("asked", ["GPU.2", "BOGUS", "NPU"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(asked):
    with pytest.raises(DeviceUnavailableError, match=r"finds CPU, GPU"):
        openvino_routes._found(a_route(a_device("CPU"), a_device("GPU")), PROVIDER, asked)


def test_a_misspelt_device_is_refused_by_the_real_runtime_with_its_words(graphs):
    real_devices.require("openvino", "CPU")
    with pytest.raises(
        DeviceUnavailableError, match=r"openvino:BOGUS: .*not registered in the OpenVINO Runtime"
    ):
        PROVIDER.open(request(graphs, device="bogus"))


@pytest.mark.parametrize("meta", ["AUTO", "auto:CPU", "HETERO:GPU,CPU", "MULTI:CPU", "BATCH:CPU"])
def test_a_combination_that_would_choose_by_itself_is_refused(graphs, meta):
    with pytest.raises(SettingsError, match="choose the device and its precision by itself"):
        PROVIDER.open(request(graphs, device=meta))


def test_the_cpu_is_found_with_its_name():
    devices = real_devices.require("openvino", "CPU")
    assert devices[0].physical == "cpu"
    assert devices[0].name
    assert devices[0].driver.startswith(("OpenVINO 2", "plug-in ", "wheel "))


def test_a_plug_in_device_gets_openvinos_name():
    def device(kind, metadata=None, **hardware):
        inner = SimpleNamespace(type=f"OrtHardwareDeviceType.{kind}", vendor="Intel", metadata=hardware)
        return SimpleNamespace(device=inner, ep_metadata=metadata or {})

    kinds = ["CPU", "GPU", "GPU"]
    card = openvino_routes._plugin_device(device("GPU", Discrete="1"), 2, kinds)
    assert (card.index, card.memory_bytes is not None) == ("GPU.1", True)
    assert openvino_routes._plugin_device(device("CPU"), 0, kinds).index == "CPU"
    told = openvino_routes._plugin_device(device("GPU", {"ov_device": "GPU.7"}), 1, kinds)
    assert (told.index, told.memory_bytes) == ("GPU.7", None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("BOGUS", "not registered in the OpenVINO Runtime"),
        ("AUTO:CPU", "would choose the device and its precision by itself"),
    ],
)
def test_the_ladder_is_told_why_a_device_is_missing(asked, said):
    real_devices.require("openvino", "CPU")
    (rung,) = rungs(placements(f"openvino:{asked},cpu")[:1], None)
    with pytest.raises(DeviceUnavailableError, match=f"no device .* here; found: openvino:CPU .*{said}"):
        device_of(rung)


# Ways


def test_without_a_plug_in_openvinos_own_runtime_runs(graphs):
    real_devices.require("openvino", "CPU")
    session = PROVIDER.open(request(graphs, device="CPU"))
    if importlib.util.find_spec(PROVIDER.plugin) is None:
        assert isinstance(session, OpenVinoSession)


def test_a_way_whose_package_is_missing_names_it(graphs):
    if importlib.util.find_spec(PROVIDER.plugin) is not None:
        pytest.skip("the plug-in is installed here")
    with pytest.raises(NotInstalledError, match="pip install onnxruntime-ep-openvino"):
        PROVIDER.open(request(graphs, runtime="plugin"))


def test_the_wheel_of_another_maker_is_not_taken_for_intels(graphs):
    with pytest.raises(NotInstalledError, match="not Intel's wheel, onnxruntime-openvino"):
        PROVIDER.open(request(graphs, runtime="wheel"))


def test_an_option_of_the_plug_in_alone_is_refused_by_openvinos_own_runtime(graphs):
    real_devices.require("openvino", "CPU")
    with pytest.raises(SettingsError, match="layout: OpenVINO's own runtime has no such option"):
        PROVIDER.open(request(graphs, runtime="own", layout="x[NC]"))


def test_importing_openvino_reports_nothing_to_its_maker(tmp_path):
    """In a process of its own, with a home folder of its own, where the report would leave its identifier."""
    real_devices.require("openvino", "CPU")
    code = """
import sys
from lineside.engine.openvino_runtime import openvino
openvino()
print("openvino_telemetry" in sys.modules)
"""
    env = {"PYTHONPATH": ":".join(filter(None, sys.path)), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, env=env
    )
    assert done.stdout.strip() == "False"
    assert not (tmp_path / "intel").exists()


# Properties


def test_the_precision_is_always_set_and_float32_unless_asked_otherwise(graphs):
    assert openvino_routes._properties(request(graphs), "CPU")["INFERENCE_PRECISION_HINT"] == "f32"
    bare = SessionRequest(graphs.relu(), {})
    assert openvino_routes._properties(bare, "GPU")["INFERENCE_PRECISION_HINT"] == "f32"


def test_a_plug_in_gets_every_property_in_its_json(graphs):
    asked = request(
        graphs, precision="bf16", enable_cpu_pinning="on", num_streams="2", reshape_input="x[1,3]"
    )
    options = openvino_routes._for_onnxruntime(asked, "CPU")
    assert options.keys() == {"reshape_input", "load_config"}
    properties = json.loads(options["load_config"])["CPU"]
    assert properties.items() >= {
        ("INFERENCE_PRECISION_HINT", "bf16"),
        ("ENABLE_CPU_PINNING", "YES"),
        ("NUM_STREAMS", "2"),
        ("PERFORMANCE_HINT", "LATENCY"),
    }


def test_what_only_a_cpu_has_is_not_given_to_a_card(graphs):
    properties = openvino_routes._properties(request(graphs, num_of_threads="2"), "GPU.1")
    assert properties.keys() == {"INFERENCE_PRECISION_HINT", "PERFORMANCE_HINT"}


def test_more_properties_come_from_json_or_a_file_for_the_very_device(graphs, tmp_path):
    text = '{"GPU": {"GPU_QUEUE_THROTTLE": "LOW", "LOOP": true}, "CPU": {"X": 1}}'
    path = tmp_path / "more.json"
    path.write_text(text, encoding="utf-8")
    for given in (text, str(path)):
        properties = openvino_routes._properties(request(graphs, load_config=given), "GPU.1")
        assert properties.items() >= {("GPU_QUEUE_THROTTLE", "LOW"), ("LOOP", "YES")}
        assert "X" not in properties


@pytest.mark.parametrize("given", ["{", "nowhere.json", '{"CPU": 3}', "[1]"])
def test_json_that_says_nothing_is_refused(graphs, given):
    with pytest.raises(SettingsError, match="load_config: expected"):
        openvino_routes._properties(request(graphs, load_config=given), "CPU")


def test_the_precision_cannot_be_set_behind_the_back_of_the_truth(graphs):
    with pytest.raises(SettingsError, match="set by the option precision alone"):
        openvino_routes._properties(
            request(graphs, load_config='{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}'), "CPU"
        )


def test_a_misspelt_option_is_refused_with_the_near_ones():
    with pytest.raises(UnknownNameError, match='"presicion"; did you mean "precision"'):
        checked(PROVIDER.options, {"presicion": "bf16"}, where="openvino")


def test_threads_of_a_run_reach_the_cpu_and_no_card(graphs):
    (rung,) = rungs(placements("openvino"), 1)
    asked = SessionRequest(graphs.relu(), rung.options, threads=rung.threads)
    assert openvino_routes._properties(asked, "CPU")["INFERENCE_NUM_THREADS"] == "1"
    assert "INFERENCE_NUM_THREADS" not in openvino_routes._properties(asked, "GPU.1")


# Words of OpenVINO: those of the CPU were provoked, those of GPU and NPU stand in its issues.

CORPUS = {
    "Exception from src/bindings/python/src/pyopenvino/core/infer_request.hpp:55:\nCaught exception: Infer Request was canceled": Fault.CANCELLED,
    "L0 zeFenceHostSynchronize result: ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001 - device hung, reset, was removed, or driver update occurred": Fault.LOST,
    "[GPU] CL_OUT_OF_RESOURCES exception.\n\tDue to the driver bug any subsequent OpenCL API call will cause application hang": Fault.LOST,
    "Exception from src/plugins/intel_gpu/src/runtime/ocl/ocl_stream.cpp:365:\n[GPU] clFlush, error code: -5": Fault.OUT_OF_MEMORY,
    "[GPU] clEnqueueMapBuffer, error code: -4 CL_MEM_OBJECT_ALLOCATION_FAILURE": Fault.OUT_OF_MEMORY,
    "[GPU] Exceeded max size of memory object allocation": Fault.OUT_OF_MEMORY,
    'Device with "BOGUS" name is not registered in the OpenVINO Runtime': Fault.UNAVAILABLE,
    "CPU plugin supports only '' as device id": Fault.UNAVAILABLE,
    "[ERROR] [OpenVINO] Device GPU.1 is not available": Fault.UNAVAILABLE,
    'Cannot load library "libopenvino_intel_gpu_plugin.so": libOpenCL.so.1: cannot open shared object file: No such file': Fault.DRIVER,
    "VCL compiler loading failed, aborting.": Fault.DRIVER,
    "NotFound: Unsupported property BOGUS_KEY by CPU plugin.": Fault.SETTINGS,
    "Wrong value f99 for property key INFERENCE_PRECISION_HINT. Supported values: bf16, f16, f32, undefined": Fault.SETTINGS,
    "Invalid OpenVINO EP option: bogus": Fault.SETTINGS,
    "[ERROR] [OpenVINO] Unsupported inference precision is selected. CPU only supports FP32, ACCURACY.": Fault.SETTINGS,
    "-- No conversion rule found for operations: Frobnicate-17": Fault.OPERATOR,
    "Unable to read the model. Please check if the model format is supported and model is correct.": Fault.MODEL,
    "std::bad_alloc": Fault.OUT_OF_MEMORY,
}


@pytest.mark.parametrize("text", CORPUS, ids=range(len(CORPUS)))
def test_a_fault_text_is_told_for_what_it_is(text):
    assert PROVIDER.classify(text) is CORPUS[text]
