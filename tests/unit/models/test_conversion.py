"""Each step of a conversion: what it changes, what it leaves, and what it refuses."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.graph_edits import at_output, with_metadata, write
from hinted_graphs import (
    branched,
    in_opset,
    normalised,
    normalised_and_read,
    with_dead_ends,
    with_weights_as_inputs,
)
from lineside.core.errors import ModelError, SettingsError, UnsupportedModelError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.conversion import folding, opset, pruning
from lineside.models.conversion.convert import Wishes, convert
from lineside.models.conversion.proof import Original
from lineside.models.conversion.tensorrt import readable
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    detr_rows,
    dynamic_int8,
    end_to_end,
    nms_indices,
    nms_inside,
    nms_outputs,
    nms_rows,
    oriented_boxes,
    static_int8,
    tensorrt_nms,
)

PICTURE = np.random.default_rng(3).random((1, 3, 128, 160)).astype(np.float32)
OPEN = GraphSpec(dynamic_batch=True, dynamic_size=True)


def _original(model, tmp_path, pictures=()):
    path = write(model, tmp_path / "model.onnx")
    return Original(read_model(ModelFile.read(path), run=run_once), None, run_once, pictures)


def _converted(model, tmp_path, **wishes):
    return convert(_original(model, tmp_path), Wishes(**wishes), run_once)


def _done(conversion):
    return {outcome.step: outcome.what for outcome in conversion.outcomes if outcome.done}


def _answer(model, picture=PICTURE):
    return run_once(model.SerializeToString(), {model.graph.input[0].name: picture})


def _operators(data):
    return [node.op_type for node in onnx.load_from_string(data).graph.node]


# Pruning.


def test_what_nobody_reads_is_dropped(tmp_path):
    model = with_dead_ends()
    done = _done(_converted(model, tmp_path, prune=True))
    assert done == {
        "prune": "1 nodes that no output depends on were dropped; 1 constants that nobody reads were dropped"
    }


def test_what_a_graph_inside_reads_is_no_dead_end():
    model = branched()
    assert pruning.drop_dead(model) == (0, 0)
    np.testing.assert_array_equal(_answer(model), _answer(anchor_free()))


def test_constants_that_are_inputs_are_so_no_more(tmp_path):
    conversion = _converted(with_weights_as_inputs(), tmp_path, prune=True)
    assert [value.name for value in onnx.load_from_string(conversion.data).graph.input] == ["images"]
    assert "weights_as_inputs" not in {hint.code for hint in conversion.card.hints}


def test_in_the_old_format_constants_stay_inputs(tmp_path):
    model = with_weights_as_inputs(3)
    assert pruning.fix_constants(model) == 0
    assert len(model.graph.input) > 1


def test_an_output_without_which_the_head_is_unknown_stays_unless_it_is_asked_for(tmp_path):
    conversion = _converted(detr_rows(), tmp_path)
    outcome = next(outcome for outcome in conversion.outcomes if outcome.step == "outputs")
    assert not outcome.done
    assert "would be refused" in outcome.what
    assert len(onnx.load_from_string(conversion.data).graph.output) == 2
    with pytest.raises(
        ModelError, match="--outputs: the file would answer otherwise: the file would be refused"
    ):
        _converted(detr_rows(), tmp_path, outputs=True)


# Operator sets.


@pytest.mark.parametrize("build", [anchor_free, dynamic_int8, static_int8])
@pytest.mark.parametrize("version", [17, 21])
def test_another_operator_set_answers_the_same(build, version, tmp_path):
    conversion = _converted(build(), tmp_path, opset=version)
    assert conversion.card.opset == version
    assert _done(conversion) == {"opset": f"operator set 18 became {version}, by onnx's version converter"}


def test_what_the_exporter_wrote_stays(tmp_path):
    model = anchor_free()
    model.doc_string = "a note"
    conversion = _converted(model, tmp_path, opset=20)
    new = onnx.load_from_string(conversion.data)
    assert {e.key: e.value for e in new.metadata_props} == {e.key: e.value for e in model.metadata_props}
    assert (new.producer_name, new.doc_string) == (model.producer_name, "a note")


def test_an_operator_set_without_a_way_is_refused_with_the_operator(tmp_path):
    with pytest.raises(
        UnsupportedModelError, match=r"model.onnx: --opset: no way down to operator set 12: .*Split"
    ):
        _converted(end_to_end(), tmp_path, opset=12)


def test_nodes_that_are_of_the_older_set_as_they_stand_are_called_so():
    model = anchor_free()
    assert opset.to_opset(model, 13) == "operator set 18 became 13, with the nodes as they were"
    np.testing.assert_array_equal(_answer(model), _answer(anchor_free()))


@pytest.mark.parametrize("version", [6, 24])
def test_an_operator_set_out_of_range_is_refused(version):
    with pytest.raises(SettingsError, match=f"opset: expected a number from 7 to 23; got {version}"):
        Wishes(opset=version)


def test_an_old_file_gets_the_recommended_operator_set(tmp_path):
    conversion = _converted(in_opset(12), tmp_path)
    assert conversion.card.opset == opset.RECOMMENDED
    assert "opset_old" not in {hint.code for hint in conversion.card.hints}


# Shapes.


def test_open_axes_are_fixed_and_what_follows_is_known(tmp_path):
    conversion = _converted(anchor_free(OPEN), tmp_path, size=True, batch=True)
    graph = onnx.load_from_string(conversion.data).graph
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in (graph.input[0], graph.output[0])]
    assert shapes == [[1, 3, 128, 160], [1, 7, 420]]
    assert conversion.card.hints == ()


def test_the_batch_alone_can_be_fixed(tmp_path):
    conversion = _converted(anchor_free(OPEN), tmp_path, batch=True)
    assert not conversion.card.input.dynamic_batch
    assert conversion.card.input.dynamic_size
    assert _done(conversion) == {"batch": "fixed: one picture a run"}


def test_a_fixed_file_has_nothing_to_fix(tmp_path):
    conversion = _converted(anchor_free(), tmp_path, size=True, batch=True)
    assert not conversion.is_changed


def test_a_fixed_batch_of_several_becomes_one(tmp_path):
    model = anchor_free(GraphSpec(dynamic_batch=True))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 4
    conversion = _converted(model, tmp_path)
    assert _done(conversion)["batch"] == "a batch of 4 became one picture a run"


# Folding.


def test_a_normalisation_goes_into_its_convolution(tmp_path):
    model = normalised()
    conversion = _converted(model, tmp_path, fold=True)
    assert "BatchNormalization" in [node.op_type for node in model.graph.node]
    assert "BatchNormalization" not in _operators(conversion.data)
    np.testing.assert_allclose(
        _answer(onnx.load_from_string(conversion.data))[0], _answer(model)[0], atol=1e-3, rtol=1e-5
    )


def test_a_convolution_without_a_bias_gets_one():
    model = normalised()
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    del conv.input[2:]
    expected = _answer(model)[0]
    assert folding.fold_norms(model) == 1
    np.testing.assert_allclose(_answer(model)[0], expected, atol=1e-3, rtol=1e-5)


def test_a_normalisation_whose_convolution_is_read_elsewhere_stays():
    assert folding.fold_norms(normalised_and_read()) == 0


def test_a_normalisation_that_learns_stays():
    model = normalised()
    norm = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    norm.attribute.append(helper.make_attribute("training_mode", 1))
    assert folding.fold_norms(model) == 0


def test_constants_are_computed_once_and_shapes_are_constants(tmp_path):
    nodes = [
        helper.make_node("Shape", ["inner"], ["shape"]),
        helper.make_node("Constant", [], ["zero"], value=numpy_helper.from_array(np.array(0))),
        helper.make_node("Gather", ["shape", "zero"], ["one"]),
        helper.make_node("Cast", ["one"], ["factor"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["inner", "factor"], ["outer"]),
    ]
    model = at_output(anchor_free(), *nodes)
    expected = _answer(model)[0]
    folding.lift_constants(model)
    folding.fold_constants(model, run_once)
    assert not {"Shape", "Constant", "Gather", "Cast"} & {node.op_type for node in model.graph.node}
    np.testing.assert_array_equal(_answer(model)[0], expected)


def test_the_shape_of_an_open_axis_is_no_constant():
    nodes = [
        helper.make_node("Shape", ["inner"], ["shape"]),
        helper.make_node("Reshape", ["inner", "shape"], ["outer"]),
    ]
    model = at_output(anchor_free(OPEN), *nodes)
    folding.fold_constants(model, run_once)
    assert "Shape" in [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("build", [dynamic_int8, static_int8])
def test_quantised_weights_stay_quantised(build):
    model = build()
    before = [node.op_type for node in model.graph.node]
    folding.fold_constants(model, run_once)
    assert [o for o in before if "Quantize" in o] == [
        n.op_type for n in model.graph.node if "Quantize" in n.op_type
    ]


def test_numbers_drawn_anew_each_time_are_no_constants():
    model = anchor_free()
    model.graph.node.append(
        helper.make_node("RandomNormalLike", [model.graph.initializer[0].name], ["noise"])
    )
    model.graph.output.append(helper.make_tensor_value_info("noise", TensorProto.FLOAT, None))
    folding.fold_constants(model, run_once)
    assert "RandomNormalLike" in [node.op_type for node in model.graph.node]


def test_a_file_of_the_old_format_keeps_its_constants_fixed_when_it_is_raised(tmp_path):
    for wishes in ({"opset": 20}, {"fold": True}):
        model = with_weights_as_inputs(3)
        model.graph.node.append(
            helper.make_node("Constant", [], ["unread"], value=numpy_helper.from_array(np.array(0)))
        )
        conversion = _converted(model, tmp_path, **wishes)
        new = onnx.load_from_string(conversion.data)
        assert new.ir_version >= 4
        assert [value.name for value in new.graph.input] == ["images"]


# Integers.


def test_signed_weights_become_unsigned_and_sum_up_to_the_same(tmp_path):
    model = dynamic_int8()
    conversion = _converted(model, tmp_path, unsigned=True)
    assert [hint.code for hint in conversion.card.hints] == ["dynamic_int8"]
    np.testing.assert_array_equal(_answer(onnx.load_from_string(conversion.data))[0], _answer(model)[0])


# NMS inside.


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (nms_inside, "--confidence 0.25 --iou 0.7 --max-detections 300 --class-aware"),
        (nms_outputs, "--confidence 0.05 --iou 0.45 --max-detections 100 --agnostic"),
        (nms_rows, "--confidence 0.05 --iou 0.45 --max-detections 100 --class-aware"),
        (partial(nms_outputs, GraphSpec(classes=1)), "--iou 0.45 --max-detections 100 --class-aware"),
    ],
)
def test_nms_is_taken_out_and_finds_the_same_outside(build, options, tmp_path):
    conversion = _converted(build(), tmp_path, remove_nms=True)
    assert "NonMaxSuppression" not in _operators(conversion.data)
    assert conversion.card.family == "yolov8"
    assert not conversion.card.nms_inside
    assert conversion.proof.detections > 50
    assert conversion.inside is not None
    assert options in conversion.inside.options()
    entries = {e.key: e.value for e in onnx.load_from_string(conversion.data).metadata_props}
    assert entries["lineside_nms_iou"] == f"{conversion.inside.iou:g}"


def test_what_else_is_asked_for_is_done_to_the_cut_file(tmp_path):
    conversion = _converted(nms_rows(), tmp_path, remove_nms=True, opset=20, fold=True, outputs=True)
    assert set(_done(conversion)) == {"remove-nms", "opset"}
    assert conversion.card.opset == 20


def test_nms_is_not_taken_out_unasked(tmp_path):
    conversion = _converted(nms_inside(), tmp_path)
    assert "NonMaxSuppression" in _operators(conversion.data)
    assert [hint.code for hint in conversion.card.hints if hint.severity == "wrong"] == ["nms_inside"]


def test_what_is_never_seen_to_find_anything_is_not_cut(tmp_path):
    with pytest.raises(UnsupportedModelError, match=r"finds nothing on 2 test pictures.* with --data"):
        _converted(nms_inside(confidence=0.999), tmp_path, remove_nms=True)


@pytest.mark.parametrize(
    ("build", "refusal"),
    [
        (anchor_free, "there is no NMS inside to remove"),
        (end_to_end, "there is no NMS inside to remove"),
        (
            lambda: nms_indices(GraphSpec(size=Size(height=160, width=160))),
            "no tensor before the NMS holds boxes and scores in a form that lineside reads",
        ),
    ],
)
def test_a_file_that_cannot_be_cut_is_refused(build, refusal, tmp_path):
    with pytest.raises(UnsupportedModelError, match=f"model.onnx: {refusal}"):
        _converted(build(), tmp_path, remove_nms=True)


def test_a_threshold_that_the_graph_computes_is_refused(tmp_path):
    model = nms_rows()
    layer = next(node for node in model.graph.node if node.op_type == "NonMaxSuppression")
    model.graph.node.insert(0, helper.make_node("Identity", [layer.input[3]], ["copied"]))
    model.graph.node.insert(1, helper.make_node("Mul", ["copied", "copied"], ["computed"]))
    layer.input[3] = "computed"
    with pytest.raises(UnsupportedModelError, match="are computed in the graph"):
        _converted(model, tmp_path, remove_nms=True)


def test_boxes_that_the_cut_would_lose_are_told(tmp_path):
    model = nms_rows()
    layer = next(node for node in model.graph.node if node.op_type == "NonMaxSuppression")
    # The graph leaves out what it finds first: no NMS outside does that.
    chosen = layer.output[0]
    layer.output[0] = "all"
    at = list(model.graph.node).index(layer) + 1
    names = {"from": np.array([1]), "to": np.array([2**31]), "rows": np.array([0])}
    model.graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in names.items())
    model.graph.node.insert(at, helper.make_node("Slice", ["all", *names], [chosen]))
    with pytest.raises(UnsupportedModelError, match=r"detections, the original has \d+"):
        _converted(model, tmp_path, remove_nms=True)


# TensorRT's layers.


def _of_tensorrt(tmp_path, **settings):
    """A file with TensorRT's layer, set to something."""
    model = tensorrt_nms()
    layer = next(node for node in model.graph.node if node.op_type == "EfficientNMS_TRT")
    layer.attribute.extend(helper.make_attribute(name, value) for name, value in settings.items())
    return ModelFile.read(write(model, tmp_path / "model.onnx"))


