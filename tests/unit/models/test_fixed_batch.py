"""Files that were exported for several pictures at a time: rewritten for one, or refused with the reason."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.graph_edits import write
from lineside import Detector
from lineside.core.errors import UnsupportedModelError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    colour_spots,
    draw_spots,
    end_to_end,
    quantise_dynamic,
    yolov5,
    yolox,
)


def for_batch(model, batch):
    """As an exporter writes it for a batch: in the inputs, the outputs, and the shapes of its reshapes."""
    new = onnx.ModelProto()
    new.CopyFrom(model)
    for value in (*new.graph.input, *new.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    shapes = {node.input[1] for node in new.graph.node if node.op_type == "Reshape"}
    for tensor in new.graph.initializer:
        if tensor.name in shapes:
            shape = numpy_helper.to_array(tensor).copy()
            shape[0] = batch if shape[0] == 1 else shape[0]
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
    return new


@pytest.mark.parametrize(
    "build",
    [anchor_free, yolov5, yolox, lambda: quantise_dynamic(anchor_free())],
    ids=lambda build: build.__name__,
)
def test_a_fixed_batch_is_rewritten_for_one_picture(build, tmp_path):
    (tmp_path / "four").mkdir()
    one = ModelCard.read(write(build(), tmp_path / "model.onnx"), run=run_once)
    four = ModelCard.read(write(for_batch(build(), 4), tmp_path / "four" / "model.onnx"), run=run_once)
    assert (four.family, four.names, four.head, four.input) == (one.family, one.names, one.head, one.input)
    assert [w for w in four.warnings if w not in one.warnings] == [
        (
            "the file fixes a batch of 4; it is rewritten for one picture, which answers as the file does. "
            "Export it with batch 1 or a dynamic batch"
        )
    ]


def test_it_finds_what_the_model_of_one_picture_finds(tmp_path):
    cache = tmp_path / "cache"
    one = Detector(write(colour_spots(), tmp_path / "one.onnx"), cache=cache)
    two = Detector(write(for_batch(colour_spots(), 2), tmp_path / "two.onnx"), cache=cache)
    picture = draw_spots(np.random.default_rng(3), Size(height=320, width=320), 4).image
    expected, got = one(picture), two(picture)
    assert len(got) == len(expected) == 4
    np.testing.assert_allclose(got.xyxy, expected.xyxy, atol=0.05)
    assert Detector(tmp_path / "two.onnx", cache=cache).card.warnings == two.card.warnings


def test_it_is_not_rewritten_without_a_proof(tmp_path):
    path = write(for_batch(anchor_free(), 4), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedModelError, match="a fixed batch of 4; export it with batch 1"):
        ModelCard.read(path)


def test_a_batch_that_stands_in_the_middle_of_the_graph_is_refused(tmp_path):
    """The boxes of each picture depend on how many there are: one picture is another question."""
    model = for_batch(anchor_free(GraphSpec(metadata=False)), 2)
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["inner" if name == output else name for name in node.output]
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "pictures"))
    model.graph.node.append(helper.make_node("CumSum", ["inner", "pictures"], ["sums"], reverse=1))
    model.graph.node.append(helper.make_node("Sub", ["sums", "inner"], ["others"]))
    model.graph.node.append(helper.make_node("Add", ["inner", "others"], [output]))
    with pytest.raises(UnsupportedModelError) as refusal:
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
    assert str(refusal.value).startswith(
        'model.onnx: input "images" is float32 (2, 3, 128, 160): a fixed batch'
    )
    assert "rewritten for one picture, output 0 differs" in str(refusal.value)


def test_an_answer_for_all_pictures_together_is_refused(tmp_path):
    model = end_to_end(GraphSpec())
    model.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("images", TensorProto.FLOAT, [3, 3, 128, 160])
    )
    with pytest.raises(UnsupportedModelError, match="a fixed batch of 3; export it with batch 1"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)
