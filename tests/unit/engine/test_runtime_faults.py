"""Real faults of onnxruntime, and the errors that they become: who is to blame decides."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto
from onnx.external_data_helper import set_external_data

from lineside.core.errors import DeviceError, LinesideError, ModelFileError, UnsupportedModelError
from lineside.engine import cpu_session, run_once
from lineside.engine.ort_session import optimise

FEEDS = {"x": np.zeros((1, 3), np.float32)}
LOADERS = {"session": cpu_session, "optimise": optimise, "run_once": lambda model: run_once(model, FEEDS)}


@pytest.fixture(params=LOADERS)
def load(request):
    return LOADERS[request.param]


def external(graphs):
    model = graphs.parse(
        graphs.model(
            [graphs.node("Add", ["x", "w"], ["y"])],
            constants=[graphs.constant("w", np.ones((1, 3), np.float32))],
        )
    )
    tensor = model.graph.initializer[0]
    set_external_data(tensor, "nowhere.bin", offset=0, length=12)
    tensor.ClearField("raw_data")
    return model.SerializeToString()


FILE_FAULTS = {
    "garbage": lambda _: b"this is a letter and no model " * 9,
    "empty": lambda _: b"",
    "cut short": lambda g: g.relu()[:-20],
    "external data missing": external,
}

GRAPH_FAULTS = {
    "unknown operator": lambda g: g.model([g.node("Frobnicate", ["x"], ["y"])]),
    "operator of a foreign domain": lambda g: g.model(
        [g.node("Frobnicate", ["x"], ["y"], domain="acme")], domains=["acme"]
    ),
    "operator set of the future": lambda g: g.model([g.node("Relu", ["x"], ["y"])], opset=99),
    "operator set of the past": lambda g: g.model([g.node("Relu", ["x"], ["y"])], opset=1),
    "file format of the future": lambda g: g.model([g.node("Relu", ["x"], ["y"])], ir=99),
    "types that do not fit": lambda g: g.model(
        [g.node("Cast", ["x"], ["text"], to=TensorProto.STRING), g.node("Relu", ["text"], ["y"])]
    ),
    "one name twice": lambda g: g.model([g.node("Relu", ["x"], ["y"]), g.node("Abs", ["x"], ["y"])]),
    "a tensor that nobody makes": lambda g: g.model([g.node("Relu", ["ghost"], ["y"])]),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_damaged_file_is_the_files_fault(graphs, load, fault):
    with pytest.raises(ModelFileError) as refusal:
        load(FILE_FAULTS[fault](graphs))
    assert refusal.value.__cause__ is not None


@pytest.mark.parametrize("fault", GRAPH_FAULTS)
def test_a_graph_that_cannot_run_here_is_the_models_fault(graphs, load, fault):
    with pytest.raises(UnsupportedModelError, match="cannot run the graph") as refusal:
        load(GRAPH_FAULTS[fault](graphs))
    assert refusal.value.__cause__ is not None


def test_the_error_of_an_unknown_operator_names_it(graphs):
    with pytest.raises(UnsupportedModelError, match="Frobnicate"):
        cpu_session(GRAPH_FAULTS["unknown operator"](graphs))


def test_a_missing_path_is_the_files_fault(tmp_path):
    with pytest.raises(ModelFileError, match=r"gone\.onnx"):
        cpu_session(tmp_path / "gone.onnx")


WRONG_FEEDS = {
    "shape": {"x": np.zeros((2, 3), np.float32)},
    "rank": {"x": np.zeros(3, np.float32)},
    "type": {"x": np.zeros((1, 3), np.float64)},
    "name": {"q": np.zeros((1, 3), np.float32)},
    "nothing": {},
    "one too many": {"x": np.zeros((1, 3), np.float32), "q": np.zeros((1, 3), np.float32)},
}


@pytest.mark.parametrize("feeds", WRONG_FEEDS)
def test_a_wrong_feed_of_a_single_run_is_refused(graphs, feeds):
    with pytest.raises(UnsupportedModelError):
        run_once(graphs.relu(), WRONG_FEEDS[feeds])


@pytest.mark.parametrize("fixed_shapes", [True, False])
@pytest.mark.parametrize("feeds", WRONG_FEEDS)
def test_a_wrong_feed_of_a_binding_is_refused(graphs, feeds, fixed_shapes):
    session = cpu_session(graphs.relu(), threads=1)
    with pytest.raises(UnsupportedModelError):
        session.bind(WRONG_FEEDS[feeds], fixed_shapes=fixed_shapes).run()


def test_a_node_that_fails_in_a_run_is_an_error_and_the_next_run_works(graphs):
    # The shape is an input, so only the run can know that it is impossible.
    reshape = graphs.model(
        [graphs.node("Reshape", ["x", "shape"], ["y"])],
        inputs=[graphs.value("x", [1, 3]), graphs.value("shape", [2], TensorProto.INT64)],
        outputs=[graphs.value("y", ["a", "b"])],
    )
    shape = np.array([5, 7])
    feeds = {"x": np.arange(3, dtype=np.float32)[None], "shape": shape}
    binding = cpu_session(reshape, threads=1).bind(feeds, fixed_shapes=False)
    with pytest.raises(DeviceError, match="Reshape"):
        binding.run()
    shape[:] = 3, 1
    assert binding.run()[0].tolist() == [[0], [1], [2]]


def test_a_run_that_needs_more_memory_than_there_is_says_so(graphs):
    # 2^46 floats, far beyond any machine's addresses.
    expand = graphs.model(
        [graphs.node("Expand", ["x", "shape"], ["y"])],
        inputs=[graphs.value("x", [1, 1]), graphs.value("shape", [2], TensorProto.INT64)],
        outputs=[graphs.value("y", ["a", "b"])],
    )
    feeds = {"x": np.zeros((1, 1), np.float32), "shape": np.array([1 << 23, 1 << 23])}
    with pytest.raises(DeviceError) as refusal:
        run_once(expand, feeds)
    assert refusal.value.code == "device.out_of_memory"


def test_every_refusal_is_a_lineside_error_with_one_line(graphs):
    for fault in (*FILE_FAULTS.values(), *GRAPH_FAULTS.values()):
        with pytest.raises(LinesideError) as refusal:
            cpu_session(fault(graphs))
        assert "\n" not in str(refusal.value)


WITHOUT_RUNTIME = """
import sys
sys.modules["onnxruntime"] = None
from lineside.core.errors import MissingRuntimeError
from lineside.engine import run_once
try:
    run_once(b"", {})
except MissingRuntimeError as refusal:
    print(refusal)
"""


def test_without_a_runtime_the_error_says_which_wheel_to_take():
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_RUNTIME], capture_output=True, text=True, check=True
    )
    assert "pip install 'lineside[cpu]'" in result.stdout


DAMAGED_RUNTIME = """
import sys, types
sys.modules["onnxruntime"] = types.ModuleType("onnxruntime")
from lineside.core.errors import MissingRuntimeError
from lineside.engine import run_once
try:
    run_once(b"", {})
except MissingRuntimeError as refusal:
    print(refusal)
"""


def test_what_two_wheels_leave_behind_is_called_damaged():
    result = subprocess.run(
        [sys.executable, "-c", DAMAGED_RUNTIME], capture_output=True, text=True, check=True
    )
    assert "onnxruntime is damaged" in result.stdout
