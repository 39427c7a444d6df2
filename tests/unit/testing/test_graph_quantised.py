from functools import partial

import numpy as np
import pytest

from lineside.core.errors import SettingsError
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    dead_static_int8,
    dynamic_int8,
    end_to_end,
    quantise_dynamic,
    quantise_static,
    static_int8,
    yolox,
)


@pytest.mark.parametrize("build", [static_int8, dynamic_int8])
def test_a_healthy_int8_form_is_close_to_the_float_network(build, answer):
    full, int8 = answer(anchor_free(), seed=5)[0], answer(build(), seed=5)[0]
    assert np.abs(full[:, :4] - int8[:, :4]).max() < 8
    assert np.abs(full[:, 4:] - int8[:, 4:]).max() < 0.1
    assert len(np.unique(int8[:, 4:])) > 100


def test_static_int8_keeps_its_tail_in_float():
    model = static_int8()
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("QuantizeLinear") > 20
    assert operators[-1] == "Concat"
    assert "images" in {n.input[0] for n in model.graph.node if n.op_type == "QuantizeLinear"}


def test_dynamic_int8_quantises_the_picture_itself():
    model = dynamic_int8()
    operators = {node.op_type for node in model.graph.node}
    assert "ConvInteger" in operators
    assert "Conv" not in operators
    assert "images" in {n.input[0] for n in model.graph.node if n.op_type == "DynamicQuantizeLinear"}


@pytest.mark.parametrize(("scale", "values"), [(2.5, {0.0}), (0.6, {0.0, 0.6})])
def test_a_dead_static_int8_rounds_its_scores_to_a_step(scale, values, answer):
    model = dead_static_int8(scale=scale)
    last = model.graph.node[-1]
    assert (last.op_type, last.output[0]) == ("DequantizeLinear", model.graph.output[0].name)
    out = answer(model)[0]
    assert {round(float(score), 5) for score in np.unique(out[:, 4:])} == values
    assert len(np.unique(out[:, :4])) > 10


@pytest.mark.parametrize("quantise", [quantise_dynamic, partial(quantise_static, top=255.0)])
def test_yolox_can_be_quantised(quantise, answer):
    model = yolox()
    before = model.SerializeToString()
    full, int8 = (answer(m, scale=255)[0] for m in (model, quantise(model)))
    assert np.abs(full - int8).max() < 0.3
    assert model.SerializeToString() == before


@pytest.mark.parametrize("quantise", [quantise_dynamic, quantise_static])
def test_end_to_end_heads_can_be_quantised(quantise, answer):
    full, int8 = (answer(m)[0] for m in (end_to_end(), quantise(end_to_end())))
    np.testing.assert_allclose(full[0, :, 4], int8[0, :, 4], atol=0.1)


def test_quantising_keeps_the_metadata():
    kept = {p.key: p.value for p in static_int8().metadata_props}
    assert kept["task"] == "detect"
    assert kept["onnx.infer"] == "onnxruntime.quant"


@pytest.mark.parametrize("spec", [GraphSpec(dynamic_size=True), GraphSpec(precision="fp16")])
def test_static_quantising_needs_a_fixed_float32_input(spec):
    with pytest.raises(SettingsError, match="fixed shape"):
        quantise_static(anchor_free(spec))
