from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Small graphs from `x` to `y`, serialised."""

    def value(self, name, shape, dtype=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, dtype, shape)

    def constant(self, name, array):
        return numpy_helper.from_array(array, name)

    def node(self, op, inputs, outputs, **attributes):
        return helper.make_node(op, inputs, outputs, **attributes)

    def model(self, nodes, *, inputs=None, outputs=None, constants=(), opset=18, ir=8, domains=()):
        graph = helper.make_graph(
            nodes,
            "graph",
            inputs or [self.value("x", [1, 3])],
            outputs or [self.value("y", [1, 3])],
            list(constants),
        )
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir).SerializeToString()

    def relu(self):
        return self.model([self.node("Relu", ["x"], ["y"])])

    def parse(self, data):
        return onnx.load_model_from_string(data)


@pytest.fixture(scope="session")
def graphs():
    return Builder()
