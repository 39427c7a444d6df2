from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts import graph_edits as edit
from contracts.graph_edits import write
from lineside.core.errors import ModelError
from lineside.engine import run_once
from lineside.models.file import ModelFile
from lineside.models.probe import as_exported
from lineside.models.reading import read_model
from lineside.models.surgery import prepare, take_bytes
from lineside.testing.graphs import CATALOGUE, GraphSpec, anchor_free, static_int8, yolox
from lineside.testing.graphs.builder import Feature, GraphBuilder, Output
from lineside.testing.graphs.head import backbone, boxes_xywh, class_branch, distances, flatten, grid

FIRST_CONVOLUTION = "scale folded into the first convolution"
FIRST_QUANTISER = "scale folded into the first quantiser"
DIVISION = "cast and division by 255"
HALF_TABLE = "table of the quotients by 255"
PLAIN = "cast only"


def _prepared(model, tmp_path):
    reading = read_model(ModelFile.read(write(model, tmp_path / "model.onnx")), run=run_once)
    data, how = prepare(reading, run_once)
    return reading, onnx.load_from_string(data), how


def _agrees(reading, prepared, seed):
    """Both graphs answer the same for random pixels."""
    spec, how = reading.subject.picture, reading.conventions
    planes = np.random.default_rng(seed).integers(0, 256, (1, 3, *spec.size), np.uint8)
    exported = run_once(reading.subject.model.SerializeToString(), spec.feeds(as_exported(planes, spec, how)))
    changed = run_once(prepared.SerializeToString(), spec.feeds(planes))
    half = exported[0].dtype == np.float16
    for one, other in zip(exported, changed, strict=True):
        assert one.dtype == other.dtype
        boxes, scores = np.abs(one) > 1, np.abs(one) <= 1
        off = np.abs(one.astype(np.float64) - other)
        assert off[boxes].max(initial=0) < (0.3 if half else 0.05)
        assert off[scores].max(initial=0) < (2e-3 if half else 1e-4)


HEALTHY = [name for name, entry in CATALOGUE.items() if entry.family]


@pytest.mark.parametrize("name", HEALTHY)
def test_a_prepared_graph_answers_as_the_exported_one(name, tmp_path):
    reading, prepared, how = _prepared(CATALOGUE[name].build(), tmp_path)
    onnx.checker.check_model(prepared)
    value = prepared.graph.input[0].type.tensor_type
    assert value.elem_type == TensorProto.UINT8
    assert len(prepared.graph.input) == 1 + len(reading.subject.picture.constants)
    _agrees(reading, prepared, 1)
    if "int8" in name:
        assert how.split("; ")[0] in ({DIVISION, FIRST_QUANTISER} if "static" in name else {DIVISION})
    elif "yolox" in name:
        assert how == PLAIN
    elif reading.subject.picture.dtype == "float16":
        assert how == HALF_TABLE
    elif not reading.conventions.is_plain:
        assert how in {f"{DIVISION}, centred", f"{PLAIN}, centred"}
    else:
        first = next(n for n in reading.subject.model.graph.node if reading.subject.picture.name in n.input)
        folds = first.op_type == "Conv"
        # Where the graph sorts its rows two that are all but equal may change places, and the division is taken.
        sorts = reading.subject.graph.operators & {"NonMaxSuppression", "TopK"}
        # A keypoint's coordinate near 0 is held to a score's tolerance, which folding may miss by a digit.
        loose = sorts or reading.match.spec.task == "pose"
        assert how == (FIRST_CONVOLUTION if folds else DIVISION) or (folds and loose and how == DIVISION)


def test_the_exported_model_is_left_as_it_was(tmp_path):
    reading = read_model(ModelFile.read(write(anchor_free(), tmp_path / "model.onnx")), run=run_once)
    before = reading.subject.model.SerializeToString(deterministic=True)
    prepare(reading, run_once)
    assert reading.subject.model.SerializeToString(deterministic=True) == before


def test_weights_that_nobody_reads_any_more_are_gone(tmp_path):
    reading, prepared, _ = _prepared(anchor_free(), tmp_path)
    first = reading.subject.model.graph.node[0].input[1]
    assert first not in {t.name for t in prepared.graph.initializer}


@pytest.mark.parametrize("listed", [False, True])
def test_a_file_of_an_old_format_is_prepared(listed, tmp_path):
    model = anchor_free()
    model.ir_version = 3
    for tensor in model.graph.initializer if listed else []:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    reading, prepared, how = _prepared(model, tmp_path)
    assert how == FIRST_CONVOLUTION
    _agrees(reading, prepared, 2)


