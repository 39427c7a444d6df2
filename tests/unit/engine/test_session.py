"""Sessions and bindings: the right answer, again and again, from several threads, in buffers made once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from byte_graphs import assert_exact, brightest
from lineside.core.errors import (
    DeviceError,
    ModelOutputError,
    RunCancelledError,
    SettingsError,
    UnsupportedModelError,
)
from lineside.engine import cpu_session, run_once
from lineside.engine.hardware import usable_cores
from lineside.engine.ort_session import optimise
from lineside.engine.runtime import version


@pytest.fixture(scope="module")
def network(graphs):
    """Two outputs of a small convolution, (1, 4, 16, 16) and (1, 4)."""
    rng = np.random.default_rng(0)
    return graphs.model(
        [
            graphs.node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            graphs.node("Conv", ["f", "w"], ["c"], pads=[1, 1, 1, 1]),
            graphs.node("Sigmoid", ["c"], ["y"]),
            graphs.node("ReduceMean", ["c", "axes"], ["mean"], keepdims=0),
        ],
        inputs=[graphs.value("x", [1, 3, 16, 16], TensorProto.UINT8)],
        outputs=[graphs.value("y", [1, 4, 16, 16]), graphs.value("mean", [1, 4])],
        constants=[
            graphs.constant("w", rng.normal(0, 0.01, (4, 3, 3, 3)).astype(np.float32)),
            graphs.constant("axes", np.array([2, 3])),
        ],
    )


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8)


def assert_same(got, expected):
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fixed_shapes", [True, False])
def test_a_binding_answers_what_its_buffer_holds_then(network, fixed_shapes):
    buffer = np.empty((1, 3, 16, 16), np.uint8)
    binding = cpu_session(network, threads=1).bind({"x": buffer}, fixed_shapes=fixed_shapes)
    for seed in (1, 2, 1, 3):
        buffer[:] = picture(seed)
        assert_same(binding.run(), run_once(network, {"x": picture(seed)}))


def test_with_fixed_shapes_the_answers_lie_in_buffers_made_once(network):
    binding = cpu_session(network, threads=1).bind({"x": picture(1)}, fixed_shapes=True)
    binding.run()
    places = [output.ctypes.data for output in binding.run()]
    for _ in range(5):
        assert [output.ctypes.data for output in binding.run()] == places


def test_without_fixed_shapes_each_answer_is_the_callers(network):
    buffer = picture(1)
    binding = cpu_session(network, threads=1).bind({"x": buffer}, fixed_shapes=False)
    first = binding.run()
    kept = [output.copy() for output in first]
    buffer[:] = picture(2)
    second = binding.run()
    assert_same(first, kept)
    assert not np.allclose(first[0], second[0])


def test_equal_pictures_get_bit_equal_answers(network):
    binding = cpu_session(network, threads=2).bind({"x": picture(1)}, fixed_shapes=True)
    binding.run()
    first = [output.copy() for output in binding.run()]
    for _ in range(20):
        for output, before in zip(binding.run(), first, strict=True):
            np.testing.assert_array_equal(output, before)


def test_threads_with_a_binding_each_share_one_session(network):
    session = cpu_session(network, threads=1)
    expected = {seed: run_once(network, {"x": picture(seed)}) for seed in range(8)}

    def work(seed):
        buffer = np.empty((1, 3, 16, 16), np.uint8)
        binding = session.bind({"x": buffer}, fixed_shapes=True)
        for turn in range(40):
            number = (seed + turn) % 8
            buffer[:] = picture(number)
            assert_same(binding.run(), expected[number])
        return seed

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))


def test_outputs_are_named_in_the_order_of_the_model(network):
    assert cpu_session(network).outputs == ("y", "mean")


def test_threads_are_those_asked_for_or_one_a_usable_core(network):
    assert cpu_session(network, threads=1).threads == 1
    assert cpu_session(network).threads == usable_cores() >= 1


def test_an_optimised_model_answers_the_same_from_a_file(network, tmp_path):
    path = tmp_path / "optimised.onnx"
    path.write_bytes(optimise(network))
    buffer = picture(5)
    binding = cpu_session(path, threads=1, optimised=True).bind({"x": buffer}, fixed_shapes=False)
    assert_same(binding.run(), run_once(network, {"x": buffer}))


def test_optimising_leaves_no_file_behind(network, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    optimise(network)
    with pytest.raises(UnsupportedModelError):
        optimise(network.replace(b"Sigmoid", b"Sigmoix"))
    assert list(tmp_path.iterdir()) == []


def test_a_buffer_that_the_runtime_would_copy_is_refused(network):
    session = cpu_session(network, threads=1)
    wide = np.zeros((1, 3, 16, 32), np.uint8)
    with pytest.raises(SettingsError, match='input "x": expected a contiguous buffer'):
        session.bind({"x": wide[..., ::2]}, fixed_shapes=True)


def test_an_output_that_changes_its_shape_is_an_error_and_never_cut(graphs):
    rows = graphs.model(
        [graphs.node("NonZero", ["x"], ["y"])],
        outputs=[graphs.value("y", [2, "found"], TensorProto.INT64)],
    )
    buffer = np.array([[1, 0, 0]], np.float32)
    session = cpu_session(rows, threads=1)
    free = session.bind({"x": buffer}, fixed_shapes=False)
    assert [output.shape for output in free.run()] == [(2, 1)]
    fixed = session.bind({"x": buffer}, fixed_shapes=True)
    assert fixed.run()[0].shape == (2, 1)
    buffer[:] = 1
    assert free.run()[0].tolist() == [[0, 0, 0], [0, 1, 2]]
    with pytest.raises(ModelOutputError, match="another shape than before"):
        fixed.run()
    buffer[:] = 0, 0, 4
    assert free.run()[0].tolist() == [[0], [2]]
    assert fixed.run()[0].tolist() == [[0], [2]]


def test_the_version_is_the_runtimes():
    assert version().split(".")[0].isdigit()


def test_a_path_may_be_a_path(graphs, tmp_path):
    path = tmp_path / "relu.onnx"
    path.write_bytes(graphs.relu())
    assert cpu_session(Path(path), threads=1).outputs == ("y",)


@pytest.fixture(scope="module")
def slow(graphs):
    """Half a minute of work in a few hundred nodes, so that a run can be ended between two of them."""
    names = [f"t{number}" for number in range(400)]
    nodes = [
        graphs.node("MatMul", [read, "w"], [written])
        for read, written in zip(["x", *names], [*names, "y"], strict=True)
    ]
    return graphs.model(
        nodes,
        inputs=[graphs.value("x", [1024, 1024])],
        outputs=[graphs.value("y", [1024, 1024])],
        constants=[graphs.constant("w", np.eye(1024, dtype=np.float32))],
    )


def test_a_run_under_way_can_be_ended_and_the_binding_runs_again(slow):
    session = cpu_session(slow)
    buffer = np.ones((1024, 1024), np.float32)
    binding = session.bind({"x": buffer}, fixed_shapes=True)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            future = pool.submit(binding.run)
            while not future.done():
                binding.cancel()
            with pytest.raises(RunCancelledError, match="ended from outside"):
                future.result()


def test_a_cancellation_without_a_run_ends_nothing(network):
    binding = cpu_session(network, threads=1).bind({"x": picture(1)}, fixed_shapes=True)
    binding.cancel()
    assert_same(binding.run(), run_once(network, {"x": picture(1)}))


def test_a_closed_session_makes_no_more_bindings(network):
    session = cpu_session(network, threads=1)
    session.close()
    with pytest.raises(DeviceError, match="closed"):
        session.bind({"x": picture(1)}, fixed_shapes=True)


def test_a_session_tells_where_each_node_runs(network):
    nodes = cpu_session(network, threads=1).placed_nodes()
    assert {node.runs_on for node in nodes} == {"CPUExecutionProvider"}
    assert "Conv" in {node.operator for node in nodes}


LIMITED = """
import resource
import sys

