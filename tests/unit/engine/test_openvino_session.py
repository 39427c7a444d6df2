"""OpenVINO's own runtime behind the session interface: the CPU's answers, its own faults, and what it hides."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from onnx import TensorProto

import real_devices
from byte_graphs import assert_exact, brightest
from lineside.core.errors import (
    DeviceError,
    DeviceMemoryError,
    DeviceMismatchError,
    ModelFileError,
    ModelOutputError,
    RunCancelledError,
    SettingsError,
    UnsupportedModelError,
)
from lineside.engine import SessionRequest, run_once
from lineside.engine.openvino_runtime import core
from lineside.engine.options import checked
from lineside.engine.providers.openvino import PROVIDER


@pytest.fixture(autouse=True)
def _here():
    real_devices.require("openvino", "CPU")


def opened(model, folder=None, **options):
    spelt = checked(
        PROVIDER.options, {"runtime": "own", "device_type": "CPU"} | options, where="openvino:CPU"
    )
    return PROVIDER.open(SessionRequest(model, spelt, folder=folder))


@pytest.fixture(scope="module")
def network(graphs):
    """Two outputs of small convolutions on bytes, (1, 4, 16, 16) and (1, 4)."""
    rng = np.random.default_rng(0)
    return graphs.model(
        [
            graphs.node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            graphs.node("Conv", ["f", "w"], ["c"], pads=[1, 1, 1, 1]),
            graphs.node("Sigmoid", ["c"], ["s"]),
            graphs.node("Conv", ["s", "v"], ["y"], pads=[1, 1, 1, 1]),
            graphs.node("ReduceMean", ["y", "axes"], ["mean"], keepdims=0),
        ],
        inputs=[graphs.value("x", [1, 3, 16, 16], TensorProto.UINT8)],
        outputs=[graphs.value("y", [1, 4, 16, 16]), graphs.value("mean", [1, 4])],
        constants=[
            graphs.constant("w", rng.normal(0, 0.01, (4, 3, 3, 3)).astype(np.float32)),
            graphs.constant("v", rng.normal(0, 0.5, (4, 4, 3, 3)).astype(np.float32)),
            graphs.constant("axes", np.array([2, 3])),
        ],
    )


@pytest.fixture(scope="module")
def counting(graphs):
    """As many columns as numbers that are not zero."""
    return graphs.model(
        [graphs.node("NonZero", ["x"], ["y"])],
        inputs=[graphs.value("x", [8])],
        outputs=[graphs.value("y", [1, "n"], TensorProto.INT64)],
    )


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8)


def distance(got, expected):
    assert [a.shape for a in got] == [b.shape for b in expected]
    return max(float(np.abs(a - b).max()) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("fixed_shapes", [True, False])
def test_a_binding_answers_what_its_buffer_holds_then(network, fixed_shapes):
    buffer = np.empty((1, 3, 16, 16), np.uint8)
    binding = opened(network).bind({"x": buffer}, fixed_shapes=fixed_shapes)
    for seed in (1, 2, 1, 3):
        buffer[:] = picture(seed)
        assert distance(binding.run(), run_once(network, {"x": picture(seed)})) < 1e-5


def test_with_fixed_shapes_the_answers_lie_in_buffers_made_once(network):
    binding = opened(network).bind({"x": picture(1)}, fixed_shapes=True)
    binding.run()
    places = [output.ctypes.data for output in binding.run()]
    for _ in range(5):
        assert [output.ctypes.data for output in binding.run()] == places


def test_without_fixed_shapes_each_answer_is_the_callers(network):
    buffer = picture(1)
    binding = opened(network).bind({"x": buffer}, fixed_shapes=False)
    first = binding.run()
    kept = [output.copy() for output in first]
    buffer[:] = picture(2)
    second = binding.run()
    assert distance(first, kept) == 0
    assert not np.allclose(first[0], second[0])


def test_the_outputs_keep_the_order_of_the_file(network):
    assert opened(network).outputs == ("y", "mean")


def test_several_callers_get_their_own_answers(network):
    session = opened(network, num_streams="2")

    def judge(seed):
        buffer = picture(seed)
        binding = session.bind({"x": buffer}, fixed_shapes=True)
        expected = run_once(network, {"x": buffer})
        return max(distance(binding.run(), expected) for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(judge, range(8))) < 1e-5


def test_a_session_outlives_neither_its_closing_nor_breaks_a_binding_made_before(network):
    session = opened(network)
    binding = session.bind({"x": picture(1)}, fixed_shapes=False)
    session.close()
    assert distance(binding.run(), run_once(network, {"x": picture(1)})) < 1e-5
    with pytest.raises(DeviceError, match="closed"):
        session.bind({"x": picture(1)}, fixed_shapes=False)


# Precision


def from_float32(session, network):
    """How far its answer is from that of ONNX Runtime in float32."""
    feeds = {"x": picture(3)}
    return distance(session.bind(feeds, fixed_shapes=False).run(), run_once(network, feeds))


def test_float32_is_computed_in_float32_where_openvino_itself_would_take_bfloat16(network):
    session = opened(network)
    assert session.precision == "float32"
    assert from_float32(session, network) < 1e-5


def has_bfloat16():
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def test_bfloat16_is_computed_and_told_where_it_is_asked_for(network):
    if not has_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    session = opened(network, precision="bf16")
    assert session.precision == "bfloat16"
    assert PROVIDER.precision_of({"precision": "bf16"}) == "bfloat16"
    assert 1e-4 < from_float32(session, network) < 0.1


def has_float16():
    """Instructions for it, as OpenVINO needs them; its list of capabilities names FP16 on every CPU."""
    cpu = Path("/proc/cpuinfo")
    return cpu.exists() and "avx512_fp16" in cpu.read_text()


def test_float16_is_computed_where_the_cpu_has_it(network):
    if not has_float16():
        pytest.skip("this CPU has no float16")
    session = opened(network, precision="f16")
    assert session.precision == "float16"
    assert 1e-6 < from_float32(session, network) < 0.02


def test_a_coarser_precision_than_asked_is_refused(network):
    if not has_bfloat16() or has_float16():
        pytest.skip("this CPU has no bfloat16, or float16 as well; OpenVINO takes the one for the other")
    with pytest.raises(
        DeviceMismatchError, match="asked to compute in float16, OpenVINO computes in bfloat16"
    ):
        opened(network, precision="f16")


def test_every_layer_is_listed_with_who_runs_it(network):
    nodes = opened(network).placed_nodes()
    assert {node.runs_on for node in nodes} == {"OpenVINOExecutionProvider"}
    assert "Convolution" in {node.operator for node in nodes}


# Inputs


def test_an_input_that_is_not_fed_is_named(graphs):
    add = graphs.model(
        [graphs.node("Add", ["x", "z"], ["y"])], inputs=[graphs.value("x", [1, 3]), graphs.value("z", [1, 3])]
    )
    with pytest.raises(UnsupportedModelError, match='"z" of the model is not fed'):
        opened(add).bind({"x": np.zeros((1, 3), np.float32)}, fixed_shapes=True)


def test_an_input_that_nothing_reads_may_be_fed_and_an_unknown_one_not(graphs):
    relu = graphs.model(
        [graphs.node("Relu", ["x"], ["y"])], inputs=[graphs.value("x", [1, 3]), graphs.value("idle", [1])]
    )
    session, feeds = opened(relu), {"x": np.ones((1, 3), np.float32)}
    binding = session.bind(feeds | {"idle": np.zeros(1, np.float32)}, fixed_shapes=True)
    assert binding.run()[0].tolist() == [[1, 1, 1]]
    with pytest.raises(UnsupportedModelError, match='no input "idel"; did you mean "idle"'):
        session.bind(feeds | {"idel": np.zeros(1, np.float32)}, fixed_shapes=True)


@pytest.mark.parametrize(
    "buffer",
    [np.zeros((1, 3, 16, 16), np.float64), np.zeros((1, 3, 8, 8), np.uint8), np.zeros((3, 16, 16), np.uint8)],
    ids=["type", "shape", "rank"],
)
def test_another_type_or_shape_is_refused(network, buffer):
    with pytest.raises(UnsupportedModelError, match="OpenVINO refused the input"):
        opened(network).bind({"x": buffer}, fixed_shapes=True).run()


def test_a_buffer_that_is_not_contiguous_is_refused(network):
    with pytest.raises(SettingsError, match='input "x": expected a contiguous buffer'):
        opened(network).bind({"x": picture(1)[..., ::-1]}, fixed_shapes=True)


# Outputs of any shape


def test_answers_of_any_shape_come_as_they_are(counting):
    buffer = np.zeros(8, np.float32)
    binding = opened(counting).bind({"x": buffer}, fixed_shapes=False)
    for kept in (0, 5, 2, 8):
        buffer[:] = np.arange(8) < kept
        assert binding.run()[0].tolist() == [list(range(kept))]


@pytest.mark.parametrize("kept", [1, 5])
def test_fixed_shapes_that_move_are_refused(counting, kept):
    buffer = np.array([1, 1, 0, 0, 0, 0, 0, 0], np.float32)
    binding = opened(counting).bind({"x": buffer}, fixed_shapes=True)
    binding.run()
    buffer[:] = np.arange(8) < kept
    with pytest.raises(ModelOutputError, match="shape"):
        binding.run()


# Cancelling


@pytest.fixture(scope="module")
def slow(graphs):
    """Convolutions enough that a run can be met under way."""
    weights = np.full((32, 32, 3, 3), 0.01, np.float32)
    nodes = [
        graphs.node("Conv", [f"t{k}" if k else "x", "w"], [f"t{k + 1}" if k < 29 else "y"], pads=[1, 1, 1, 1])
        for k in range(30)
    ]
    shape = [1, 32, 160, 160]
    return graphs.model(
        nodes,
        inputs=[graphs.value("x", shape)],
        outputs=[graphs.value("y", shape)],
        constants=[graphs.constant("w", weights)],
    )


def test_a_run_under_way_can_be_ended_and_the_next_one_is_whole(slow):
    binding = opened(slow).bind({"x": np.ones((1, 32, 160, 160), np.float32)}, fixed_shapes=True)
    whole = binding.run()[0].copy()
    ended = []

    def run():
        try:
            while True:
                binding.run()
        except RunCancelledError as fault:
            ended.append(fault)

    caller = Thread(target=run)
    caller.start()
    while caller.is_alive():
        binding.cancel()
    assert len(ended) == 1
    assert np.array_equal(binding.run()[0], whole)


def test_a_cancellation_without_a_run_does_nothing(network):
    binding = opened(network).bind({"x": picture(1)}, fixed_shapes=True)
    binding.cancel()
    assert distance(binding.run(), run_once(network, {"x": picture(1)})) < 1e-5


# Faults, each provoked


@pytest.mark.parametrize("name", ["garbage", "empty", "cut short"])
def test_bytes_that_are_no_model_are_told_as_such(graphs, name):
    data = {"garbage": b"this is a letter and no model " * 9, "empty": b"", "cut short": graphs.relu()[:-20]}
    with pytest.raises(ModelFileError, match="OpenVINO cannot read the model"):
        opened(data[name])


def test_a_file_that_is_not_there_is_told_as_such(tmp_path):
    with pytest.raises(ModelFileError, match=r"nowhere\.onnx"):
        opened(tmp_path / "nowhere.onnx")


@pytest.mark.parametrize("domain", ["", "acme"])
def test_an_operator_that_openvino_lacks_is_named(graphs, domain):
    model = graphs.model(
        [graphs.node("Frobnicate", ["x"], ["y"], domain=domain)], domains=[domain] * bool(domain)
    )
    with pytest.raises(UnsupportedModelError, match=r"it lacks (acme\.)?Frobnicate"):
        opened(model)


def test_too_little_memory_is_told_as_such(graphs, tmp_path):
    """In a process of its own, whose address space is limited once everything is loaded."""
    code = """