def test_weights_in_a_constant_node_are_folded_as_well(tmp_path):
    model = anchor_free()
    name = model.graph.node[0].input[1]
    tensor = next(t for t in model.graph.initializer if t.name == name)
    model.graph.node.insert(0, helper.make_node("Constant", [], [name], value=tensor))
    model.graph.initializer.remove(tensor)
    reading, prepared, how = _prepared(model, tmp_path)
    assert how == FIRST_CONVOLUTION
    _agrees(reading, prepared, 3)


def test_weights_that_a_caller_may_replace_are_not_folded(tmp_path):
    model = anchor_free()
    tensor = next(t for t in model.graph.initializer if t.name == model.graph.node[0].input[1])
    model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    assert _prepared(model, tmp_path)[2] == DIVISION


def _quantised(step: float) -> onnx.ModelProto:
    """The static int8 detector with another step at its input."""
    model = static_int8()
    node = next(n for n in model.graph.node if n.op_type == "QuantizeLinear")
    for tensor in model.graph.initializer:
        if tensor.name == node.input[1]:
            tensor.CopyFrom(numpy_helper.from_array(np.array(step, np.float32), tensor.name))
    return model


@pytest.mark.parametrize("step", [1 / 255, 0.0039, 0.00412, 0.0061])
def test_a_step_with_which_every_byte_comes_out_the_same_takes_the_scale(step, tmp_path):
    reading, prepared, how = _prepared(_quantised(step), tmp_path)
    assert how == FIRST_QUANTISER
    _agrees(reading, prepared, 4)


@pytest.mark.parametrize("step", [2 / 255, 6 / 255, 2 / 510])
def test_a_step_with_which_a_byte_comes_out_otherwise_does_not(step, tmp_path):
    reading, prepared, how = _prepared(_quantised(step), tmp_path)
    pixels = np.arange(256, dtype=np.float32)
    exact = np.rint(pixels / np.float32(255) / np.float32(step))
    folded = np.rint(pixels / (np.float32(step) * np.float32(255)))
    assert how == (FIRST_QUANTISER if (exact == folded).all() else DIVISION)
    spec, conventions = reading.subject.picture, reading.conventions
    planes = np.random.default_rng(5).integers(0, 256, (1, 3, *spec.size), np.uint8)
    exported = run_once(
        reading.subject.model.SerializeToString(), {spec.name: as_exported(planes, spec, conventions)}
    )
    assert np.array_equal(exported[0], run_once(prepared.SerializeToString(), {spec.name: planes})[0])


def test_some_step_is_refused_by_the_test_of_all_bytes():
    pixels = np.arange(256, dtype=np.float32)
    step = np.float32(2 / 255)
    assert (np.rint(pixels / np.float32(255) / step) != np.rint(pixels / (step * np.float32(255)))).any()


@pytest.mark.parametrize(
    ("change", "how", "scale"),
    [
        (edit.channels_last, DIVISION, 255),
        (edit.divides_itself, PLAIN, 1),
        (edit.takes_bytes, "as it is: it takes bytes", 1),
        (edit.camera_picture, "as it is: it takes bytes", 1),
    ],
)
def test_other_inputs_are_prepared(change, how, scale, tmp_path):
    reading, prepared, got = _prepared(change(anchor_free()), tmp_path)
    assert (got, reading.conventions.scale) == (how, scale)
    shape = [d.dim_value for d in prepared.graph.input[0].type.tensor_type.shape.dim]
    assert shape == [1, 3, 128, 160]
    _agrees(reading, prepared, 6)


def test_open_axes_stay_open(tmp_path):
    spec = GraphSpec(dynamic_batch=True, dynamic_size=True)
    _reading, prepared, how = _prepared(anchor_free(spec), tmp_path)
    dims = prepared.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in dims] == [0, 3, 0, 0]
    assert how == FIRST_CONVOLUTION
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 96), np.uint8)
    assert run_once(prepared.SerializeToString(), {"images": pictures})[0].shape[0] == 2


def _detector(b: GraphBuilder, stem: Feature) -> onnx.ModelProto:
    levels = backbone(b, stem, stem=stem)
    boxes = boxes_xywh(b, distances(b, levels, dfl=True), grid(b, levels))
    logits = flatten(b, [class_branch(b, level, b.spec.classes) for level in levels])
    out = b.add("Concat", boxes, b.add("Sigmoid", logits), axis=1)
    return b.finish([Output("output0", out, (1, 4 + b.spec.classes, b.spec.anchors))])


def _weight(b: GraphBuilder) -> str:
    return b.weights("shared.weight", b.rng.standard_normal((3, 3, 3, 3)) / 4)