import numpy as np

from lineside.core.errors import DeviceMemoryError
from lineside.engine import cpu_session

shape = np.array([1, 4])
binding = cpu_session(open(sys.argv[1], "rb").read(), threads=1).bind(
    {"x": np.ones((1, 1), np.float32), "shape": shape}, fixed_shapes=False
)
binding.run()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
shape[:] = 1 << 14, 1 << 14
try:
    binding.run()
except DeviceMemoryError as fault:
    print(fault.code)
shape[:] = 2, 3
print(binding.run()[0].shape)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is the Linux kernel's")
def test_a_run_beyond_the_memory_of_the_process_is_told_and_the_next_one_works(graphs, tmp_path):
    path = tmp_path / "expand.onnx"
    path.write_bytes(
        graphs.model(
            [graphs.node("Expand", ["x", "shape"], ["y"])],
            inputs=[graphs.value("x", [1, 1]), graphs.value("shape", [2], TensorProto.INT64)],
            outputs=[graphs.value("y", ["a", "b"])],
        )
    )
    done = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["device.out_of_memory", "(2, 3)"]


@pytest.mark.parametrize("kept", [False, True], ids=["as exported", "as kept on disk"])
def test_products_of_bytes_are_summed_up_without_overflow(kept):
    model, _, _ = brightest()
    assert_exact(cpu_session(optimise(model) if kept else model, threads=1, optimised=kept))
