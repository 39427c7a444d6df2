"""A network of bytes whose every sum is as large as it can be."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

CHANNELS, SCALE, STEP = 32, 0.01, 4.0


def brightest():
    """A convolution of the largest activations with the largest weights, as files in static int8 have it: two of its products overflow 16 bits.

    Returns:
        The model, its input, and what stands inside the border of its answer, to `STEP`.
    """
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "scale", "none"], ["wf"]),
        helper.make_node("Conv", ["xf", "wf"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["c", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["y"]),
    ]
    constants = {
        "w": np.full((8, CHANNELS, 3, 3), 127, np.int8),
        "scale": np.float32(SCALE),
        "step": np.float32(STEP),
        "zero": np.uint8(0),
        "none": np.int8(0),
    }
    graph = helper.make_graph(
        nodes,
        "brightest",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, CHANNELS, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 8, 8])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    picture = np.full((1, CHANNELS, 8, 8), 255, np.uint8)
    return model.SerializeToString(), picture, 255 * 127 * SCALE**2 * CHANNELS * 9


def assert_exact(session):
    """Whether an open session of `brightest` sums up without overflow."""
    _, picture, inner = brightest()
    (answer,) = session.bind({"x": picture}, fixed_shapes=True).run()
    np.testing.assert_allclose(answer[..., 1:-1, 1:-1], inner, atol=STEP)
