"""Openers and models for workers on real sessions: one that hangs on white pictures, and one that has little memory left."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lineside.testing.graphs import colour_spots

if TYPE_CHECKING:
    from lineside.dispatch.opening import DetectorOpener


def hanging_model(*, dynamic_batch=False):
    """A detector of coloured spots that, shown nothing but white, first counts to a million million in a Loop."""
    return counting_model(colour_spots(dynamic_batch=dynamic_batch), above=0.999, turns=10**12)


def counting_model(model, *, above, turns):
    """A model that first counts in a Loop where its darkest sample is above a value: once a run, however many pictures it has."""
    graph = model.graph
    picture = graph.input[0].name
    for node in graph.node:
        node.input[:] = ["seen" if name == picture else name for name in node.input]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Mul", ["kept", "half"], ["next"]),
        ],
        "count",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, []),
        ],
        [numpy_helper.from_array(np.float32(0.5), "half")],
    )
    constants = {
        "limit": np.float32(above),
        "most": np.int64(turns),
        "yes": np.bool_(True),
        "nothing": np.float32(0),
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    ahead = [
        helper.make_node("ReduceMin", [picture], ["darkest"], keepdims=0),
        helper.make_node("Greater", ["darkest", "limit"], ["is_above"]),
        helper.make_node("Cast", ["is_above"], ["once"], to=TensorProto.INT64),
        helper.make_node("Mul", ["once", "most"], ["turns"]),
        helper.make_node("Loop", ["turns", "yes", "nothing"], ["counted"], body=body),
        helper.make_node("Add", [picture, "counted"], ["seen"]),
    ]
    nodes = [*ahead, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


@dataclass(frozen=True)
class ShortOfMemory:
    """Opens detectors whose process may use only so much more memory from their first run on.

    Attributes:
        opener: Opens them.
        room_bytes: How much more.
    """

    opener: DetectorOpener
    room_bytes: int

    def __call__(self, model):
        return ShortModel(self.opener(model), self.room_bytes)


class ShortModel:
    def __init__(self, opened, room_bytes):
        self.opened = opened
        self.batches = opened.batches
        self.room_bytes = room_bytes

    def run(self, pictures, asked):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + self.room_bytes, limits[1]))
        try:
            return self.opened.run(pictures, asked)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)

    def probe(self, count):
        self.opened.probe(count)

    def cancel(self):
        self.opened.cancel()
