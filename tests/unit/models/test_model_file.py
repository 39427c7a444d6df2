from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from lineside.core.errors import ModelError, ModelFileError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.file import ModelFile
from lineside.testing.graphs import anchor_free, yolox

MODEL = anchor_free()
NAMED, BARE = MODEL.SerializeToString(), yolox().SerializeToString()


def _refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as refusal:
        ModelCard.read(path, run=run_once)
    assert str(refusal.value).startswith(f"{path}: ")
    return str(refusal.value)


def _read(data: bytes) -> ModelCard:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        return ModelCard.read(path)


def test_a_missing_file_is_refused_with_the_near_names(tmp_path):
    (tmp_path / "best.onnx").write_bytes(NAMED)
    text = _refusal(tmp_path / "bset.onnx")
    assert 'no such model file; did you mean "best.onnx"?' in text
    assert "no such model file" in _refusal(tmp_path / "nowhere" / "best.onnx")


def test_a_folder_is_refused(tmp_path):
    assert "this is a folder" in _refusal(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "model.onnx").touch()
    assert "the file is empty" in _refusal(tmp_path / "model.onnx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.onnx")
    assert "a device or a pipe" in _refusal(tmp_path / "model.onnx")


def test_a_path_that_the_system_does_not_take_is_refused(tmp_path):
    with pytest.raises(ModelFileError):
        ModelFile.read(tmp_path / ("x" * 4000))
    with pytest.raises(ModelFileError):
        ModelFile.read(tmp_path / "a\0b.onnx")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(NAMED)
    path.chmod(0)
    assert "cannot be read" in _refusal(path)


@pytest.mark.parametrize(
    "data",
    [
        b"names: [part]\n",
        b"{}",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"PK\x03\x04" + bytes(64),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        bytes(1000),
        b"\x08\x08",
    ],
)
def test_a_file_of_another_kind_is_refused(data, tmp_path):
    (tmp_path / "model.onnx").write_bytes(data)
    assert "ONNX model" in _refusal(tmp_path / "model.onnx")


@settings(max_examples=60)
@given(data=st.binary(min_size=1, max_size=600))
def test_random_bytes_are_refused(data):
    with pytest.raises(ModelError):
        _read(data)


@settings(max_examples=60)
@given(cut=st.integers(1, len(BARE) - 1))
def test_any_prefix_of_a_model_is_refused(cut):
    with pytest.raises(ModelFileError, match=r"cut short|truncated"):
        _read(BARE[:cut])


@settings(max_examples=80)
@given(cut=st.integers(1, 600))
def test_a_cut_in_the_metadata_is_refused_or_costs_no_more_than_metadata(cut):
    """Between two entries nothing tells such a cut from a file that has fewer of them."""
    whole = _read(NAMED)
    try:
        card = _read(NAMED[:-cut])
    except ModelFileError:
        return
    assert (card.family, card.head, card.conventions) == (whole.family, whole.head, whole.conventions)
    assert card.names_from == "numbered" or card.names == whole.names


@settings(max_examples=60)
@given(
    places=st.lists(st.tuples(st.integers(0, len(NAMED) - 1), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_a_damaged_file_ends_in_a_card_or_a_refusal(places):
    data = bytearray(NAMED)
    for place, value in places:
        data[place] = value
    with contextlib.suppress(ModelError):
        _read(bytes(data))


def _changed(change) -> onnx.ModelProto:
    model = onnx.ModelProto()
    model.CopyFrom(MODEL)
    change(model.graph)
    return model


def _shorten(graph):
    graph.initializer[0].raw_data = graph.initializer[0].raw_data[:-4]


def _negative(graph):
    graph.initializer[0].dims[0] = -8


def _strange_type(graph):
    graph.initializer[0].data_type = 99


def _circle(graph):
    graph.node[1].input[0] = graph.node[-1].output[0]


def _no_outputs(graph):
    del graph.output[:]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_shorten, "holds 860 bytes, its shape takes 864"),
        (_negative, "has shape [-8, 3, 3, 3]"),
        (_strange_type, "element type 99"),
        (_circle, "feed each other in a circle"),
        (_no_outputs, "0 outputs"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(change, text, tmp_path):
    (tmp_path / "model.onnx").write_bytes(_changed(change).SerializeToString())
    assert text in _refusal(tmp_path / "model.onnx")


def test_values_that_stand_one_by_one_are_counted(tmp_path):
    def change(graph):
        tensor = graph.initializer[0]
        values = numpy_helper.to_array(tensor).ravel().tolist()
        tensor.ClearField("raw_data")
        tensor.float_data.extend(values)

    path = tmp_path / "model.onnx"
    path.write_bytes(_changed(change).SerializeToString())
    assert ModelCard.read(path, run=run_once).family == "yolov8"

    def change_again(graph):
        change(graph)
        del graph.initializer[0].float_data[-1]

    path.write_bytes(_changed(change_again).SerializeToString())
    assert "holds 215 values, its shape takes 216" in _refusal(path)


def test_nodes_without_inputs_are_survived(tmp_path):
    for kind in ("Identity", "Transpose", "Concat", "Reshape", "Slice", "Split", "Mul", "Conv"):
        node = helper.make_node(kind, [], ["output"])
        graph = helper.make_graph(
            [node],
            "g",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 84, 84])],
        )
        path = tmp_path / "model.onnx"
        path.write_bytes(helper.make_model(graph).SerializeToString())
        for run in (None, run_once):
            with pytest.raises(ModelError):
                ModelCard.read(path, run=run)


def test_the_digest_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(NAMED)
    once = ModelFile.read(path)
    path.write_bytes(NAMED + b"\x12\x00")
    assert ModelFile.read(str(path)).sha256 != once.sha256
    assert once.data == NAMED