@pytest.mark.parametrize("layer", ["EfficientNMS_TRT", "BatchedNMS_TRT"])
def test_a_layer_that_only_tensorrt_runs_is_taken_out(layer, tmp_path):
    path = write(tensorrt_nms(layer=layer), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedModelError, match=f"{layer} runs in TensorRT alone: lineside convert"):
        read_model(ModelFile.read(path), run=run_once)
    file, stands_in = readable(ModelFile.read(path))
    onnx.checker.check_model(onnx.load_from_string(file.data))
    reading = read_model(file, run=run_once)
    original = Original(reading, None, run_once, stands_in=stands_in)
    conversion = convert(original, Wishes(remove_nms=True), run_once)
    assert reading.family == "nms_outputs"
    assert conversion.card.family == "yolov8"
    assert conversion.proof.detections > 20
    assert (conversion.inside.confidence, conversion.inside.iou, conversion.inside.most) == (0.25, 0.45, 100)
    assert "TensorRT's layer was not run" in _done(conversion)["remove-nms"]


def test_what_stands_for_the_layer_gives_at_most_as_many_as_it(tmp_path):
    file, _ = readable(_of_tensorrt(tmp_path, max_output_boxes=5))
    count, boxes, scores, classes = run_once(file.data, {"images": PICTURE})
    assert (count.tolist(), boxes.shape, scores.shape, classes.shape) == ([[5]], (1, 5, 4), (1, 5), (1, 5))
    assert (np.diff(scores[0]) <= 0).all()