def _conv(b: GraphBuilder, name: str, weight: str) -> str:
    return b.add("Conv", name, weight, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def test_weights_that_two_convolutions_share_are_changed_for_the_first_alone(tmp_path):
    b = GraphBuilder(GraphSpec(metadata=False))
    picture, weight = b.picture(), _weight(b)
    twice = _conv(b, b.add("Sigmoid", _conv(b, picture.name, weight)), weight)
    reading, prepared, how = _prepared(_detector(b, Feature(twice, 3, 1)), tmp_path)
    assert how == FIRST_CONVOLUTION
    assert weight in {t.name for t in prepared.graph.initializer}
    _agrees(reading, prepared, 7)


def test_a_picture_that_several_layers_read_is_divided_once(tmp_path):
    b = GraphBuilder(GraphSpec(metadata=False))
    picture, weight = b.picture(), _weight(b)
    both = b.add("Add", _conv(b, picture.name, weight), _conv(b, b.add("Sqrt", picture.name), weight))
    reading, prepared, how = _prepared(_detector(b, Feature(both, 3, 1)), tmp_path)
    assert how == DIVISION
    _agrees(reading, prepared, 8)


def test_a_picture_that_is_read_inside_a_branch_is_divided(tmp_path):
    b = GraphBuilder(GraphSpec(metadata=False))
    picture, weight = b.picture(), _weight(b)
    shape = (1, 3, 128, 160)
    branches = {}
    for name, kind in (("then_branch", "Sqrt"), ("else_branch", "Identity")):
        node = helper.make_node(kind, [picture.name], [f"{name}_out"])
        out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, shape)
        branches[name] = helper.make_graph([node], name, [], [out])
    lit = b.add("Greater", b.add("ReduceMean", _conv(b, picture.name, weight), keepdims=0), b.floats(-9.0))
    chosen = b.add("If", lit, **branches)
    mixed = b.add("Add", _conv(b, picture.name, weight), chosen)
    reading, prepared, how = _prepared(_detector(b, Feature(mixed, 3, 1)), tmp_path)
    assert how == DIVISION
    _agrees(reading, prepared, 9)


def test_padding_with_another_value_than_zero_is_not_folded_over(tmp_path):
    b = GraphBuilder(GraphSpec(metadata=False))
    picture = b.picture()
    padded = b.add("Pad", picture.name, b.ints(0, 0, 1, 1, 0, 0, 1, 1), b.floats(0.447))
    stem = b.add("Conv", padded, _weight(b), kernel_shape=[3, 3])
    reading, prepared, how = _prepared(_detector(b, Feature(stem, 3, 1)), tmp_path)
    assert how == DIVISION
    _agrees(reading, prepared, 10)


def test_a_scale_set_by_hand_is_built_in(tmp_path):
    path = write(anchor_free(), tmp_path / "model.onnx")
    path.with_suffix(".toml").write_text("scale = 100\n")
    reading = read_model(ModelFile.read(path), run=run_once)
    prepared, how = take_bytes(
        reading.subject.model, reading.subject.picture, reading.conventions, fold=False
    )
    assert how == "cast and division by 100"
    _agrees(reading, prepared, 11)


def test_a_graph_that_answers_at_random_is_refused(tmp_path):
    b = GraphBuilder(GraphSpec(metadata=False))
    picture = b.picture()
    noise = b.add("RandomNormalLike", picture.name)
    stem = _conv(b, b.add("Add", picture.name, noise), _weight(b))
    reading = read_model(
        ModelFile.read(write(_detector(b, Feature(stem, 3, 1)), tmp_path / "model.onnx")), run=run_once
    )
    with pytest.raises(
        ModelError, match=r"model.onnx: with a byte input the model answers differently .*random"
    ):
        prepare(reading, run_once)


def test_a_fold_that_the_test_picture_disproves_falls_back_to_the_division(tmp_path):
    """The runner stands for a device that computes folded weights less exactly."""
    reading = read_model(ModelFile.read(write(anchor_free(), tmp_path / "model.onnx")), run=run_once)

    def run(model, feeds):
        outputs = run_once(model, feeds)
        return [o + 0.1 for o in outputs] if b"lineside_weights" in model else outputs

    assert prepare(reading, run)[1] == DIVISION


def test_a_model_that_was_not_run_is_run_for_the_proof(tmp_path):
    reading = read_model(ModelFile.read(write(yolox(), tmp_path / "model.onnx")))
    assert reading.answer is None
    assert prepare(reading, run_once)[1] == PLAIN
    spoilt = dataclasses.replace(reading, answer=(np.zeros((1, 420, 8), np.float32),))
    with pytest.raises(ModelError):
        prepare(spoilt, run_once)
