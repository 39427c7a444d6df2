from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from contracts.graph_edits import write
from lineside.core.errors import ConventionError, ModelError, SettingsError, UnsupportedModelError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.testing.graphs import GraphSpec, anchor_free, class_map

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])


def _with_input(dtype, shape):
    model = anchor_free()
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("images", dtype, shape))
    return model


@RUNS
@pytest.mark.parametrize(
    ("dtype", "shape", "text"),
    [
        (TensorProto.FLOAT, [3, 128, 160], "is float32 (3, 128, 160); expected four axes"),
        (TensorProto.FLOAT, [1, 1, 3, 128, 160], "expected four axes"),
        (TensorProto.FLOAT, None, "is float32 (); expected four axes"),
        (TensorProto.FLOAT, [1, 1, 128, 160], "expected 3 colour channels, not 1"),
        (TensorProto.FLOAT, [1, 4, 128, 160], "expected 3 colour channels, not 4"),
        (TensorProto.FLOAT, [1, 128, 160, 4], "expected 3 colour channels, not 128"),
        (
            TensorProto.FLOAT,
            [4, 3, 128, 160],
            "a fixed batch of 4; export it with batch 1 or a dynamic batch",
        ),
        (
            TensorProto.DOUBLE,
            [1, 3, 128, 160],
            "is float64 (1, 3, 128, 160); expected one of float32, float16, uint8",
        ),
        (TensorProto.INT64, [1, 3, 128, 160], "is int64"),
        (TensorProto.STRING, [1, 3, 128, 160], "expected one of float32"),
        (TensorProto.FLOAT, [1, 3, 40_000, 160], "at most 16384 px a side"),
    ],
)
def test_an_input_that_is_no_picture_is_refused(dtype, shape, text, run, tmp_path):
    with pytest.raises(UnsupportedModelError) as refusal:
        ModelCard.read(write(_with_input(dtype, shape), tmp_path / "model.onnx"), run=run)
    assert text in str(refusal.value)
    assert str(refusal.value).startswith(
        'model.onnx: input "images"' if "a side" not in text else "model.onnx: "
    )


@RUNS
def test_inputs_are_counted(run, tmp_path):
    model = anchor_free()
    model.graph.input.append(helper.make_tensor_value_info("factor", TensorProto.FLOAT, [1, 2]))
    with pytest.raises(
        UnsupportedModelError, match=r'input "factor" is float32 \(1, 2\), beside the picture'
    ):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    del model.graph.input[:]
    with pytest.raises(UnsupportedModelError, match="got 0: none"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


def test_a_file_that_lists_its_weights_as_inputs_has_one_picture(tmp_path):
    model = anchor_free()
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert card.input.name == "images"


@RUNS
def test_minus_one_is_an_open_axis(run, tmp_path):
    model = anchor_free(GraphSpec(dynamic_batch=True))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    card = ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)
    assert card.input.dynamic_batch


def _open_size(**more):
    return anchor_free(GraphSpec(dynamic_size=True, **more))


@RUNS
@pytest.mark.parametrize(
    ("metadata", "facts", "size"),
    [
        (True, ModelFacts(), Size(128, 160)),
        (True, ModelFacts(size=Size(256, 192)), Size(256, 192)),
        (False, ModelFacts(size=Size(64, 96)), Size(64, 96)),
        (False, ModelFacts(), Size(640, 640)),
    ],
)
def test_an_open_size_is_set_by_hand_by_metadata_or_usual(metadata, facts, size, run, tmp_path):
    path = write(_open_size(metadata=metadata), tmp_path / "model.onnx")
    card = ModelCard.read(path, facts=facts, run=run)
    assert card.input.size == card.head.size == size
    assert card.input.dynamic_size
    assert card.head.rows == sum((size.height // s) * (size.width // s) for s in (8, 16, 32))


@RUNS
def test_a_fixed_size_cannot_be_set_otherwise(run, tmp_path):
    path = write(anchor_free(), tmp_path / "model.onnx")
    assert ModelCard.read(path, facts=ModelFacts(size=Size(128, 160)), run=run)
    with pytest.raises(
        ConventionError, match=r"size 640x640 set by hand, but the file fixes its input at 160x128"
    ):
        ModelCard.read(path, facts=ModelFacts(size=Size(640, 640)), run=run)


@RUNS
def test_a_size_is_a_multiple_of_the_stride(run, tmp_path):
    path = write(_open_size(), tmp_path / "model.onnx")
    with pytest.raises(SettingsError, match=r"size 100x64: both sides must be multiples of the stride, 32"):
        ModelCard.read(path, facts=ModelFacts(size=Size(64, 100)), run=run)


def test_a_size_that_the_graph_cannot_take_is_refused_by_the_run(tmp_path):
    """The file says that its size is open, but a reshape inside holds the size of the export."""
    model = anchor_free(GraphSpec(metadata=False))
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    path = write(model, tmp_path / "model.onnx")
    with pytest.raises(
        UnsupportedModelError, match=r"test run with a picture of 640x640 failed.*set it with --size"
    ):
        ModelCard.read(path, run=run_once)
    assert ModelCard.read(path, facts=ModelFacts(size=Size(128, 160)), run=run_once).head.rows == 420


@RUNS
def test_whole_numbers_are_no_detections(run, tmp_path):
    for model in (class_map(), class_map(GraphSpec(classes=80))):
        with pytest.raises(ModelError, match="no family recognises"):
            ModelCard.read(write(model, tmp_path / "model.onnx"), run=run)


@pytest.mark.parametrize("part", ["opset", "ir"])
def test_a_file_newer_than_the_runtime_is_refused(part, tmp_path):
    model = anchor_free()
    if part == "opset":
        model.opset_import[0].version = 99
    else:
        model.ir_version = 99
    with pytest.raises(UnsupportedModelError, match=r"model.onnx: onnxruntime .* cannot run the graph"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)


def test_an_input_without_a_type_is_refused(tmp_path):
    model = anchor_free()
    model.graph.input[0].type.Clear()
    with pytest.raises(UnsupportedModelError, match="unknown"):
        ModelCard.read(write(model, tmp_path / "model.onnx"))
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    with pytest.raises(UnsupportedModelError):
        ModelCard.read(write(model, tmp_path / "model.onnx"))