import resource, sys
import numpy as np
from lineside.engine import SessionRequest
from lineside.engine.providers.openvino import PROVIDER
model = open(sys.argv[1], "rb").read()
session = PROVIDER.open(SessionRequest(model, {"runtime": "own"}))
feeds = {"x": np.zeros((1, 3), np.float32)}
session.bind(feeds, fixed_shapes=True).run()
big = PROVIDER.open(SessionRequest(open(sys.argv[2], "rb").read(), {"runtime": "own"}))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
try:
    big.bind(feeds, fixed_shapes=False).run()
except BaseException as fault:
    print(type(fault).__name__, fault)
"""
    pytest.importorskip("resource")
    small = graphs.relu()
    large = graphs.model(
        [graphs.node("Expand", ["x", "s"], ["e"]), graphs.node("Sigmoid", ["e"], ["y"])],
        outputs=[graphs.value("y", [100_000, 1000, 3])],
        constants=[graphs.constant("s", np.array([100_000, 1000, 3]))],
    )
    paths = [tmp_path / "small.onnx", tmp_path / "large.onnx"]
    for path, model in zip(paths, (small, large), strict=True):
        path.write_bytes(model)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith(DeviceMemoryError.__name__), done.stdout + done.stderr


def test_a_property_that_the_device_lacks_is_refused(network):
    with pytest.raises(SettingsError, match="Unsupported property WARP_SPEED"):
        opened(network, load_config='{"CPU": {"WARP_SPEED": "9"}}')


# What is kept


def test_a_file_that_was_compiled_before_is_read_from_the_folder_and_a_damaged_one_is_made_again(
    network, tmp_path
):
    path, folder = tmp_path / "model.onnx", tmp_path / "kept"
    path.write_bytes(network)
    feeds = {"x": picture(4)}
    expected = run_once(network, feeds)

    def fresh():
        session = opened(path, folder)
        assert distance(session.bind(feeds, fixed_shapes=False).run(), expected) < 1e-5
        return not session._compiled.get_property("LOADED_FROM_CACHE")

    assert [fresh(), fresh()] == [True, False]
    for entry in folder.iterdir():
        entry.write_bytes(entry.read_bytes()[:1000])
    assert [fresh(), fresh()] == [True, False]


def test_products_of_bytes_are_summed_up_without_overflow():
    assert_exact(opened(brightest()[0]))