@pytest.mark.parametrize(
    ("setting", "value"), [("box_coding", 1), ("score_activation", 1), ("class_agnostic", 1)]
)
def test_a_setting_that_is_not_written_in_operators_is_refused(setting, value, tmp_path):
    with pytest.raises(UnsupportedModelError, match=f"its setting {setting}"):
        readable(_of_tensorrt(tmp_path, **{setting: value}))


def test_a_layer_without_thresholds_is_refused(tmp_path):
    model = tensorrt_nms()
    layer = next(node for node in model.graph.node if node.op_type == "EfficientNMS_TRT")
    del layer.attribute[:]
    with pytest.raises(UnsupportedModelError, match="it does not say its thresholds"):
        readable(ModelFile.read(write(model, tmp_path / "model.onnx")))


def test_a_file_without_such_a_layer_is_read_as_it_is(tmp_path):
    file = ModelFile.read(write(nms_rows(), tmp_path / "model.onnx"))
    assert readable(file) == (file, False)


# The proof.


def test_a_step_that_changes_the_answer_is_not_taken(tmp_path):
    original = _original(anchor_free(), tmp_path)
    other = anchor_free(GraphSpec(seed=1)).SerializeToString()
    assert "output 0 differs by up to" in original.other_answer(other)


def test_a_difference_on_the_users_pictures_alone_counts(tmp_path):
    white = np.full((1, 3, 128, 160), 255, np.uint8)
    original = _original(anchor_free(), tmp_path, [white])
    model = anchor_free()
    # Answers as before, unless the whole picture is white.
    nodes = [
        helper.make_node("ReduceMin", ["images"], ["darkest"], keepdims=0),
        helper.make_node("Floor", ["darkest"], ["is_white"]),
        helper.make_node("Add", ["inner", "is_white"], ["outer"]),
    ]
    data = at_output(model, *nodes).SerializeToString()
    assert original.other_answer(data, part=slice(2)) is None
    assert "differs by up to 1" in original.other_answer(data)


def test_another_number_of_names_or_another_task_is_told(tmp_path):
    original = _original(anchor_free(), tmp_path)
    renamed = with_metadata(anchor_free(), names="{0: 'a', 1: 'b', 2: 'c'}")
    assert "its class names would be" in original.other_answer(renamed.SerializeToString())
    assert "its task would be obb" in original.other_answer(oriented_boxes().SerializeToString())
